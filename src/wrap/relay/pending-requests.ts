import { randomUUID } from 'node:crypto';
import type { ServerFault } from './link.ts';
import type { RpcId, RpcParams, RpcRequest, RpcResponse } from './message.ts';

/** A request that has no answer yet. */
interface PendingRequest {
  readonly request: RpcRequest;
  /** True from when its first byte may have left. */
  sent: boolean;
  /** Of our own requests. */
  readonly own?: {
    readonly resolve: (response: RpcResponse) => void;
    readonly reject: (fault: ServerFault) => void;
  };
}

/** The requests to one upstream that have no answer yet: the client's, under its own ids, and this proxy's. */
export class PendingRequests {
  readonly #requests = new Map<RpcId, PendingRequest>();
  /** Of this one's ids. No client can have chosen it: a client may be such a proxy, too. */
  readonly #ownPrefix = `mcp-once:${randomUUID()}:`;
  #count = 0;
  readonly #onLost: (request: RpcRequest, fault: ServerFault) => void;

  /** @param onLost told of a request of the client that gets no answer. */
  constructor(onLost: (request: RpcRequest, fault: ServerFault) => void) {
    this.#onLost = onLost;
  }

  addForwarded(request: RpcRequest): void {
    this.#requests.set(request.id, { request, sent: false });
  }

  addOwn(method: string, params?: RpcParams): { readonly request: RpcRequest; readonly answer: Promise<RpcResponse> } {
    this.#count += 1;
    const id = `${this.#ownPrefix}${this.#count}`;
    const request: RpcRequest = { jsonrpc: '2.0', id, method, ...(params === undefined ? {} : { params }) };
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

  /** It was refused by a session that is over, and is still to be sent. */
  noteUnsent(id: RpcId): void {
    const pending = this.#requests.get(id);
    if (pending) pending.sent = false;
  }

  /** Nobody waits for it any more. */
  forget(id: RpcId): void {
    this.#requests.delete(id);
  }

  /** @returns true when the answer was one of ours, and is nobody else's business. */
  takeResponse(response: RpcResponse): boolean {
    const pending = this.#requests.get(response.id);
    this.#requests.delete(response.id);
    pending?.own?.resolve(response);
    return pending?.own !== undefined || this.#isOwn(response.id);
  }

  lose(id: RpcId, fault: ServerFault): void {
    const pending = this.#requests.get(id);
    if (!pending) return;
    this.#requests.delete(id);
    if (pending.own) pending.own.reject(fault);
    else this.#onLost(pending.request, fault);
  }

  /** Those that were sent; the others still can be. */
  loseSent(fault: ServerFault): void {
    for (const [id, { sent }] of [...this.#requests]) if (sent) this.lose(id, fault);
  }

  #isOwn(id: RpcId): boolean {
    return typeof id === 'string' && id.startsWith(this.#ownPrefix);
  }
}
