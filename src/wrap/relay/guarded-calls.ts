import { AsyncLocalStorage } from 'node:async_hooks';
import type { Outcome, OutcomeCode } from '../../core/call/outcome.ts';
import type { ToolCall } from '../../core/call/types.ts';
import { describeError } from '../../core/errors.ts';
import type { ToolLog } from '../../core/tool/types.ts';
import { OUTCOME_META, render } from '../../server/render.ts';
import { progressNotifier } from '../../server/tool-requests.ts';
import type { ForwardedCall } from '../policy/types.ts';
import type { KnownTools } from './known-tools.ts';
import { ServerFault } from './link.ts';
import {
  errorResponse,
  internalError,
  invalidParams,
  isObject,
  methodNotFound,
  type RpcError,
  type RpcId,
  type RpcMessage,
  type RpcParams,
  type RpcRequest,
  type RpcResponse,
} from './message.ts';
import type { ServerConnection } from './server-connection.ts';

/** MCP's "open this URL first", after which the client calls again. */
const urlElicitationRequired = -32_042;

/** How many progress tokens of callers that have left are remembered. */
const goneMax = 10_000;

/** What the engine needs for a call, and what only the wire knows of it. */
interface CallContext {
  /** The caller's params, but name and arguments: `_meta`, and what is not known here. */
  readonly params: RpcParams;
  /** The upstream's own answer that says that nothing was executed: it passes as it is. */
  refusal?: Pick<RpcResponse, 'result' | 'error'>;
}

/** The call that is being handled: the engine passes neither the caller's `_meta` nor the error's own form. */
const contexts = new AsyncLocalStorage<CallContext>();

/**
 * Sends a guarded call, with the `_meta` of whoever called, and resolves with the result as it came.
 * @throws UpstreamFault
 */
export async function sendToServer(
  upstream: ServerConnection,
  tools: KnownTools,
  call: ForwardedCall,
): Promise<unknown> {
  const { name, purpose } = call;
  if (call.keyed && !(await tools.stillTakesKey(call))) {
    throw new ServerFault('not_executed', `${upstream.name} has changed, and takes no key for ${name} any more`);
  }
  const context = purpose === 'operation' ? contexts.getStore() : undefined;
  const params = { ...context?.params, name, arguments: call.arguments };
  const { result, error } = await upstream.request('tools/call', params, call.maySend);
  if (result) {
    const undone = purpose === 'operation' ? faultInResult(result, upstream.name, call.keyed) : undefined;
    if (undone === undefined) return result;
    if (undone.effect === 'not_executed' && context) context.refusal = { result };
    throw undone;
  }
  const response: RpcError = error ?? { code: internalError, message: 'its answer has neither result nor error' };
  const isDefinite = await isDefiniteRefusal(response, tools, name);
  if (isDefinite && context) context.refusal = { error: response };
  const message = `${upstream.name} answered with the error ${response.code}: ${String(response.message)}`;
  throw new ServerFault(isDefinite ? 'not_executed' : 'unknown', message, { response });
}

/**
 * `Invalid params` is also what some servers say when they do not like their own tool's result, and `Method not
 * found` what a tool passes on that has asked a client for what it does not have.
 */
async function isDefiniteRefusal({ code }: RpcError, tools: KnownTools, name: string): Promise<boolean> {
  if (code === urlElicitationRequired) return true;
  return (code === methodNotFound || code === invalidParams) && (await tools.isMissingNow(name).catch(() => false));
}

/** By these a guard within the server says that it has executed nothing, and will not have for the same call. */
const refusals: ReadonlySet<unknown> = new Set<OutcomeCode>([
  'idempotency_conflict',
  'ledger_unavailable',
  'invalid_input',
  'too_many_calls',
  'too_many_records',
  'operation_failed',
  'invalid_repeat_token',
  'unknown_tool',
  'record_unreadable',
]);

/**
 * A result that is no outcome: the server asks for more input first (MCP 2026-07-28, multi round-trip requests),
 * or is itself guarded and has refused. To keep it would be to hold back what it says when it is asked again.
 */
function faultInResult(result: RpcParams, server: string, keyed: boolean): ServerFault | undefined {
  if (result.resultType === 'input_required') {
    return new ServerFault('not_executed', `${server} asks the caller for more input`);
  }
  const meta = isObject(result._meta) ? result._meta[OUTCOME_META] : undefined;
  const code = isObject(meta) ? meta.code : undefined;
  if (refusals.has(code))
    return new ServerFault('not_executed', `${server} is guarded itself, and refused it (${code})`);
  if (code !== 'idempotency_in_flight' && code !== 'outcome_unknown') return undefined;
  // Sent again as it is, it is recognised within; with another key it would be another operation.
  const effect = code === 'idempotency_in_flight' && !keyed ? 'not_executed' : 'unknown';
  return new ServerFault(effect, `${server} is guarded itself, and has no outcome yet (${code})`);
}

export interface GuardedCallsOptions {
  readonly handle: (call: ToolCall) => Promise<Outcome>;
  readonly scope: () => ToolCall['scope'];
  readonly log: ToolLog;
  /** True for a guarded tool that its server does not list. */
  readonly isGone: (tool: string) => boolean;
  /** To the client. */
  readonly send: (message: RpcMessage) => void;
}

/** The tool calls of one client that go through the engine. */
export class GuardedCalls {
  readonly #options: GuardedCallsOptions;
  readonly #calls = new Map<RpcId, AbortController>();
  /** The progress tokens of callers that have gone, or have their answer. */
  readonly #gone = new Set<unknown>();

  constructor(options: GuardedCallsOptions) {
    this.#options = options;
  }

  /** Takes a call. `route` says which tool it is, or undefined for one that has been passed on. */
  async handle(request: RpcRequest, route: () => Promise<string | undefined>): Promise<void> {
    const controller = new AbortController();
    this.#calls.set(request.id, controller);
    try {
      const tool = await route();
      if (tool === undefined || controller.signal.aborted) return;
      const answer = await this.#answer(request, tool, controller.signal);
      if (!controller.signal.aborted) this.#options.send(answer);
    } catch (error) {
      if (!controller.signal.aborted) this.#options.send(this.#fault(request, error));
    } finally {
      if (this.#calls.get(request.id) === controller) this.#calls.delete(request.id);
    }
  }

  /** @returns false when the request is none of these. What is executing goes on. */
  cancel(id: RpcId): boolean {
    const controller = this.#calls.get(id);
    controller?.abort();
    return controller !== undefined;
  }

  /** A call that is none of these after all. @returns false when its caller has left. */
  release(id: RpcId): boolean {
    const controller = this.#calls.get(id);
    this.#calls.delete(id);
    return controller?.signal.aborted === false;
  }

  /** Whether a call of this id is being answered here. */
  has(id: RpcId): boolean {
    return this.#calls.has(id);
  }

  /** A request whose progress token may be one that an earlier caller has left behind. */
  noteProgress({ params }: RpcRequest): void {
    if (isObject(params?._meta)) this.#gone.delete(params._meta.progressToken);
  }

  /** False for progress of which nobody wants to hear any more. */
  wantsProgress(token: unknown): boolean {
    return !this.#gone.has(token);
  }

  async #answer(request: RpcRequest, tool: string, signal: AbortSignal): Promise<RpcResponse> {
    const { handle, scope, send, log } = this.#options;
    const { name: _name, arguments: given, ...params } = request.params ?? {};
    const meta = isObject(params._meta) ? params._meta : {};
    // Loaded by the first call: with the SDK's server, which a start would have to wait for.
    const { hostKeyOf } = await import('../../server/tool-requests.ts');
    const hostKey = hostKeyOf(meta, params);
    const { progressToken } = meta;
    const context: CallContext = { params };
    signal.addEventListener('abort', () => this.#forgetProgress(progressToken), { once: true });
    const answer = await contexts.run(context, () =>
      handle({
        tool,
        arguments: given,
        scope: scope(),
        meta,
        signal,
        ...(hostKey === undefined ? {} : { hostKey }),
        ...(progressToken === undefined
          ? {}
          : {
              onWait: progressNotifier(progressToken as string | number, (told) => send({ jsonrpc: '2.0', ...told })),
            }),
      }),
    );
    log.debug(`${tool}: answered`);
    if (context.refusal && answer.type === 'refusal' && answer.code === 'operation_failed') {
      return { jsonrpc: '2.0', id: request.id, ...context.refusal };
    }
    return { jsonrpc: '2.0', id: request.id, result: shownResult(this.#markIfGone(tool, answer)) };
  }

  /** Nobody should wait for a recovery that cannot be. */
  #markIfGone(tool: string, answer: Outcome): Outcome {
    if (answer.type !== 'refusal' || answer.reason.type !== 'outcome_unknown') return answer;
    return this.#options.isGone(tool) ? { ...answer, reason: { ...answer.reason, isToolGone: true } } : answer;
  }

  #forgetProgress(token: unknown): void {
    if (token === undefined) return;
    if (this.#gone.size >= goneMax) this.#gone.clear();
    this.#gone.add(token);
  }

  #fault(request: RpcRequest, error: unknown): RpcResponse {
    if (error instanceof ServerFault && error.effect === 'not_executed')
      return errorResponse(request.id, `${error.message}. Nothing was executed: call again later.`);
    this.#options.log.warn(`internal fault: ${describeError(error)}`);
    const message =
      'An internal fault of mcp-once. Whether the operation took effect is in the ledger: call again with the same arguments to learn it.';
    return errorResponse(request.id, message, internalError);
  }
}

/** As the engine has it; what had no content (a task, say) has none again. */
function shownResult(answer: Outcome): Readonly<Record<string, unknown>> {
  const result = render(answer);
  if (answer.type === 'refusal' || result.content.length > 0 || !('task' in result)) return result;
  const { content: _none, ...rest } = result;
  return rest;
}
