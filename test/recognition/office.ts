import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import type { Effect, ToolClass } from '../../src/core/tool/types.ts';

/** How a field of a tool may be written in another way without another meaning. */
export type FieldKind = 'number' | 'email' | 'emails' | 'time' | 'uuid' | 'currency' | 'labels' | 'options' | 'meta';

/** A tool of the office, whichever way it is served. */
export interface OfficeTool {
  readonly name: string;
  readonly effect: Effect;
  readonly class: ToolClass;
  readonly shape: z.ZodObject;
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** The path at the API, with arguments in braces. */
  readonly path: string;
  readonly fields: Readonly<Record<string, FieldKind>>;
  /** The field with the free text, and the kind of its texts. */
  readonly text?: readonly [field: string, kind: 'message' | 'task' | 'memo'];
  /** The argument that names what a state tool writes. */
  readonly resource?: string;
  readonly movesMoney?: true;
}

const short = z.string().max(40);
const time = z.iso.datetime({ offset: true });
const options = z.object({ layout: z.enum(['rows', 'circle']).optional(), catering: z.boolean().optional() });

export const officeTools: readonly OfficeTool[] = [
  {
    name: 'send_message',
    effect: 'create',
    class: 'create',
    shape: z.object({
      to: z.array(z.email()).min(1),
      subject: short,
      body: z.string(),
      priority: z.int().optional(),
      meta: z.record(z.string(), z.unknown()).optional(),
    }),
    method: 'POST',
    path: '/messages',
    fields: { to: 'emails', priority: 'number', meta: 'meta' },
    text: ['body', 'message'],
  },
  {
    name: 'create_task',
    effect: 'create',
    class: 'create',
    shape: z.object({
      list_id: z.uuid(),
      title: z.string(),
      due: time.optional(),
      labels: z.array(z.string()).optional(),
      estimate: z.number().optional(),
      meta: z.record(z.string(), z.unknown()).optional(),
    }),
    method: 'POST',
    path: '/tasks',
    fields: { list_id: 'uuid', due: 'time', labels: 'labels', estimate: 'number', meta: 'meta' },
    text: ['title', 'task'],
  },
  {
    name: 'pay_bill',
    effect: 'create',
    class: 'create',
    shape: z.object({
      payee: short,
      amount: z.number(),
      currency: z.string().length(3),
      receipt_email: z.email().optional(),
      memo: z.string().optional(),
    }),
    method: 'POST',
    path: '/payments',
    fields: { amount: 'number', currency: 'currency', receipt_email: 'email' },
    text: ['memo', 'memo'],
    movesMoney: true,
  },
  {
    name: 'book_room',
    effect: 'create',
    class: 'create',
    shape: z.object({
      room: short,
      start: time,
      minutes: z.int(),
      guests: z.array(z.email()).optional(),
      options: options.optional(),
      meta: z.record(z.string(), z.unknown()).optional(),
    }),
    method: 'POST',
    path: '/bookings',
    fields: { start: 'time', minutes: 'number', guests: 'emails', options: 'options', meta: 'meta' },
  },
  {
    name: 'set_status',
    effect: 'update',
    class: 'state',
    shape: z.object({ id: short, status: short }),
    method: 'PUT',
    path: '/statuses/{id}',
    fields: {},
    resource: 'id',
  },
  {
    name: 'update_contact',
    effect: 'update',
    class: 'state',
    shape: z.object({ contact_id: short, email: z.email(), phone: short.optional() }),
    method: 'PATCH',
    path: '/contacts/{contact_id}',
    fields: { email: 'email' },
    resource: 'contact_id',
  },
  {
    name: 'delete_item',
    effect: 'delete',
    class: 'state',
    shape: z.object({ item_id: short }),
    method: 'DELETE',
    path: '/items/{item_id}',
    fields: {},
    resource: 'item_id',
  },
  {
    name: 'append_row',
    effect: 'update',
    class: 'repeatable',
    shape: z.object({ sheet: short, value: z.number().optional(), text: z.string().optional() }),
    method: 'POST',
    path: '/sheets/{sheet}/rows',
    fields: { value: 'number' },
    text: ['text', 'task'],
  },
  {
    name: 'press_button',
    effect: 'update',
    class: 'repeatable',
    shape: z.object({ button: short }),
    method: 'POST',
    path: '/buttons/{button}/press',
    fields: {},
  },
  {
    name: 'job_report',
    effect: 'update',
    class: 'state',
    shape: z.object({ job_id: short }),
    method: 'POST',
    path: '/jobs/{job_id}/report',
    fields: {},
  },
  {
    name: 'note_visit',
    effect: 'update',
    class: 'off',
    shape: z.object({ page: short }),
    method: 'POST',
    path: '/visits',
    fields: {},
  },
];

/** Returns the tool's input as other programs see it. */
export function inputSchemaOf({ shape }: OfficeTool): Record<string, unknown> {
  const { $schema: _schema, ...schema } = z.toJSONSchema(shape, { io: 'input' }) as Record<string, unknown>;
  return schema;
}

/** Why the office does not answer a request in the usual way. */
export type OfficeFault =
  | 'none'
  /** The effect happens at once, and the answer waits for `release`. */
  | 'hold'
  /** The effect happens, and the connection ends without an answer. */
  | 'reset'
  /** The connection ends before anything happens. */
  | 'lost'
  | 'rate_limited'
  | 'declined';

export interface OfficeEffect {
  readonly id: string;
  readonly tool: string;
  /** All that this effect made, by id. */
  readonly ids: readonly string[];
}

const routes = officeTools.map((tool) => ({
  tool,
  matches: new RegExp(`^${tool.path.replace(/\{\w+\}/g, '[^/]+')}$`),
}));

/** The API at which all effects of the corpus happen. It counts them, and knows nothing of a ledger. */
export class Office {
  readonly effects: OfficeEffect[] = [];
  url = '';
  #server: Server | undefined;
  readonly #faults: OfficeFault[] = [];
  readonly #saved = new Map<string, string>();
  #held: (() => void)[] = [];
  #arrivals = 0;
  #waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  static async open(): Promise<Office> {
    const office = new Office();
    const server = createServer((request, response) => void office.#answer(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    office.#server = server;
    office.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return office;
  }

  next(fault: OfficeFault): void {
    if (fault !== 'none') this.#faults.push(fault);
  }

  /** Removes the faults that no request met. */
  calm(): void {
    this.#faults.length = 0;
    this.release();
  }

  release(): void {
    for (const open of this.#held.splice(0)) open();
  }

  get arrivals(): number {
    return this.#arrivals;
  }

  /** Resolves when so many requests have arrived in total. */
  arrived(count: number): Promise<void> {
    if (this.#arrivals >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }

  async close(): Promise<void> {
    this.calm();
    this.#server?.closeAllConnections();
    this.#server?.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const path = new URL(request.url ?? '/', this.url).pathname;
    const route = routes.find(({ tool, matches }) => tool.method === request.method && matches.test(path));
    const fault = this.#faults.shift() ?? 'none';
    const reply = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    const key = request.headers['idempotency-key'];
    const saved = typeof key === 'string' ? this.#saved.get(key) : undefined;
    if (route === undefined) reply(404, { message: 'not found' });
    else if (saved !== undefined) reply(200, { id: saved });
    else if (fault === 'rate_limited') reply(429, { message: 'rate limit exceeded, nothing was written' });
    else if (fault === 'declined') reply(402, { message: 'declined, nothing was written' });
    else if (fault === 'lost') request.socket.destroy();
    else {
      const id = `fx_${this.effects.length + 1}_${route.tool.name.replaceAll('_', '')}`;
      this.effects.push({ id, tool: route.tool.name, ids: [id] });
      if (typeof key === 'string') this.#saved.set(key, id);
      if (fault === 'hold') await this.#arrive(() => new Promise<void>((open) => this.#held.push(open)));
      if (fault === 'reset') request.socket.destroy();
      else reply(201, { id });
      if (fault === 'hold') return;
    }
    await this.#arrive(async () => undefined);
  }

  async #arrive(then: () => Promise<void>): Promise<void> {
    const going = then();
    this.#arrivals += 1;
    for (const { count, resolve } of this.#waiting) if (this.#arrivals >= count) resolve();
    await going;
  }
}
