import { randomUUID } from 'node:crypto';
import { defined } from '../../core/json.ts';
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

/** The open requests to one server: those of the client, under its own ids, and those of the relay. */
export class PendingRequests {
  readonly #requests = new Map<RpcId, PendingRequest>();
  /** Begins the relay's ids. It is random, because a client may itself be a relay of mcp-once. */
  readonly #ownPrefix = `mcp-once:${randomUUID()}:`;
  #count = 0;
  readonly #onLost: (request: RpcRequest, fault: ServerFault) => void;

  /** @param onLost called for a request of the client that gets no response. */
  constructor(onLost: (request: RpcRequest, fault: ServerFault) => void) {
    this.#onLost = onLost;
  }

  addForwarded(request: RpcRequest): void {
    this.#requests.set(request.id, { request, sent: false });
  }

  addOwn(method: string, params?: RpcParams): { readonly request: RpcRequest; readonly answer: Promise<RpcResponse> } {
    this.#count += 1;
    const id = `${this.#ownPrefix}${this.#count}`;
    const request: RpcRequest = { jsonrpc: '2.0', id, method, ...defined({ params }) };
    const answer = new Promise<RpcResponse>((resolve, reject) => {
      this.#requests.set(id, { request, sent: false, own: { resolve, reject } });
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

  /** Notes that a session that had ended rejected the request, so that it can be sent again. */
  noteUnsent(id: RpcId): void {
    const pending = this.#requests.get(id);
    if (pending) pending.sent = false;
  }

  /** Removes a request that was cancelled. */
  forget(id: RpcId): void {
    this.#requests.delete(id);
  }

  /** Removes the request of a response. @returns true when the relay sent the request, so the client gets nothing. */
  takeResponse(response: RpcResponse): boolean {
    const pending = this.#requests.get(response.id);
    this.#requests.delete(response.id);
    pending?.own?.resolve(response);
    return pending?.own !== undefined || this.#isOwn(response.id);
  }

  /** Fails a request. */
  lose(id: RpcId, fault: ServerFault): void {
    const pending = this.#requests.get(id);
    if (!pending) return;
    this.#requests.delete(id);
    if (pending.own) pending.own.reject(fault);
    else this.#onLost(pending.request, fault);
  }

  /** Fails all requests that were sent. The others can still be sent. */
  loseSent(fault: ServerFault): void {
    for (const [id, { sent }] of [...this.#requests]) if (sent) this.lose(id, fault);
  }

  #isOwn(id: RpcId): boolean {
    return typeof id === 'string' && id.startsWith(this.#ownPrefix);
  }
}
