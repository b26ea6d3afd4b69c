import { McpOnceError, NotExecuted } from '../../core/errors.ts';
import type { ContentResult, Recovery, RunContext } from '../../core/tool/types.ts';
import { ApiFailure } from '../http/send.ts';
import type { HttpRequest, HttpResponse, SendOptions } from '../http/types.ts';
import { clientIdOf } from '../policy/idempotency-key.ts';
import { withoutStop } from '../texts.ts';
import type { Connection } from './connection.ts';
import { readEtag } from './etag.ts';
import { FETCH_ETAG } from './hidden.ts';
import type { ReadyOperation } from './operations.ts';

type Arguments = Readonly<Record<string, unknown>>;
type Context = RunContext<Connection>;

/** Sends a read. It may be sent again: it has no effect. */
export async function runRead(ready: ReadyOperation, args: Arguments, context: Context): Promise<ContentResult> {
  const request = ready.request(args);
  return ready.content(await send(ready, request, context, { retryable: true, hasEffect: false }), request.url);
}

/** What a write needs besides its operation. */
export interface WriteParts {
  readonly readyRead: () => ReadyOperation;
  /** Of the tool as it is served: a rule of the configuration may lie over the operation's own. */
  readonly recovery: readonly Recovery[];
}

/**
 * Sends a write, as one step. Whatever can be wrong with its arguments is found before anything is sent; the entity
 * tag, where it is to be fetched, is read first and kept, so that every sending carries the same one.
 */
export async function runWrite(
  ready: ReadyOperation,
  args: Arguments,
  context: Context,
  { readyRead, recovery }: WriteParts,
): Promise<ContentResult> {
  const { policy, shown } = ready;
  const filled = { ...args, ...markersOf(ready, context) };
  refuseEarly(() => ready.request(filled, policy.key ? 'placeholder-of-the-derived-key' : undefined));
  const etag = shown.etag;
  if (etag !== undefined && filled[etag] === FETCH_ETAG) {
    Object.assign(filled, { [etag]: await context.read('etag', () => readEtag(ready, readyRead(), args, context)) });
  }
  const retryable = recovery.includes('natural') || (policy.key !== undefined && recovery.includes('resend'));
  return context.step('request', async (derived) => {
    const request = ready.request(filled, derived);
    const answer = await send(ready, request, context, { retryable: retryable, hasEffect: true }).catch(
      (error: unknown) => {
        throw explained(ready, error);
      },
    );
    return withClientId(ready, filled, ready.content(answer, request.url));
  });
}

/** What this tool fills in besides the key: the marker, and an id that is made from it. */
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
    retryable: retryable,
    ...(hasEffect === undefined ? {} : { hasEffect }),
    inUseStatuses: policy.key?.inUseStatuses ?? [],
    security: operation.security,
    maySend: () => context.maySend(),
    signal: context.signal,
  });
}

/** What was not written cannot have had an effect, whatever is known of earlier sendings. */
function refuseEarly(write: () => unknown): void {
  try {
    write();
  } catch (cause) {
    if (cause instanceof McpOnceError) throw new NotExecuted(withoutStop(cause.message), { cause });
    throw cause;
  }
}

/** Answers of a provider to a key that it knows which may speak of the key and not of the request. */
const aboutTheKey: ReadonlySet<number> = new Set([409, 412, 422]);
/** Answers of what stands before an API and knows of no key: its size limits, its routes, its filters. */
const beforeTheApi: ReadonlySet<number> = new Set([413, 414, 421, 431, 451, 501]);
const speaksOfKeys = /idempoten|duplicat|already|in progress|processing|concurrent|request.?id/i;

/**
 * Outcomes join: a refusal is the last word on an effect only from a provider that answers for the key, since its
 * answer to a second sending is then the first one's. Of any other it only says that this sending did nothing.
 */
function explained({ policy }: ReadyOperation, error: unknown): unknown {
  if (!(error instanceof ApiFailure) || error.details.classification !== 'failed') return error;
  const { status, response: answer } = error.details;
  const isStatusUnclear = status === undefined || aboutTheKey.has(status) || beforeTheApi.has(status);
  // What could not be read whole may speak of anything.
  const isAboutKey = isStatusUnclear || answer?.truncated || speaksOfKeys.test(answer?.body.toString() ?? '');
  const advice = status === 412 && policy.etag ? '; read it again, and decide anew with its new entity tag' : '';
  return new ApiFailure(error.message + advice, {
    ...error.details,
    classification: policy.key !== undefined && !isAboutKey ? 'failed' : 'not_executed',
  });
}

/** The caller never saw the id, and an answer need not repeat it. */
function withClientId({ policy }: ReadyOperation, filled: Arguments, result: ContentResult): ContentResult {
  if (policy.clientId === undefined) return result;
  const told = { type: 'text', text: `${policy.clientId}: ${String(filled[policy.clientId])}` };
  return { ...result, content: [...result.content, told] };
}
