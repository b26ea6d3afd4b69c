import { NotExecuted } from '../../core/errors.ts';
import type { ContentResult, LookupAnswer, LookupContext, RunContext } from '../../core/tool/types.ts';
import type { ApiParameter } from '../document/types.ts';
import { UNDOCUMENTED } from '../http/answer-schema.ts';
import { classifyApiError } from '../http/send.ts';
import type { HttpResponse } from '../http/types.ts';
import { parseJson } from '../policy/lookup.ts';
import type { Connection } from './connection.ts';
import { FETCH_ETAG } from './hidden.ts';
import type { ReadyOperation } from './operations.ts';

type Arguments = Readonly<Record<string, unknown>>;
type Asking = Pick<RunContext<Connection>, 'client' | 'signal'>;

/** The resource's entity tag as it is now. @throws NotExecuted where the API gives none. */
export async function readEtag(
  ready: ReadyOperation,
  read: ReadyOperation,
  args: Arguments,
  context: Asking,
): Promise<string> {
  const { headers } = await readResource(ready, read, args, context);
  if (headers.etag !== undefined && headers.etag !== '') return headers.etag;
  throw new NotExecuted('the API gives no entity tag (ETag) for the resource: give the tag itself, or leave it out');
}

/**
 * Settles an unknown outcome by the entity tag (RFC 9110 section 13.1.1). The tag that was sent still stands:
 * nothing was changed. Another one, and everything that was sent is there: it was. Else somebody else
 * may have changed it, and nobody can tell.
 */
export async function settleByEtag(
  ready: ReadyOperation,
  read: ReadyOperation,
  args: Arguments,
  context: LookupContext<Connection>,
): Promise<LookupAnswer> {
  const { etag } = ready.shown;
  const given = etag === undefined ? undefined : args[etag];
  const sent = given === FETCH_ETAG ? context.steps.etag : given;
  if (typeof sent !== 'string') return unclear('no entity tag was sent with it, so none can be compared');
  let answer: HttpResponse;
  try {
    answer = await readResource(ready, read, args, context);
  } catch (error) {
    if (classifyApiError(error) !== 'gone') throw error;
    if (ready.policy.effect !== 'delete') return unclear('what was to be changed is gone');
    return { status: 'found', result: goneResult(ready) };
  }
  if (answer.fromOtherOrigin) return unclear('reading it was redirected to another server, which need not know');
  if (strong(answer.headers.etag) === strong(sent)) return { status: 'absent' };
  if (ready.policy.effect === 'delete') return unclear('somebody has changed it since');
  if (holdsAll(ready, args, parseJson(answer.body))) {
    return { status: 'found', result: ready.content(answer, ready.request({ ...args, ...tagOf(etag, sent) }).url) };
  }
  return unclear('its entity tag has changed, and it is not as it was to become');
}

/** The answer of a delete whose thing is not there any more. */
export function goneResult({ operation, outputSchema }: ReadyOperation): ContentResult {
  const text = `${operation.method} ${operation.path}: it is gone already.`;
  const structured = outputSchema ? { structuredContent: { [UNDOCUMENTED]: text } } : {};
  return { content: [{ type: 'text', text }], ...structured };
}

/** With the parameters that both operations have: the path's, and whatever else tells one resource from another. */
function readResource(
  ready: ReadyOperation,
  read: ReadyOperation,
  args: Arguments,
  context: Asking,
): Promise<HttpResponse> {
  const parameters = Object.entries(read.shown.schemas.places).flatMap(([name, place]) => {
    if (place.in !== 'parameter') return [];
    const given = argumentOf(ready, place.parameter);
    return given === undefined || args[given] === undefined ? [] : [[name, args[given]] as const];
  });
  const request = read.request(Object.fromEntries(parameters));
  const { security } = read.operation;
  const { signal } = context;
  return context.client.sender(request.url).send(request, { retryable: true, inUseStatuses: [], security, signal });
}

function argumentOf({ shown }: ReadyOperation, { name, in: place }: ApiParameter): string | undefined {
  const found = Object.entries(shown.schemas.places).find(([, each]) => {
    return each.in === 'parameter' && each.parameter.in === place && each.parameter.name === name;
  });
  return found?.[0];
}

/** Whether every property that was sent stands in the resource as it was sent; a null may also be left away. */
function holdsAll({ shown }: ReadyOperation, args: Arguments, resource: unknown): boolean {
  if (typeof resource !== 'object' || resource === null) return false;
  const sent = Object.entries(shown.schemas.places).flatMap(([name, place]): [string, unknown][] => {
    const value = args[name];
    if (value === undefined || place.in === 'parameter') return [];
    if (place.in === 'body') return [[place.property, value]];
    // A list of changes (RFC 6902), say, is no picture of what they come to.
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? Object.entries(value) : [['', Number.NaN]];
  });
  const now = resource as Arguments;
  return sent.length > 0 && sent.every(([property, value]) => same(value, now[property]));
}

function same(sent: unknown, now: unknown): boolean {
  if (sent === null) return now === null || now === undefined;
  if (typeof sent !== 'object') return sent === now;
  if (typeof now !== 'object' || now === null || Array.isArray(sent) !== Array.isArray(now)) return false;
  const there = now as Readonly<Record<string, unknown>>;
  if (Array.isArray(sent) && sent.length !== (now as readonly unknown[]).length) return false;
  return Object.entries(sent).every(([name, value]) => same(value, there[name]));
}

/** Two tags of one text are the same version, weak or not: a writer changes it either way. */
function strong(tag: string | undefined): string | undefined {
  return tag?.replace(/^W\//, '');
}

function tagOf(etag: string | undefined, tag: string): Arguments {
  return etag === undefined ? {} : { [etag]: tag };
}

function unclear(reason: string): LookupAnswer {
  return { status: 'unclear', reason };
}
