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
import { defined } from '../core/json.ts';
import type { Deliveries } from './deliveries.ts';
import { elicitRequest } from './render.ts';
import { type ToolList, toolList } from './tool-list.ts';
import {
  acceptsForms,
  answerCall,
  pageAt,
  type ServedTools,
  type ToolService,
  toolsCapability,
} from './tool-requests.ts';

/** What the SDK passes with a request, such as its signal and `_meta`. */
type RequestExtra = RequestHandlerExtra<ServerRequest, ServerNotification>;
type CallScope = ToolCall['scope'];

export interface Server2025Options extends ToolService {
  /** Whose calls these are. A function, when it differs per request. */
  readonly scope: CallScope | ((extra: RequestExtra) => CallScope);
  /** The catalog's list, when several connections share it. */
  readonly list?: ToolList;
  /** Learns which answers the client of this connection has received. Without it, no answer counts as delivered. */
  readonly deliveries?: Deliveries;
  /** Returns the tools that a request may see. All of the service by default. */
  readonly part?: (extra: RequestExtra) => ServedTools;
}

const listRequest = z.object({
  method: z.literal('tools/list'),
  params: z.looseObject({ cursor: z.string().optional() }).optional(),
});
/**
 * Checks only the method of a `tools/call`. The engine judges `arguments`, and a schema would drop `idempotencyKey`
 * (SEP-3182) and `__proto__`.
 */
const callRequest = z.object({ method: z.literal('tools/call'), params: z.unknown().optional() });

/** Without this the SDK creates an Ajv at each start, which takes some ms. Only `elicitInput` needs it, which nothing here calls. */
const noValidator = {
  getValidator: (): never => {
    throw new Error('no schema is validated here');
  },
};

/** How long a client may take to reply to a question, in ms. The engine has a shorter bound of its own. */
const elicitMs = 2 * 3_600_000;

/**
 * Creates a server for MCP 2025-11-25 and earlier, for any transport. It serves one connection: connect it, and close it
 * to end the connection.
 */
export function createServer2025(options: Server2025Options): Server {
  const { name, version, title, instructions, scope } = options;
  const server = new ToolServer2025(
    { name, version, ...defined({ title }) },
    {
      capabilities: { tools: toolsCapability(options.catalog) },
      jsonSchemaValidator: noValidator,
      ...defined({ instructions: instructions?.(options.catalog.tools) }),
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
      session: options.deliveries?.session,
      onOutcome: (outcome) => options.deliveries?.expect(extra.requestId, outcome, extra._meta),
      headerKey: extra.requestInfo?.headers['idempotency-key'],
      notify: (notification) => extra.sendNotification(notification),
      questionChannel: acceptsForms(server.getClientCapabilities()) ? questionChannelOf(extra) : undefined,
      faults: 'results',
    });
  });
  server.onerror = (error) => options.log.debug(`mcp: ${describeError(error)}`);
  return server;
}

/** Notifies a client of changes to its tool list, once it has initialized. @returns a function that stops it */
export function notifyOfChanges(server: Server, list: ToolList, log: ToolService['log']): () => void {
  return list.onChange(() => {
    if (server.getClientCapabilities() === undefined) return;
    server.sendToolListChanged().catch((error: unknown) => log.debug(`list_changed: ${describeError(error)}`));
  });
}

function questionChannelOf(extra: RequestExtra): QuestionChannel {
  return {
    type: 'direct',
    ask: (request, signal) =>
      extra.sendRequest(elicitRequest(request) as ServerRequest, ElicitResultSchema, { signal, timeout: elicitMs }),
  };
}

class ToolServer2025 extends Server {
  /**
   * Bypasses the `tools/call` wrapper of the SDK's Server. The wrapper validates the result after the tool has run and
   * responds with -32602 for an invalid one, so a caller would take an executed call for a refused one. It also copies
   * the result, but a replay must keep its bytes.
   */
  onCall(handle: (params: unknown, extra: RequestExtra) => Promise<CallToolResult>): void {
    Protocol.prototype.setRequestHandler.call(this, callRequest, (request: object, extra: RequestExtra) =>
      handle((request as z.infer<typeof callRequest>).params, extra),
    );
  }

  /**
   * The SDK refuses a request with `params.task` when tasks are not declared. MCP 2025-11-25 (tasks, task support and
   * handling, 1) requires that it is processed as if it had none.
   */
  protected override assertTaskHandlerCapability(): void {}
}
