import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { Protocol, type RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import {
  ElicitResultSchema,
  ErrorCode,
  type ServerNotification,
  type ServerRequest,
} from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import type { Answer, Asking, ToolCall } from '../call/types.ts';
import { describeError } from '../errors.ts';
import type { Catalog } from '../tool/catalog.ts';
import type { ToolLog } from '../tool/types.ts';
import { askingBy, takesForms } from './elicitation.ts';
import { progressTeller } from './progress.ts';
import { render } from './render.ts';
import { toolPages } from './tool-list.ts';

/** What the SDK tells about a request besides the request: its signal and `_meta`. */
type RequestExtra = RequestHandlerExtra<ServerRequest, ServerNotification>;
type CallScope = ToolCall['scope'];

export interface McpServerOptions {
  readonly name: string;
  readonly version: string;
  readonly title?: string;
  /** For the model: what the server is, and what it has to know about all tools. */
  readonly instructions?: string;
  readonly catalog: Catalog;
  /** Rejects only for faults: every expected outcome is an answer. */
  readonly handle: (call: ToolCall) => Promise<Answer>;
  /** Whose calls these are; a function where each request has to say it. */
  readonly scope: CallScope | ((extra: RequestExtra) => CallScope);
  readonly log: ToolLog;
}

/** Names the host program's own idempotency key in `_meta` of `tools/call`. */
const IDEMPOTENCY_KEY_META = 'mcp-once/idempotency-key';

const listRequest = z.object({
  method: z.literal('tools/list'),
  params: z.looseObject({ cursor: z.string().optional() }).optional(),
});
/**
 * Of `tools/call` only what routes it is checked here. The rest goes on untouched: `arguments` are
 * for the engine to judge, and a schema would drop `idempotencyKey` (SEP-3182) and `__proto__`.
 */
const callRequest = z.object({ method: z.literal('tools/call'), params: z.unknown().optional() });

/** The SDK would make an Ajv at each start, some ms, for `elicitInput`, which nothing here calls: what came back is the engine's to judge. */
const noValidator = {
  getValidator: (): never => {
    throw new Error('nothing is validated here');
  },
};

/** How long a client may take to answer a question, in ms: the engine has its own, shorter bound. */
const elicitMs = 2 * 3_600_000;

/**
 * An MCP server over the catalog, for any transport: connect it, and close it to end the connection.
 * One server serves one connection.
 */
export function createMcpServer(options: McpServerOptions): Server {
  const { name, version, title, instructions, catalog } = options;
  const server = new ToolServer(
    { name, version, ...(title === undefined ? {} : { title }) },
    {
      capabilities: { tools: {} },
      jsonSchemaValidator: noValidator,
      ...(instructions === undefined ? {} : { instructions }),
    },
  );
  const list = toolPages(catalog);
  server.setRequestHandler(listRequest, ({ params }) => {
    const page = list(params?.cursor);
    if (page) return { ...page };
    throw new ProtocolError(ErrorCode.InvalidParams, 'The cursor is not one of this list: begin again without one.');
  });
  server.onCall((params, extra) => {
    const asking = takesForms(server.getClientCapabilities()) ? askingOf(extra) : undefined;
    return answerCall(options, params, extra, asking);
  });
  server.onerror = (error) => options.log.debug(`mcp: ${describeError(error)}`);
  return server;
}

function askingOf(extra: RequestExtra): Asking {
  return askingBy((request, signal) => {
    return extra.sendRequest(request as ServerRequest, ElicitResultSchema, { signal, timeout: elicitMs });
  });
}

async function answerCall(
  options: McpServerOptions,
  rawParams: unknown,
  extra: RequestExtra,
  asking: Asking | undefined,
) {
  if (!isCallParams(rawParams)) {
    const message = 'tools/call needs params with a name that is a string. Nothing was executed.';
    throw new ProtocolError(ErrorCode.InvalidParams, message);
  }
  const params = rawParams;
  const meta = extra._meta ?? {};
  const hostKey = hostKeyOf(meta, params);
  const onWait = progressOf(options.log, extra);
  try {
    const answer = await options.handle({
      tool: params.name,
      arguments: params.arguments,
      scope: typeof options.scope === 'function' ? options.scope(extra) : options.scope,
      meta,
      signal: extra.signal,
      ...(hostKey === undefined ? {} : { hostKey }),
      ...(onWait ? { onWait } : {}),
      ...(asking ? { asking } : {}),
    });
    return render(answer);
  } catch (error) {
    options.log.warn(`${JSON.stringify(params.name.slice(0, 64))}: internal fault: ${describeError(error)}`);
    throw new ProtocolError(ErrorCode.InternalError, faultMessage(options.catalog, params.name));
  }
}

type CallParams = Readonly<Record<string, unknown>> & { readonly name: string; readonly arguments?: unknown };

function isCallParams(params: unknown): params is CallParams {
  return typeof params === 'object' && params !== null && 'name' in params && typeof params.name === 'string';
}

/**
 * The idempotency key of the host program, unchecked, or undefined when it sent none. The first
 * source that is there decides, even by a value that is then refused.
 */
export function hostKeyOf(meta: Readonly<Record<string, unknown>>, params: Readonly<Record<string, unknown>>): unknown {
  const own = (from: Readonly<Record<string, unknown>>, name: string): unknown =>
    Object.hasOwn(from, name) ? from[name] : undefined;
  const fromMeta = own(meta, IDEMPOTENCY_KEY_META);
  return fromMeta === undefined ? own(params, 'idempotencyKey') : fromMeta;
}

/** Undefined when the caller did not ask for progress. */
function progressOf(log: ToolLog, extra: RequestExtra): ((waitedMs: number) => void) | undefined {
  const progressToken = extra._meta?.progressToken;
  if (progressToken === undefined) return undefined;
  return progressTeller(progressToken, (notification) => {
    extra.sendNotification(notification).catch((error: unknown) => log.debug(`progress: ${describeError(error)}`));
  });
}

/** What a caller may rely on after a fault that the engine did not expect. */
function faultMessage(catalog: Catalog, name: string): string {
  const tool = catalog.find(name);
  const opening = `${tool?.name ?? 'the tool'}: an internal fault of mcp-once.`;
  if (!tool) return `${opening} Nothing was executed.`;
  if (tool.effect === 'read') return `${opening} It only reads: it is safe to call again.`;
  if (tool.match === 'identical' || tool.match === 'latest') {
    return `${opening} Whether the operation took effect is in the ledger: call again with the same arguments to learn it.`;
  }
  return `${opening} Whether it took effect is not known: check the upstream before you call again.`;
}

class ToolServer extends Server {
  /**
   * Goes around the `tools/call` wrapper of the SDK's Server. That one checks the result only after
   * the tool has run and answers -32602 where it does not like it, so that a caller would take for
   * refused what has been executed; and it copies the result, where a replay must keep its bytes.
   */
  onCall(answer: (params: unknown, extra: RequestExtra) => ReturnType<typeof answerCall>): void {
    Protocol.prototype.setRequestHandler.call(this, callRequest, (request: object, extra: RequestExtra) =>
      answer((request as z.infer<typeof callRequest>).params, extra),
    );
  }

  /**
   * The SDK refuses a request with `params.task` where tasks are not declared. MCP 2025-11-25 (tasks,
   * task support and handling, 1) wants it processed as if it had none.
   */
  protected override assertTaskHandlerCapability(): void {}
}

/** An error response: the SDK sends its code and message as they are. */
class ProtocolError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.name = 'ProtocolError';
    this.code = code;
  }
}
