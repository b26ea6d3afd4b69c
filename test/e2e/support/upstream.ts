import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

interface Document {
  readonly id: string;
  readonly name: string;
}

/**
 * A small HTTP API without idempotency keys: `PUT /documents/ID` creates or replaces a document (RFC 9110, 9.2.2).
 * It also answers `GET /when/...` once a test's condition holds, and `GET /gate` once the gate is open.
 */
export class FixtureUpstream {
  readonly url: string;
  /** Every PUT that arrived. */
  readonly writes: Document[] = [];
  readonly #documents = new Map<string, Document>();
  readonly #toHold = new Set<string>();
  readonly #held = new Map<string, ServerResponse>();
  readonly #conditions: (() => boolean | Promise<boolean>)[] = [];
  readonly #server: Server;
  #closed = false;
  #gate: ServerResponse[] | undefined;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('request', (request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  static async start(): Promise<FixtureUpstream> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new FixtureUpstream(server);
  }

  /** Returns the ids of the documents with a name. */
  named(name: string): string[] {
    return [...this.#documents.values()].filter((document) => document.name === name).map(({ id }) => id);
  }

  /** Executes the next write of a document with this name, but withholds the answer until it is released. */
  hold(name: string): void {
    this.#toHold.add(name);
  }

  release(name: string): void {
    const response = this.#held.get(name);
    if (response) reply(response, { name });
  }

  /** A URL that answers when the condition holds. */
  when(condition: () => boolean | Promise<boolean>): string {
    return `${this.url}/when/${this.#conditions.push(condition) - 1}`;
  }

  closeGate(): void {
    this.#gate = [];
  }

  /** How many requests wait at the gate. */
  get atGate(): number {
    return this.#gate?.length ?? 0;
  }

  openGate(): void {
    const waiting = this.#gate ?? [];
    this.#gate = undefined;
    for (const response of waiting) reply(response, {});
  }

  async close(): Promise<void> {
    this.#closed = true;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, kind = '', id = ''] = (request.url ?? '').split('/');
    if (kind === 'when') {
      const condition = this.#conditions[Number(id)];
      while (condition && !this.#closed && !(await condition())) await new Promise((done) => setTimeout(done, 10));
      return reply(response, {});
    }
    if (kind === 'gate') {
      if (this.#gate) this.#gate.push(response);
      else reply(response, {});
      return;
    }
    const { name } = (await json(request)) as { name: string };
    const document = { id, name };
    this.#documents.set(id, document);
    this.writes.push(document);
    if (this.#toHold.delete(name)) this.#held.set(name, response);
    else reply(response, document);
  }
}

function reply(response: ServerResponse, body: object): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
