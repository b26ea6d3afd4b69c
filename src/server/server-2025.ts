import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { Protocol, type RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import {
  type CallToolResult,
  ElicitResultSchema,
  type ServerNotification,
  type ServerRequest,
} from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import type { QuestionChannel, ToolCall } from '../core/call/types.ts';
import { describeError } from '../core/errors.ts';
import { acceptsForms, elicitationChannel } from './elicitation.ts';
import { type ToolList, toolList } from './tool-list.ts';
import { answerCall, pageAt, type ServedTools, type ToolService, toolsCapability } from './tool-requests.ts';

/** What the SDK tells about a request besides the request: its signal and `_meta`. */
type RequestExtra = RequestHandlerExtra<ServerRequest, ServerNotification>;
type CallScope = ToolCall['scope'];

export interface Server2025Options extends ToolService {
  /** Whose calls these are; a function where each request has to say it. */
  readonly scope: CallScope | ((extra: RequestExtra) => CallScope);
  /** That of the catalog, where several connections share it. */
  readonly list?: ToolList;
  /** What a request is answered from, where not each may see the same. Default: all of this. */
  readonly part?: (extra: RequestExtra) => ServedTools;
}

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
 * An MCP server over the catalog for MCP 2025-11-25 and earlier, for any transport: connect it, and
 * close it to end the connection. One server serves one connection.
 */
export function createServer2025(options: Server2025Options): Server {
  const { name, version, title, instructions, scope } = options;
  const server = new ToolServer2025(
    { name, version, ...(title === undefined ? {} : { title }) },
    {
      capabilities: { tools: toolsCapability(options.catalog) },
      jsonSchemaValidator: noValidator,
      ...(instructions === undefined ? {} : { instructions: instructions(options.catalog.tools) }),
    },
  );
  const whole: ServedTools = { ...options, list: options.list ?? toolList(options.catalog) };
  const { part = () => whole } = options;
  server.setRequestHandler(listRequest, ({ params }, extra) => ({ ...pageAt(part(extra).list, params?.cursor) }));
  server.onCall((params, extra) => {
    return answerCall(part(extra), {
      params,
      meta: extra._meta ?? {},
      scope: typeof scope === 'function' ? scope(extra) : scope,
      signal: extra.signal,
      headerKey: extra.requestInfo?.headers['idempotency-key'],
      notify: (notification) => extra.sendNotification(notification),
      questionChannel: acceptsForms(server.getClientCapabilities()) ? questionChannelOf(extra) : undefined,
      faults: 'results',
    });
  });
  server.onerror = (error) => options.log.debug(`mcp: ${describeError(error)}`);
  return server;
}

/** Has a client told whenever its list becomes another. Before it has initialized it has seen none. @returns what ends that */
export function notifyOfChanges(server: Server, list: ToolList, log: ToolService['log']): () => void {
  return list.onChange(() => {
    if (server.getClientCapabilities() === undefined) return;
    server.sendToolListChanged().catch((error: unknown) => log.debug(`list_changed: ${describeError(error)}`));
  });
}

function questionChannelOf(extra: RequestExtra): QuestionChannel {
  return elicitationChannel((request, signal) => {
    return extra.sendRequest(request as ServerRequest, ElicitResultSchema, { signal, timeout: elicitMs });
  });
}

class ToolServer2025 extends Server {
  /**
   * Goes around the `tools/call` wrapper of the SDK's Server. That one checks the result only after
   * the tool has run and answers -32602 where it does not like it, so that a caller would take for
   * refused what has been executed; and it copies the result, where a replay must keep its bytes.
   */
  onCall(answer: (params: unknown, extra: RequestExtra) => Promise<CallToolResult>): void {
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
