import { randomUUID } from 'node:crypto';
import type { RpcId, RpcRequest } from './message.ts';

/** A request of an upstream that its client has not answered. */
interface ServerRequest<From> {
  readonly from: From;
  /** As the upstream numbered it. */
  readonly id: RpcId;
}

/**
 * What upstreams have asked the client (sampling, elicitation, roots). An answer goes to whoever asked, and
 * to nobody once that one is gone: a process that was started again counts from the beginning.
 */
export class ServerRequests<From> {
  readonly #asked = new Map<RpcId, ServerRequest<From>>();

  /** @returns the request as the client sees it. @param isRenamed gives it an id that no other has. */
  add(from: From, request: RpcRequest, isRenamed: boolean): RpcRequest {
    const id = isRenamed || this.#asked.has(request.id) ? `mcp-once:${randomUUID()}` : request.id;
    this.#asked.set(id, { from, id: request.id });
    return id === request.id ? request : { ...request, id };
  }

  /** Who asked it, by the id that the client knows; nobody is asked for it again. */
  take(id: RpcId): ServerRequest<From> | undefined {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    return asked;
  }

  /** The id that the client knows, of a request as its upstream numbered it. */
  clientIdOf(from: From, id: RpcId): RpcId | undefined {
    for (const [known, asked] of this.#asked) if (asked.from === from && asked.id === id) return known;
    return undefined;
  }

  /** Forgets what one upstream has asked. @returns the ids that the client knows. */
  dropAll(from: From): RpcId[] {
    const dropped = [...this.#asked].filter(([, asked]) => asked.from === from).map(([id]) => id);
    for (const id of dropped) this.#asked.delete(id);
    return dropped;
  }
}
