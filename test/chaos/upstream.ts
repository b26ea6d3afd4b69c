import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

/** What happens to one request of an item. */
export type UpstreamFault =
  /** The effect happens, and the connection breaks before an answer. */
  | 'answer_lost'
  /** The effect happens, and the answer is 500. */
  | 'error_after'
  /** No effect, and the answer is 503. */
  | 'unavailable'
  /** The effect happens, and the answer ends in the middle. */
  | 'truncated'
  /** The effect and its answer come later. */
  | 'slow'
  /** The effect comes later, also if the caller is gone by then. */
  | 'late'
  /** The effect waits for `release`, also if the caller is gone by then. */
  | 'blocked'
  /** The effect happens, and its answer waits for `release`. */
  | 'held';

export interface UpstreamEffect {
  readonly id: string;
  readonly item: string;
  readonly marker: string;
}

const slowMs = 400;

/** An API that counts its effects. It knows nothing of the ledger. */
export class EffectUpstream {
  readonly url: string;
  readonly #server: Server;
  readonly #effects: Map<string, UpstreamEffect[]>;
  readonly #faults: Map<string, UpstreamFault[]>;
  readonly #arrivals: Map<string, number>;
  readonly #held: (() => void)[];

  private constructor(server: Server, parts: Parts) {
    this.#server = server;
    this.#effects = parts.effects;
    this.#faults = parts.faults;
    this.#arrivals = parts.arrivals;
    this.#held = parts.held;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** @param lateMs how late the effects of `late` requests come */
  static async start(lateMs = 1_500): Promise<EffectUpstream> {
    const parts: Parts = {
      effects: new Map(),
      faults: new Map(),
      arrivals: new Map(),
      held: [],
      keys: new Map(),
      lateMs,
    };
    const server = createServer((request, response) => {
      answer(parts, request, response).catch(() => response.destroy());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new EffectUpstream(server, parts);
  }

  /** The next requests for an item meet these faults, in order. */
  plan(item: string, ...faults: UpstreamFault[]): void {
    this.#faults.set(item, faults);
  }

  effectsOf(item: string): readonly UpstreamEffect[] {
    return this.#effects.get(item) ?? [];
  }

  /** Returns how many requests for an item have arrived. */
  arrived(item: string): number {
    return this.#arrivals.get(item) ?? 0;
  }

  get items(): string[] {
    return [...this.#effects.keys()];
  }

  release(): void {
    for (const open of this.#held.splice(0)) open();
  }

  async close(): Promise<void> {
    this.release();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

interface Parts {
  readonly effects: Map<string, UpstreamEffect[]>;
  readonly faults: Map<string, UpstreamFault[]>;
  readonly arrivals: Map<string, number>;
  readonly held: (() => void)[];
  /** What a key stands for: one effect, however often the key comes. */
  readonly keys: Map<string, UpstreamEffect>;
  readonly lateMs: number;
}

async function answer(parts: Parts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://upstream');
  if (request.method === 'GET') return found(parts, url.searchParams.get('marker'), response);
  const { item } = (await json(request)) as { item: string };
  const { marker, 'idempotency-key': key } = request.headers as Record<string, string | undefined>;
  parts.arrivals.set(item, (parts.arrivals.get(item) ?? 0) + 1);
  const fault = parts.faults.get(item)?.shift();
  if (fault === 'unavailable') return send(response, 503, { error: 'unavailable' });
  if (fault === 'slow') await pause(slowMs);
  if (fault === 'late') await pause(parts.lateMs);
  if (fault === 'blocked') await new Promise<void>((resolve) => parts.held.push(resolve));
  const isKeyed = url.pathname.startsWith('/keyed/') && key !== undefined;
  const effect = isKeyed ? keyedEffect(parts, key, item, marker) : noted(parts, item, marker);
  switch (fault) {
    case 'answer_lost':
      return void request.socket.destroy();
    case 'error_after':
      return send(response, 500, { error: 'internal' });
    case 'truncated': {
      const body = JSON.stringify(effect);
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
      response.write(body.slice(0, body.length / 2), () => request.socket.destroy());
      return;
    }
    case 'held':
      await new Promise<void>((resolve) => parts.held.push(resolve));
      return send(response, 200, effect);
    default:
      return send(response, 200, effect);
  }
}

function keyedEffect(parts: Parts, key: string, item: string, marker = ''): UpstreamEffect {
  const known = parts.keys.get(key);
  if (known) return known;
  const effect = noted(parts, item, marker);
  parts.keys.set(key, effect);
  return effect;
}

function noted({ effects }: Parts, item: string, marker = ''): UpstreamEffect {
  const effect = { id: randomUUID(), item, marker };
  effects.set(item, [...(effects.get(item) ?? []), effect]);
  return effect;
}

function found({ effects }: Parts, marker: string | null, response: ServerResponse): void {
  const matching = [...effects.values()].flat().filter((effect) => effect.marker === marker);
  send(response, 200, matching);
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
