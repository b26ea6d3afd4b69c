import { randomUUID } from 'node:crypto';
import type { ErrorFacts } from '../../core/error-answers/classify.ts';
import { McpOnceError, NotExecuted } from '../../core/errors.ts';
import { defined } from '../../core/json.ts';
import type { ContentResult, LookupAnswer, LookupContext, Recovery, RunContext } from '../../core/tool/types.ts';
import { ApiFailure, errorExcerpt } from '../http/api-failure.ts';
import type { HttpRequest, HttpResponse, SendOptions } from '../http/types.ts';
import { clientIdOf } from '../policy/idempotency-key.ts';
import type { ApiConnection } from './client.ts';
import { readEtag } from './etag.ts';
import { FETCH_ETAG, isRepeatability } from './model-input.ts';
import type { ReadyOperation } from './ready-operation.ts';

type Arguments = Readonly<Record<string, unknown>>;
type Context = RunContext<ApiConnection>;

/** Sends a read. The sender may retry it, because it has no effect. */
export async function runRead(ready: ReadyOperation, args: Arguments, context: Context): Promise<ContentResult> {
  // No answer of the API to an earlier read may come back.
  const request = ready.request(args, ready.policy.key ? randomUUID() : undefined, firstSentOf(ready));
  const response = await send(ready, request, context, { retryable: true, hasEffect: false });
  const no = ready.judge(response, request);
  // A read may well return a resource that says `success: false` of something else.
  if (no?.isOnlyError) throw failureOfSuccess(response, no.facts);
  return ready.content(response, request.url);
}

/** The parts that only a write needs. */
export interface WriteParts {
  /** Returns the operation that reads the resource's entity tag. */
  readonly readyRead: () => ReadyOperation;
  /** The recovery of the served tool. Configuration may override the operation's own. */
  readonly recovery: readonly Recovery[];
  /** Finds the effect by its marker; undefined for an operation that cannot be looked up. */
  readonly find?: ((context: LookupContext<ApiConnection>) => Promise<LookupAnswer>) | undefined;
}

/**
 * Sends a write as one step. Checks all arguments before it sends anything. If the model asked for the current entity
 * tag, reads and stores the tag first, so that each send has the same one.
 */
export async function runWrite(
  ready: ReadyOperation,
  args: Arguments,
  context: Context,
  { readyRead, recovery, find }: WriteParts,
): Promise<ContentResult> {
  const { policy, modelInput: shown } = ready;
  const filled = { ...args, ...markersOf(ready, context) };
  checkRequest(() => ready.request(filled, policy.key ? 'placeholder-of-the-derived-key' : undefined));
  const etag = shown.etagArgument;
  if (etag !== undefined && filled[etag] === FETCH_ETAG) {
    Object.assign(filled, { [etag]: await context.read('etag', () => readEtag(ready, readyRead(), args, context)) });
  }
  const now = firstSentOf(ready);
  const firstSent = now === undefined ? undefined : await context.read('first_sent', () => Promise.resolve(now));
  const retryable = recovery.includes('natural') || (policy.key !== undefined && recovery.includes('resend'));
  return context.step('request', async (derived) => {
    const request = ready.request(filled, derived, typeof firstSent === 'string' ? firstSent : undefined);
    const response = await send(ready, request, context, { retryable, hasEffect: true }).catch((error: unknown) => {
      throw classifyRefusal(ready, error);
    });
    const found = response.isBroken && find ? await foundInstead(find, context) : undefined;
    if (found) return withClientId(ready, filled, found);
    const no = ready.judge(response, request);
    // A second send without a key may be refused because of the first.
    const isDefinite = no?.meaning === 'refused' && (response.sends === 1 || policy.key !== undefined);
    if (no && isDefinite) throw classifyRefusal(ready, failureOfSuccess(response, no.facts));
    const content = ready.content(response, request.url);
    return withClientId(ready, filled, no ? { ...content, isError: true } : content);
  });
}

/** How far back a lookup searches for an effect of the present call, in ms. */
const searchedMs = 3_600_000;

/** Looks up the result of a success whose body broke off. The effect is certain, so a failed lookup changes nothing. */
async function foundInstead(
  find: NonNullable<WriteParts['find']>,
  { client, marker, signal, log }: Context,
): Promise<ContentResult | undefined> {
  const context = { client, marker, sinceMs: Date.now() - searchedMs, steps: {}, signal, log };
  const answer = await find(context).catch(() => undefined);
  return answer?.status === 'found' ? (answer.result as ContentResult) : undefined;
}

/** The present time as an HTTP date, for a key that goes with the time of the first send. */
function firstSentOf({ policy }: ReadyOperation): string | undefined {
  return isRepeatability(policy.key) ? new Date().toUTCString() : undefined;
}

/** Makes the failure of a response that has a status of success, and says no. */
function failureOfSuccess(response: HttpResponse, facts: ErrorFacts): ApiFailure {
  const { status } = response;
  const excerpt = errorExcerpt(response, (text) => text);
  const quote = excerpt === '' ? '' : ` (${excerpt})`;
  const message = `the API answered ${status}, and says that it failed${quote}`;
  return new ApiFailure(message, { classification: 'failed', status, response, facts, answered: true });
}

/** Returns the marker and the id that is derived from it, for the arguments that the tool fills in. */
function markersOf({ policy, charsMax }: ReadyOperation, context: Context): Record<string, unknown> {
  const { lookup, clientId } = policy;
  if (lookup === undefined && clientId === undefined) return {};
  const { marker } = context;
  return {
    ...(lookup ? { [lookup.marker.argument]: marker } : {}),
    ...(clientId === undefined ? {} : { [clientId]: clientIdOf(marker, charsMax(clientId)) }),
  };
}

function send(
  { operation, policy }: ReadyOperation,
  request: HttpRequest,
  context: Context,
  { retryable, hasEffect }: Pick<SendOptions, 'retryable' | 'hasEffect'>,
): Promise<HttpResponse> {
  return context.client.sender(request.url).send(request, {
    retryable,
    ...defined({ hasEffect }),
    inUseStatuses: policy.key?.inUseStatuses ?? [],
    security: operation.security,
    maySend: () => context.maySend(),
    readyToSend: () => context.readyToSend(),
    signal: context.signal,
  });
}

/** Builds a request to find invalid arguments. @throws NotExecuted for them, because nothing was sent */
function checkRequest(build: () => unknown): void {
  try {
    build();
  } catch (cause) {
    if (cause instanceof McpOnceError) throw new NotExecuted(withoutFullStop(cause.message), { cause });
    throw cause;
  }
}

/** Statuses with which a provider may complain about a known key instead of the request. */
const keyStatuses: ReadonlySet<number> = new Set([409, 412, 422]);
/** Statuses of gateways in front of an API, which know no keys: size limits, routes, filters. */
const gatewayStatuses: ReadonlySet<number> = new Set([413, 414, 421, 431, 451, 501]);
const keyWords = /idempoten|duplicat|already|in progress|processing|concurrent|request.?id/i;

/**
 * Decides what a refusal says about earlier sends of the same request. A provider that remembers the key repeats its first
 * answer, so its refusal is final (`failed`). Any other refusal only means that this send did nothing (`not_executed`).
 */
function classifyRefusal({ policy }: ReadyOperation, error: unknown): unknown {
  if (!(error instanceof ApiFailure) || error.details.classification !== 'failed') return error;
  const { status, response } = error.details;
  const isStatusUnclear = status === undefined || keyStatuses.has(status) || gatewayStatuses.has(status);
  // A truncated response may mention the key in the missing part.
  const isAboutKey = isStatusUnclear || response?.truncated || keyWords.test(response?.body.toString() ?? '');
  const advice = status === 412 && policy.etag ? '; read the resource again, then decide with its new entity tag' : '';
  return new ApiFailure(error.message + advice, {
    ...error.details,
    classification: policy.key !== undefined && !isAboutKey ? 'failed' : 'not_executed',
  });
}

/** Adds the derived id to the result, because the caller does not know it and the response may not contain it. */
function withClientId({ policy }: ReadyOperation, filled: Arguments, result: ContentResult): ContentResult {
  if (policy.clientId === undefined) return result;
  const note = { type: 'text', text: `${policy.clientId}: ${String(filled[policy.clientId])}` };
  return { ...result, content: [...result.content, note] };
}

/** Removes the full stop from a text that the engine continues. */
export function withoutFullStop(text: string): string {
  return text.replace(/\.+$/, '');
}
