import { AsyncLocalStorage } from 'node:async_hooks';
import { BoundedMap } from '../../core/bounded-map.ts';
import { failureNote } from '../../core/call/messages.ts';
import type { Outcome, OutcomeCode, RefusalOutcome } from '../../core/call/outcome.ts';
import type { ToolCall } from '../../core/call/types.ts';
import type { Clock } from '../../core/clock.ts';
import { classifyErrorAnswer, type ErrorFacts } from '../../core/error-answers/classify.ts';
import { refusalIn } from '../../core/error-answers/error-result.ts';
import { describeError, faultFields } from '../../core/errors.ts';
import { foldedNumbers, nearestNumbers } from '../../core/exact-json.ts';
import { arrayOf, defined, isObject, type JsonSchema, objectOf } from '../../core/json.ts';
import type { CallLog } from '../../core/observe/log.ts';
import { SessionMemory } from '../../core/recognition/session.ts';
import { Deliveries } from '../../server/deliveries.ts';
import { internalError, invalidParams, methodNotFound, urlElicitationRequired } from '../../server/jsonrpc-codes.ts';
import { takesNotice, withNotice } from '../../server/notice.ts';
import { OUTCOME_META, render } from '../../server/render.ts';
import { factsOfRpcError, toMcpResult } from '../policy/result.ts';
import type { ForwardedCall } from '../policy/types.ts';
import type { KnownTools } from './known-tools.ts';
import { ServerFault } from './link.ts';
import {
  type RpcError,
  type RpcId,
  type RpcMessage,
  type RpcParams,
  type RpcRequest,
  type RpcResponse,
  rpcErrorResponse,
  withoutForgedResult,
  withoutOwnMeta,
} from './message.ts';
import { withPaymentIdentifier } from './payment-identifier.ts';
import type { ServerConnection } from './server-connection.ts';

const abandonedTokensMax = 10_000;

/** The parts of a call that the engine does not carry. */
interface CallContext {
  /** The caller's params except name and arguments: `_meta` and unknown fields. */
  readonly params: RpcParams;
  /** The server's response when it executed nothing. The client gets it unchanged. */
  refusal?: OwnRefusal;
}

/** A server's own response that it executed nothing, and the output schema of its tool. */
interface OwnRefusal extends Pick<RpcResponse, 'result' | 'error'> {
  readonly outputSchema?: JsonSchema | undefined;
}

/** How often one call renews its claim. */
const renewalsMax = 3;

/** Carries the context of the current call through the engine. */
const contexts = new AsyncLocalStorage<CallContext>();

/**
 * Sends a guarded call with the caller's `_meta`, and resolves with the unchanged result.
 *
 * @throws ServerFault
 */
export async function sendToServer(
  connection: ServerConnection,
  tools: KnownTools,
  call: ForwardedCall,
): Promise<unknown> {
  const { name, purpose } = call;
  if (call.keyed && !(await tools.stillTakesKey(call))) {
    throw new ServerFault(
      'not_executed',
      `${connection.name} has changed and no longer accepts an idempotency key for ${name}`,
    );
  }
  const context = purpose === 'operation' ? contexts.getStore() : undefined;
  const given = context?.params ?? {};
  const kept = call.upstreamKey === undefined ? given : withPaymentIdentifier(given, call.upstreamKey);
  const params = { ...kept, name, arguments: call.arguments };
  const askedBefore = connection.requestsReceived;
  const answer = await requestWhileClaimed(connection, params, call);
  return judgeAnswer({ connection, tools, askedBefore, context }, call, answer);
}

/**
 * Sends a call whose claim became old while it waited, for example for the start of its server: renews the claim and tries
 * again.
 */
async function requestWhileClaimed(
  connection: ServerConnection,
  params: RpcParams,
  { maySend, readyToSend }: ForwardedCall,
): Promise<RpcResponse> {
  for (let tries = 1; ; tries += 1) {
    await readyToSend?.();
    try {
      return await connection.request('tools/call', params, maySend);
    } catch (error) {
      const isWithdrawn = error instanceof ServerFault && error.isWithdrawn;
      if (!isWithdrawn || tries >= renewalsMax || !(await readyToSend?.())) throw error;
    }
  }
}

/** What the judgement of a server's answer depends on. */
interface Judging {
  readonly connection: ServerConnection;
  readonly tools: KnownTools;
  /** How many requests the server had sent when the call was sent. */
  readonly askedBefore: number;
  readonly context: CallContext | undefined;
}

/** Returns the unchanged result in an answer. @throws ServerFault for an answer that is not an outcome */
export async function judgeAnswer(judging: Judging, call: ForwardedCall, answer: RpcResponse): Promise<unknown> {
  const { connection, tools, askedBefore, context } = judging;
  const { name, purpose } = call;
  const outputSchema = tools.outputSchemaOf(name);
  const { result, error } = withoutForgedResult(withoutOwnMeta(answer), outputSchema);
  if (result) {
    const undone = purpose === 'operation' ? faultInResult(answer.result, connection.name, call.keyed) : undefined;
    if (undone === undefined) {
      const isJudged = purpose === 'operation' && call.errors === 'judge';
      const refused = isJudged
        ? refusalIn(nearestNumbers(toMcpResult(result)), nearestNumbers(call.arguments))
        : undefined;
      if (refused === undefined) return result;
      if (context) context.refusal = { result: { ...result, isError: true }, outputSchema };
      throw new ServerFault('not_executed', `${connection.name} answered: ${refused.excerpt}`, refused);
    }
    if (undone.effect === 'not_executed' && context) context.refusal = { result };
    throw undone;
  }
  const response: RpcError = error ?? { code: internalError, message: 'the response has neither result nor error' };
  const facts = factsOfRpcError(nearestNumbers(response), nearestNumbers(call.arguments));
  const hasAsked = connection.requestsReceived !== askedBefore;
  const isDefinite = await isDefiniteRefusal(response, facts, { tools, name, hasAsked });
  if (isDefinite && context) context.refusal = { error: response };
  const message = `${connection.name} answered with the error ${response.code}: ${String(response.message)}`;
  throw new ServerFault(isDefinite ? 'not_executed' : 'unknown', message, { response, facts });
}

/** A call that got an error. `hasAsked`: the server has sent requests to the client meanwhile. */
interface RefusedCall {
  readonly tools: KnownTools;
  readonly name: string;
  readonly hasAsked: boolean;
}

/**
 * Whether an error says that nothing was executed. A tool that asks the client for something may answer with the client's
 * own error. So after such a request, and for `Method not found`, only an error about an unlisted tool is definite: a
 * server that lists the tool has the method `tools/call`.
 */
async function isDefiniteRefusal({ code }: RpcError, facts: ErrorFacts, call: RefusedCall): Promise<boolean> {
  if (code === urlElicitationRequired) return true;
  const mayBeClients = call.hasAsked || code === methodNotFound;
  if (!mayBeClients && classifyErrorAnswer(facts).type === 'refused') return true;
  const isAboutTool = code === methodNotFound || code === invalidParams;
  return isAboutTool && (await call.tools.isMissingNow(call.name).catch(() => false));
}

/** The codes with which a server that is guarded itself says that it executed nothing. */
const guardRefusals: ReadonlySet<unknown> = new Set<OutcomeCode>([
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
 * Returns the fault in a result that is not an outcome: the server requests more input (MCP 2026-07-28, multi
 * round-trip requests), or is guarded itself and has refused. Storing such a result would hide the later outcome.
 */
function faultInResult(result: RpcParams = {}, server: string, keyed: boolean): ServerFault | undefined {
  if (result.resultType === 'input_required') {
    return new ServerFault('not_executed', `${server} requests more input from the caller`);
  }
  const { code } = objectOf(objectOf(result._meta)[OUTCOME_META]);
  if (guardRefusals.has(code))
    return new ServerFault('not_executed', `${server} is guarded itself and refused the call (${code})`);
  if (code !== 'idempotency_in_flight' && code !== 'outcome_unknown') return undefined;
  // The inner guard recognises an identical call. With another key it would be another operation.
  const effect = code === 'idempotency_in_flight' && !keyed ? 'not_executed' : 'unknown';
  return new ServerFault(effect, `${server} is guarded itself and has no outcome yet (${code})`);
}

export interface GuardedCallsOptions {
  readonly handle: (call: ToolCall) => Promise<Outcome>;
  readonly scope: () => ToolCall['scope'];
  readonly log: CallLog;
  /** Whether a guarded tool is missing from its server's list. */
  readonly isUnlisted: (tool: string) => boolean;
  readonly clock: Clock;
  /** Sends a message to the client. Calls `onWritten` when it has been written. */
  readonly send: (message: RpcMessage, onWritten?: () => void) => void;
}

/** Handles the tool calls of one client that go through the engine. */
export class GuardedCalls {
  readonly #options: GuardedCallsOptions;
  readonly #deliveries: Deliveries;
  readonly #calls = new Map<RpcId, AbortController>();
  /** The progress tokens of calls that the client cancelled. */
  readonly #abandonedTokens = new BoundedMap<unknown, true>(abandonedTokensMax);

  constructor(options: GuardedCallsOptions) {
    this.#options = options;
    this.#deliveries = new Deliveries(new SessionMemory(options.clock));
  }

  /** Handles a call. @param route returns the tool to call, or undefined after passing the call on. */
  async handle(request: RpcRequest, route: () => Promise<string | undefined>): Promise<void> {
    const controller = new AbortController();
    this.#calls.set(request.id, controller);
    try {
      const tool = await route();
      if (tool === undefined || controller.signal.aborted) return;
      const answer = await this.#respond(request, tool, controller.signal);
      if (!controller.signal.aborted) this.#options.send(answer, () => this.#deliveries.written(request.id));
    } catch (error) {
      if (!controller.signal.aborted) this.#options.send(this.#faultResponse(request, error));
    } finally {
      if (this.#calls.get(request.id) === controller) this.#calls.delete(request.id);
    }
  }

  /** Cancels the wait of a caller; the execution continues. @returns false for an unknown request. */
  cancel(id: RpcId): boolean {
    const controller = this.#calls.get(id);
    controller?.abort();
    this.#deliveries.forget(id);
    return controller !== undefined;
  }

  /** Removes a call that is not guarded. @returns false when its caller has cancelled it. */
  release(id: RpcId): boolean {
    const controller = this.#calls.get(id);
    this.#calls.delete(id);
    return controller?.signal.aborted === false;
  }

  /** Whether a call with this id is in progress. */
  has(id: RpcId): boolean {
    return this.#calls.has(id);
  }

  /** Notes that a request uses a progress token, perhaps one of a cancelled call. */
  noteProgress({ params }: RpcRequest): void {
    if (isObject(params?._meta)) this.#abandonedTokens.delete(params._meta.progressToken);
  }

  /** Returns false for the progress of a cancelled call. */
  wantsProgress(token: unknown): boolean {
    return !this.#abandonedTokens.has(token);
  }

  async #respond(request: RpcRequest, tool: string, signal: AbortSignal): Promise<RpcResponse> {
    const { handle, scope, send, log } = this.#options;
    const { name: _name, arguments: given, ...params } = request.params ?? {};
    const meta = foldedNumbers(objectOf(params._meta));
    // Loaded at the first call, because it loads the SDK's server and would delay the start.
    const { hostKeyOf, progressNotifier } = await import('../../server/tool-requests.ts');
    const hostKey = hostKeyOf(meta, params);
    const { progressToken } = meta;
    const context: CallContext = { params };
    signal.addEventListener('abort', () => this.#abandonProgress(progressToken), { once: true });
    const answer = await contexts.run(context, () =>
      handle({
        tool,
        arguments: given,
        scope: scope(),
        meta,
        signal,
        session: this.#deliveries.session,
        ...(hostKey === undefined ? {} : { hostKey }),
        ...(progressToken === undefined
          ? {}
          : {
              onWait: progressNotifier(progressToken as string | number, (told) => send({ jsonrpc: '2.0', ...told })),
            }),
      }),
    );
    log.debug(`${tool}: answered`);
    if (!signal.aborted) this.#deliveries.expect(request.id, answer, meta);
    if (context.refusal && answer.type === 'refusal' && answer.code === 'operation_failed') {
      return { jsonrpc: '2.0', id: request.id, ...withOutcome(context.refusal, answer) };
    }
    return { jsonrpc: '2.0', id: request.id, result: shownResult(this.#markIfUnlisted(tool, answer)) };
  }

  /** Notes that recovery is impossible where the server no longer lists the tool. */
  #markIfUnlisted(tool: string, answer: Outcome): Outcome {
    if (answer.type !== 'refusal' || answer.reason.type !== 'outcome_unknown') return answer;
    return this.#options.isUnlisted(tool) ? { ...answer, reason: { ...answer.reason, isToolGone: true } } : answer;
  }

  #abandonProgress(token: unknown): void {
    if (token === undefined) return;
    this.#abandonedTokens.set(token, true);
  }

  #faultResponse(request: RpcRequest, error: unknown): RpcResponse {
    if (error instanceof ServerFault && error.effect === 'not_executed')
      return rpcErrorResponse(request.id, `${error.message}. Nothing was executed. Call the tool again later.`);
    this.#options.log.warn(`internal fault: ${describeError(error)}`, faultFields(error));
    const message =
      'Internal error in mcp-once. The ledger knows whether the operation took effect. Call again with the same arguments to get its outcome.';
    return rpcErrorResponse(request.id, message, internalError);
  }
}

/**
 * Adds the outcome to the server's own refusal, for programs and for the model. Some clients show the model only structured
 * content, so the note stands there, too. A request for more input is not an outcome.
 */
function withOutcome({ result, error, outputSchema }: OwnRefusal, answer: RefusalOutcome) {
  if (result === undefined || result.resultType === 'input_required') return defined({ result, error });
  const _meta = { ...objectOf(result._meta), ...render(answer)._meta };
  if (isObject(objectOf(result._meta)[OUTCOME_META])) return { result: { ...result, _meta } };
  const note = failureNote(answer);
  const content = [...arrayOf(result.content), { type: 'text', text: note }];
  const { structuredContent } = result;
  const takesIt = isObject(structuredContent) && takesNotice(outputSchema);
  const structured = takesIt ? { structuredContent: withNotice(structuredContent, { replayed: false, note }) } : {};
  return { result: { ...result, content, ...structured, _meta } };
}

/** Renders an outcome. A result that came without content (a task, for example) is returned without it. */
function shownResult(answer: Outcome): Readonly<Record<string, unknown>> {
  const result = render(answer);
  if (answer.type === 'refusal' || result.content.length > 0 || !('task' in result)) return result;
  const { content: _none, ...rest } = result;
  return rest;
}
