import { McpOnceError } from '../core/errors.ts';
import type { RequestHandler } from './request.ts';

/** The request handlers of a server, by method. Both SDKs keep such a map. */
type Handlers = Map<string, RequestHandler>;

/** The object that `McpServer` returns for a registered tool. */
export interface RegisteredTool {
  readonly inputSchema?: unknown;
  update(updates: Readonly<Record<string, unknown>>): void;
}

type Register = (name: string, ...rest: unknown[]) => RegisteredTool;

/** The parts of either SDK's high-level server that the guard uses. */
export interface HighLevelServer {
  registerTool: Register;
  /** Exists in SDK v1 only. */
  tool?: Register;
}

/** The parts of a server that the guard uses, for either SDK. */
export interface ServerShape {
  readonly handlers: Handlers;
  readonly lowLevel: { connect(transport: object): Promise<void> };
  /** Absent for a low-level server. */
  readonly highLevel?: HighLevelServer;
  readonly name: string | undefined;
}

/**
 * Finds the parts of a server by their shape: there are two SDKs, and a program may have two copies of one. Neither SDK
 * documents the map of handlers. Without it nothing can be guarded, so the start fails.
 *
 * @throws McpOnceError `configuration_invalid`
 */
export function readServerShape(server: object): ServerShape {
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
      'protect(server): this is not a server of @modelcontextprotocol/sdk 1 or @modelcontextprotocol/server 2, or its version is not known. Nothing is guarded. Pass the McpServer or Server itself. For fastmcp, wrap each handler with wrap().',
    );
  }
  return {
    handlers: handlers as Handlers,
    lowLevel: low as ServerShape['lowLevel'],
    ...(isHigh ? { highLevel: server as HighLevelServer } : {}),
    name: typeof info?.name === 'string' && info.name !== '' ? info.name.slice(0, 200) : undefined,
  };
}

/** Marks a protected server. All copies of this package share the symbol. */
const protectedMark = Symbol.for('mcp-once.protected');

/**
 * Allows one guard per server. With two guards over one store, each would wait for the other.
 *
 * @throws McpOnceError `configuration_invalid` for a server that a guard already protects
 */
export function markProtected({ lowLevel: low }: ServerShape): void {
  if (Object.hasOwn(low, protectedMark)) {
    throw new McpOnceError(
      'configuration_invalid',
      'protect(server): this server is already protected. Nothing was executed. Protect it once, with one guard.',
    );
  }
  Object.defineProperty(low, protectedMark, { value: true });
}

/**
 * Replaces the handler of a method by one that wraps it, also when the server sets its handler later.
 *
 * @returns a function that returns the server's current handler
 */
export function wrapHandler(
  handlers: Handlers,
  method: string,
  around: (inner: RequestHandler) => RequestHandler,
): () => RequestHandler | undefined {
  let inner = handlers.get(method);
  const outer: RequestHandler = async (request, extra) => {
    if (!inner) throw new Error(`no handler for ${method}`);
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
