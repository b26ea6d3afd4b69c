import { randomUUID } from 'node:crypto';
import { isObject, type RpcRequest } from './message.ts';

/** How many progress tokens of servers are remembered. */
const tokensMax = 10_000;

/** The progress tokens of what several servers ask the client: two servers may use the same. */
export class ServerProgressTokens<Server> {
  readonly #tokens = new Map<string, { readonly server: Server; readonly token: unknown }>();

  /** The request with a token that no other server's has. */
  rename(server: Server, request: RpcRequest): RpcRequest {
    const meta = request.params?._meta;
    if (!isObject(meta) || meta.progressToken === undefined) return request;
    const progressToken = `mcp-once:${randomUUID()}`;
    if (this.#tokens.size >= tokensMax) this.#tokens.clear();
    this.#tokens.set(progressToken, { server, token: meta.progressToken });
    return { ...request, params: { ...request.params, _meta: { ...meta, progressToken } } };
  }

  /** Whose token it is, and what it is called there. */
  find(token: unknown): { readonly server: Server; readonly token: unknown } | undefined {
    return typeof token === 'string' ? this.#tokens.get(token) : undefined;
  }
}
