import { randomUUID } from 'node:crypto';
import { BoundedMap } from '../../core/bounded-map.ts';
import { defined, isObject } from '../../core/json.ts';
import type { ServerFault } from './link.ts';
import type { RpcId, RpcParams, RpcRequest, RpcResponse } from './message.ts';

/** A request without a response. */
interface PendingRequest {
  readonly request: RpcRequest;
  /** True from the moment when its first byte may have been written. */
  sent: boolean;
  /** Set for requests of the relay. */
  readonly own?: {
    readonly resolve: (response: RpcResponse) => void;
    readonly reject: (fault: ServerFault) => void;
  };
}

const taskTokensMax = 1_000;

/** The open requests to one server: those of the client, under its own ids, and those of the relay. */
export class PendingRequests {
  readonly #requests = new Map<RpcId, PendingRequest>();
  /** Begins the relay's ids. It is random, because a client may itself be a relay of mcp-once. */
  readonly #ownPrefix = `mcp-once:${randomUUID()}:`;
  #count = 0;
  /** How many open requests use each progress token. */
  readonly #progressTokens = new Map<string, number>();
  /** The progress tokens of tasks, which are valid after the response (MCP 2025-11-25, tasks). */
  readonly #taskTokens = new BoundedMap<string, true>(taskTokensMax);
  readonly #onLost: (request: RpcRequest, fault: ServerFault) => void;

  /** @param onLost called for a request of the client that gets no response. */
  constructor(onLost: (request: RpcRequest, fault: ServerFault) => void) {
    this.#onLost = onLost;
  }

  addForwarded(request: RpcRequest): void {
    this.#add({ request, sent: false });
  }

  addOwn(method: string, params?: RpcParams): { readonly request: RpcRequest; readonly answer: Promise<RpcResponse> } {
    this.#count += 1;
    const id = `${this.#ownPrefix}${this.#count}`;
    const request: RpcRequest = { jsonrpc: '2.0', id, method, ...defined({ params }) };
    const answer = new Promise<RpcResponse>((resolve, reject) => {
      this.#add({ request, sent: false, own: { resolve, reject } });
    });
    return { request, answer };
  }

  noteSent(id: RpcId): void {
    const pending = this.#requests.get(id);
    if (pending) pending.sent = true;
  }

  has(id: RpcId): boolean {
    return this.#requests.has(id);
  }

  /** Returns a request of the client that is open. */
  forwarded(id: RpcId): RpcRequest | undefined {
    const pending = this.#requests.get(id);
    return pending?.own === undefined ? pending?.request : undefined;
  }

  /** Notes that a session that had ended rejected the request, so that it can be sent again. */
  noteUnsent(id: RpcId): void {
    const pending = this.#requests.get(id);
    if (pending) pending.sent = false;
  }

  /** Removes a request that was cancelled. */
  forget(id: RpcId): void {
    this.#remove(id);
  }

  /** Whether the server may send progress with this token: for an open request, or for a task. */
  wantsProgress(token: unknown): boolean {
    return this.#progressTokens.has(String(token)) || this.#taskTokens.has(String(token));
  }

  /** Removes the request of a response. @returns true when the relay sent the request, so the client gets nothing. */
  takeResponse(response: RpcResponse): boolean {
    const pending = this.#remove(response.id);
    const token = pending && progressTokenOf(pending.request);
    if (token !== undefined && isObject(response.result?.task)) this.#taskTokens.set(token, true);
    pending?.own?.resolve(response);
    return pending?.own !== undefined || this.#isOwn(response.id);
  }

  /** Fails a request. */
  lose(id: RpcId, fault: ServerFault): void {
    const pending = this.#remove(id);
    if (!pending) return;
    if (pending.own) pending.own.reject(fault);
    else this.#onLost(pending.request, fault);
  }

  /** Fails all requests that were sent. The others can still be sent. */
  loseSent(fault: ServerFault): void {
    for (const [id, { sent }] of [...this.#requests]) if (sent) this.lose(id, fault);
  }

  #add(pending: PendingRequest): void {
    const { id } = pending.request;
    // A client may use an id twice.
    this.#remove(id);
    this.#requests.set(id, pending);
    const token = progressTokenOf(pending.request);
    if (token === undefined) return;
    this.#taskTokens.delete(token);
    this.#progressTokens.set(token, (this.#progressTokens.get(token) ?? 0) + 1);
  }

  #remove(id: RpcId): PendingRequest | undefined {
    const pending = this.#requests.get(id);
    this.#requests.delete(id);
    const token = pending && progressTokenOf(pending.request);
    if (token === undefined) return pending;
    const others = (this.#progressTokens.get(token) ?? 1) - 1;
    if (others === 0) this.#progressTokens.delete(token);
    else this.#progressTokens.set(token, others);
    return pending;
  }

  #isOwn(id: RpcId): boolean {
    return typeof id === 'string' && id.startsWith(this.#ownPrefix);
  }
}

/** Returns the progress token of a request as text: some servers send a number back as text. */
export function progressTokenOf({ params }: RpcRequest): string | undefined {
  const meta = params?._meta;
  const token = isObject(meta) ? meta.progressToken : undefined;
  return token === undefined ? undefined : String(token);
}
