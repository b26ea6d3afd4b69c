import { McpOnceError } from '../core/errors.ts';
import type { RequestHandler } from './request.ts';

/** Where a server of either SDK keeps its handlers, by method. */
type Handlers = Map<string, RequestHandler>;

/** A tool as an `McpServer` has registered it. */
export interface RegisteredTool {
  readonly inputSchema?: unknown;
  update(updates: Readonly<Record<string, unknown>>): void;
}

type Register = (name: string, ...rest: unknown[]) => RegisteredTool;

/** The high-level server of either SDK, as far as it is used here. */
export interface HighLevelServer {
  registerTool: Register;
  /** Of SDK v1 only. */
  tool?: Register;
}

/** A server of either SDK, taken apart. */
export interface ServerParts {
  readonly handlers: Handlers;
  readonly low: { connect(transport: object): Promise<void> };
  /** Absent for a low-level server. */
  readonly high?: HighLevelServer;
  readonly name: string | undefined;
}

/**
 * Takes a server apart by its shape, since there may be two copies of an SDK, and two SDKs. The handlers' map is
 * no public part of either: where it is missing, nothing is guarded and the start fails.
 * @throws McpOnceError `configuration_invalid`
 */
export function serverParts(server: object): ServerParts {
  const { server: inner, registerTool } = server as { server?: unknown; registerTool?: unknown };
  const isHigh = typeof registerTool === 'function' && typeof inner === 'object' && inner !== null;
  const low = isHigh ? inner : server;
  const { _requestHandlers: handlers, _serverInfo: info } = low as {
    _requestHandlers?: unknown;
    _serverInfo?: { name?: unknown };
  };
  if (!(handlers instanceof Map)) {
    throw new McpOnceError(
      'configuration_invalid',
      'protect(server): this is no server of @modelcontextprotocol/sdk 1 or @modelcontextprotocol/server 2, or of a version that is not known, so nothing is guarded. Pass the McpServer or Server itself; for fastmcp wrap each handler with wrap().',
    );
  }
  return {
    handlers: handlers as Handlers,
    low: low as ServerParts['low'],
    ...(isHigh ? { high: server as HighLevelServer } : {}),
    name: typeof info?.name === 'string' && info.name !== '' ? info.name.slice(0, 200) : undefined,
  };
}

/** On a server that is protected; the same in every copy of this package. */
const mark = Symbol.for('mcp-once.protected');

/**
 * One guard a server: of two over one store the inner would wait for the outer, which waits for it.
 * @throws McpOnceError `configuration_invalid` for a server that is protected already, by whichever guard.
 */
export function markProtected({ low }: ServerParts): void {
  if (Object.hasOwn(low, mark)) {
    throw new McpOnceError(
      'configuration_invalid',
      'protect(server): this server is protected already. Nothing was executed: protect it once, by one guard.',
    );
  }
  Object.defineProperty(low, mark, { value: true });
}

/** Puts a handler around one that is there, or will be; the one within is asked for with each request. */
export function aroundHandler(
  handlers: Handlers,
  method: string,
  around: (inner: RequestHandler) => RequestHandler,
): () => RequestHandler | undefined {
  let inner = handlers.get(method);
  const outer: RequestHandler = async (request, extra) => {
    if (!inner) throw new Error(`there is no handler for ${method}`);
    return around(inner)(request, extra);
  };
  const set = handlers.set;
  handlers.set = function (this: Handlers, key, handler) {
    if (key !== method) return set.call(this, key, handler);
    inner = handler;
    return set.call(this, key, outer);
  };
  if (inner) set.call(handlers, method, outer);
  return () => inner;
}
