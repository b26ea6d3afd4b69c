import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * What goes wrong with one request.
 *
 * - `answer_lost`: it takes effect, and the connection breaks before the answer
 * - `request_lost`: the connection breaks before it takes effect
 * - `refused`: the answer is 422, without an effect
 * - `error`: the answer is 500, without an effect
 * - `error_after_effect`: it takes effect, and the answer is 500
 */
export type UpstreamFault = 'answer_lost' | 'request_lost' | 'refused' | 'error' | 'error_after_effect';

/** A request as the scripted upstream has received it. */
export interface UpstreamRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The body: parsed where it is JSON, else its text. */
  readonly body: unknown;
  /** The key in the header that the upstream reads. */
  readonly key: string | undefined;
}

/** Returns the JSON of an answer. `count` is the number of the effect: 1 for the first. */
export type UpstreamAnswer = (request: UpstreamRequest, count: number) => unknown;

/** A fault, or a kill of the caller that begins when the request has arrived. */
type Incident = UpstreamFault | { readonly acts: boolean; readonly arrived: () => void };

const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const bodyCharsMax = 16 * 1024 * 1024;

/** A real HTTP server on a free port of this machine. It counts effects, and faults happen where a test says so. */
export class ScriptedUpstream {
  readonly #server = createServer((request, response) => void this.#handle(request, response));
  readonly #requests: UpstreamRequest[] = [];
  readonly #effects: UpstreamRequest[] = [];
  readonly #known = new Map<string, unknown>();
  readonly #incidents: Incident[] = [];
  readonly #answer: UpstreamAnswer;
  readonly #keyHeader: string | undefined;
  #url = '';

  constructor(answer: UpstreamAnswer, keyHeader: string | undefined) {
    this.#answer = answer;
    this.#keyHeader = keyHeader?.toLowerCase();
  }

  /** The address, such as `http://127.0.0.1:40123`. */
  get url(): string {
    return this.#url;
  }

  /** Every request, in order. */
  get requests(): readonly UpstreamRequest[] {
    return this.#requests;
  }

  /** The requests that took effect, in order. */
  get effects(): readonly UpstreamRequest[] {
    return this.#effects;
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.#url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The next requests that may have an effect fail in this way, one after another. */
  next(...faults: Incident[]): void {
    this.#incidents.push(...faults);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await this.#read(incoming);
    this.#requests.push(request);
    const isRead = safeMethods.has(request.method);
    const incident = isRead ? undefined : this.#incidents.shift();
    if (incident === 'refused') return answer(response, 422, { error: 'invalid request' });
    if (incident === 'error') return answer(response, 500, { error: 'internal error' });
    if (incident === 'request_lost') return void response.destroy();
    const isKill = typeof incident === 'object';
    const result = isKill && !incident.acts ? undefined : this.#act(request, isRead);
    if (isKill) return incident.arrived();
    if (incident === 'answer_lost') return void response.destroy();
    if (incident === 'error_after_effect') return answer(response, 500, { error: 'internal error' });
    answer(response, 200, result);
  }

  #act(request: UpstreamRequest, isRead: boolean): unknown {
    if (isRead) return this.#answer(request, this.#effects.length);
    const { key } = request;
    if (key !== undefined && this.#known.has(key)) return this.#known.get(key);
    this.#effects.push(request);
    const result = this.#answer(request, this.#effects.length);
    if (key !== undefined) this.#known.set(key, result);
    return result;
  }

  async #read(incoming: IncomingMessage): Promise<UpstreamRequest> {
    let text = '';
    for await (const chunk of incoming.setEncoding('utf8')) if (text.length < bodyCharsMax) text += chunk;
    const { method = 'GET', url: path = '/', headers } = incoming;
    const key = this.#keyHeader === undefined ? undefined : headers[this.#keyHeader];
    return { method, path, headers, body: parsed(text), key: typeof key === 'string' ? key : undefined };
  }
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body ?? null));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
