import { NotExecuted } from '../../core/errors.ts';
import { isObject } from '../../core/json.ts';
import type { ContentResult, LookupAnswer, LookupContext, RunContext } from '../../core/tool/types.ts';
import type { ApiParameter } from '../document/types.ts';
import { UNDOCUMENTED } from '../http/response-schema.ts';
import { classifyApiError } from '../http/send.ts';
import type { HttpResponse } from '../http/types.ts';
import { parsedBody } from '../policy/lookup.ts';
import type { ApiConnection } from './client.ts';
import { FETCH_ETAG } from './model-input.ts';
import type { ReadyOperation } from './ready-operation.ts';

type Arguments = Readonly<Record<string, unknown>>;
type ReadContext = Pick<RunContext<ApiConnection>, 'client' | 'signal'>;

/** Reads the resource's current entity tag. @throws NotExecuted if the API returns none */
export async function readEtag(
  ready: ReadyOperation,
  read: ReadyOperation,
  args: Arguments,
  context: ReadContext,
): Promise<string> {
  const { headers } = await readResource(ready, read, args, context);
  if (headers.etag !== undefined && headers.etag !== '') return headers.etag;
  throw new NotExecuted(
    'the API returned no entity tag (ETag) for the resource; set the tag yourself, or leave it out',
  );
}

/**
 * Finds out what happened to a write by comparing entity tags (RFC 9110, 13.1.1). If the resource still has the sent tag,
 * nothing changed. If it has another tag and contains everything that was sent, the write took effect. In other cases the
 * outcome stays unknown, because somebody else may have changed the resource.
 */
export async function lookUpByEtag(
  ready: ReadyOperation,
  read: ReadyOperation,
  args: Arguments,
  context: LookupContext<ApiConnection>,
): Promise<LookupAnswer> {
  const { etagArgument: etag } = ready.modelInput;
  const given = etag === undefined ? undefined : args[etag];
  const sent = given === FETCH_ETAG ? context.steps.etag : given;
  if (typeof sent !== 'string') return unclear('the request had no entity tag to compare');
  let response: HttpResponse;
  try {
    response = await readResource(ready, read, args, context);
  } catch (error) {
    if (classifyApiError(error) !== 'gone') throw error;
    if (ready.policy.effect !== 'delete') return unclear('the resource no longer exists');
    return { status: 'found', result: alreadyGoneResult(ready) };
  }
  if (response.fromOtherOrigin)
    return unclear('the read was redirected to another server, which may not know the current state');
  if (withoutWeakPrefix(response.headers.etag) === withoutWeakPrefix(sent)) return { status: 'absent' };
  if (ready.policy.effect === 'delete') return unclear('somebody has changed the resource since');
  if (containsAll(ready, args, parsedBody(response.body))) {
    return { status: 'found', result: ready.content(response, ready.request({ ...args, ...tagOf(etag, sent) }).url) };
  }
  return unclear('the entity tag has changed, and the resource does not contain what was sent');
}

/** Returns the result of a delete whose resource no longer exists. */
export function alreadyGoneResult({ operation, outputSchema }: ReadyOperation): ContentResult {
  const text = `${operation.method} ${operation.path}: it no longer exists.`;
  const structured = outputSchema ? { structuredContent: { [UNDOCUMENTED]: text } } : {};
  return { content: [{ type: 'text', text }], ...structured };
}

/** Reads the resource with the parameters that both operations share, such as those of the path. */
function readResource(
  ready: ReadyOperation,
  read: ReadyOperation,
  args: Arguments,
  context: ReadContext,
): Promise<HttpResponse> {
  const parameters = Object.entries(read.modelInput.schemas.places).flatMap(([name, place]) => {
    if (place.in !== 'parameter') return [];
    const given = argumentOf(ready, place.parameter);
    return given === undefined || args[given] === undefined ? [] : [[name, args[given]] as const];
  });
  const request = read.request(Object.fromEntries(parameters));
  const { security } = read.operation;
  const { signal } = context;
  return context.client.sender(request.url).send(request, { retryable: true, inUseStatuses: [], security, signal });
}

function argumentOf({ modelInput: shown }: ReadyOperation, { name, in: place }: ApiParameter): string | undefined {
  const found = Object.entries(shown.schemas.places).find(([, each]) => {
    return each.in === 'parameter' && each.parameter.in === place && each.parameter.name === name;
  });
  return found?.[0];
}

/** Returns whether the resource contains every sent property. A sent `null` may also be absent. */
function containsAll({ modelInput: shown }: ReadyOperation, args: Arguments, resource: unknown): boolean {
  if (typeof resource !== 'object' || resource === null) return false;
  const sent = Object.entries(shown.schemas.places).flatMap(([name, place]): [string, unknown][] => {
    const value = args[name];
    if (value === undefined || place.in === 'parameter') return [];
    if (place.in === 'body') return [[place.property, value]];
    // A body that is not an object, such as a JSON Patch (RFC 6902), cannot be compared: NaN equals nothing.
    return isObject(value) ? Object.entries(value) : [['', Number.NaN]];
  });
  const now = resource as Arguments;
  return sent.length > 0 && sent.every(([property, value]) => contains(value, now[property]));
}

function contains(sent: unknown, now: unknown): boolean {
  if (sent === null) return now === null || now === undefined;
  if (typeof sent !== 'object') return sent === now;
  if (typeof now !== 'object' || now === null || Array.isArray(sent) !== Array.isArray(now)) return false;
  const there = now as Readonly<Record<string, unknown>>;
  if (Array.isArray(sent) && sent.length !== (now as readonly unknown[]).length) return false;
  return Object.entries(sent).every(([name, value]) => contains(value, there[name]));
}

/** Ignores the weak prefix, because a write changes weak and strong tags. */
function withoutWeakPrefix(tag: string | undefined): string | undefined {
  return tag?.replace(/^W\//, '');
}

function tagOf(etag: string | undefined, tag: string): Arguments {
  return etag === undefined ? {} : { [etag]: tag };
}

function unclear(reason: string): LookupAnswer {
  return { status: 'unclear', reason };
}
