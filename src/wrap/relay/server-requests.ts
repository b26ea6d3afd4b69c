import { randomUUID } from 'node:crypto';
import { BoundedMap } from '../../core/bounded-map.ts';
import { arrayOf, isObject, objectOf } from '../../core/json.ts';
import type { RpcId, RpcRequest, RpcResponse } from './message.ts';

/** A request of a server that the client has not answered. */
interface ServerRequest<Server> {
  readonly from: Server;
  /** The id that the server gave it. */
  readonly id: RpcId;
}

/**
 * The open requests of servers to the client (sampling, elicitation, roots). Each response goes to the server that
 * sent the request. A server that has ended gets none, because its next process counts its ids from the beginning.
 */
export class ServerRequests<Server> {
  readonly #open = new Map<RpcId, ServerRequest<Server>>();

  /**
   * Adds a request.
   *
   * @param isRenamed gives it an id that no other request has.
   * @returns the request for the client.
   */
  add(from: Server, request: RpcRequest, isRenamed: boolean): RpcRequest {
    const id = isRenamed || this.#open.has(request.id) ? `mcp-once:${randomUUID()}` : request.id;
    this.#open.set(id, { from, id: request.id });
    return id === request.id ? request : { ...request, id };
  }

  /** Removes a request, and returns who sent it. @param id the id that the client knows. */
  take(id: RpcId): ServerRequest<Server> | undefined {
    const request = this.#open.get(id);
    this.#open.delete(id);
    return request;
  }

  /** Translates a server's id into the id that the client knows. */
  clientIdOf(from: Server, id: RpcId): RpcId | undefined {
    for (const [clientId, request] of this.#open) if (request.from === from && request.id === id) return clientId;
    return undefined;
  }

  /** Removes all requests of one server. @returns the ids that the client knows. */
  dropAll(from: Server): RpcId[] {
    const dropped = [...this.#open].filter(([, request]) => request.from === from).map(([id]) => id);
    for (const id of dropped) this.#open.delete(id);
    return dropped;
  }
}

interface ServerProgressToken<Server> {
  readonly server: Server;
  readonly token: unknown;
}

const progressTokensMax = 10_000;
const elicitationsMax = 10_000;

/** The progress tokens in several servers' requests to the client. Two servers may use the same token. */
export class ServerProgressTokens<Server> {
  readonly #tokens = new BoundedMap<string, ServerProgressToken<Server>>(progressTokensMax);

  /** Returns the request with a token that no other server uses. */
  rename(server: Server, request: RpcRequest): RpcRequest {
    const meta = request.params?._meta;
    if (!isObject(meta) || meta.progressToken === undefined) return request;
    const progressToken = `mcp-once:${randomUUID()}`;
    this.#tokens.set(progressToken, { server, token: meta.progressToken });
    return { ...request, params: { ...request.params, _meta: { ...meta, progressToken } } };
  }

  /** Returns the server of a renamed token, and the token that it used. */
  find(token: unknown): ServerProgressToken<Server> | undefined {
    return typeof token === 'string' ? this.#tokens.get(token) : undefined;
  }
}

/** The ids that servers gave their elicitations in URL mode. Only the same server can say that one is complete. */
export class Elicitations<Server extends { readonly name: string }> {
  readonly #ids = new BoundedMap<string, true>(elicitationsMax);

  /** Notes the elicitations in a request or in an error response (MCP 2025-11-25, elicitation in URL mode). */
  note(server: Server, message: RpcRequest | RpcResponse): void {
    const named = 'method' in message ? [message.params] : arrayOf(objectOf(message.error?.data).elicitations);
    for (const each of named) {
      const { elicitationId } = objectOf(each);
      if (elicitationId !== undefined) this.#ids.set(keyOf(server, elicitationId), true);
    }
  }

  has(server: Server, elicitationId: unknown): boolean {
    return this.#ids.has(keyOf(server, elicitationId));
  }
}

function keyOf({ name }: { readonly name: string }, elicitationId: unknown): string {
  return JSON.stringify([name, elicitationId]);
}
