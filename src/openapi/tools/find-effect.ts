import type { LookupAnswer, LookupContext } from '../../core/tool/types.ts';
import { classifyApiError } from '../http/send.ts';
import type { HttpResponse } from '../http/types.ts';
import { argumentSchema } from '../policy/argument-schema.ts';
import type { LookupRule } from '../policy/lookup.ts';
import { findItem, lookupArguments } from '../policy/lookup.ts';
import type { ApiConnection } from './client.ts';
import type { ReadyOperation } from './ready-operation.ts';

type Arguments = Readonly<Record<string, unknown>>;

/** Looks up an effect by its marker with another operation of the API. */
export async function findEffect(
  ready: ReadyOperation,
  read: ReadyOperation,
  rule: LookupRule,
  args: Arguments,
  context: LookupContext<ApiConnection>,
): Promise<LookupAnswer> {
  const rawArguments = coerceTypes(read, lookupArguments(rule, ready.withDefaults(args), context.marker));
  const parsed = read.parse(rawArguments);
  if (!parsed.ok) {
    const [issue] = parsed.issues;
    return unclear(`the lookup has invalid arguments: ${issue?.path ?? ''} ${issue?.message ?? ''}`.trim());
  }
  const request = read.request(parsed.value);
  let response: HttpResponse;
  try {
    const { security } = read.operation;
    const { signal } = context;
    response = await context.client
      .sender(request.url)
      .send(request, { retryable: true, inUseStatuses: [], security, signal });
  } catch (error) {
    // The marker is the id in the path, so a 404 means that the effect does not exist.
    if (classifyApiError(error) === 'gone' && hasMarkerInPath(read, rule)) return { status: 'absent' };
    throw error;
  }
  if (response.fromOtherOrigin)
    return unclear('the lookup was redirected to another server, which may not know the current state');
  const found = findItem(rule, response, context.marker, pageSizes(read, parsed.value));
  if (found.status !== 'found') return found;
  return { status: 'found', result: ready.content(withItem(response, found.item), request.url) };
}

/** Converts configured texts to the types of the operation's arguments, such as `100` to a number. */
function coerceTypes(read: ReadyOperation, args: Arguments): Record<string, unknown> {
  const entries = Object.entries(args).map(([name, value]) => {
    const { type } = argumentSchema(read.modelInput.schemas, name);
    const accepts = (each: string): boolean => type === each || (Array.isArray(type) && type.includes(each));
    if (typeof value !== 'string' || accepts('string')) return [name, value] as const;
    const isNumber = (accepts('integer') || accepts('number')) && /^-?\d{1,15}(\.\d+)?$/.test(value);
    if (isNumber) return [name, Number(value)] as const;
    return [name, accepts('boolean') && /^(true|false)$/.test(value) ? value === 'true' : value] as const;
  });
  return Object.fromEntries(entries);
}

/** Returns all numbers among the read's arguments and schemas. Each may be the length of a page. */
function pageSizes(read: ReadyOperation, args: Arguments): number[] {
  const schemas = Object.keys(read.modelInput.schemas.places).map((name) =>
    argumentSchema(read.modelInput.schemas, name),
  );
  const documented = schemas.flatMap((schema) => [schema.default, schema.maximum]);
  return [...documented, ...Object.values(args)].filter((value) => typeof value === 'number');
}

function hasMarkerInPath(read: ReadyOperation, rule: LookupRule): boolean {
  return Object.entries(rule.arguments).some(([name, text]) => {
    const place = read.modelInput.schemas.places[name];
    return text === '$marker' && place?.in === 'parameter' && place.parameter.in === 'path';
  });
}

/** Returns a response that contains one item, as if the operation itself had returned it. */
function withItem(response: HttpResponse, item: unknown): HttpResponse {
  const body = Buffer.from(JSON.stringify(item));
  return { ...response, status: 200, headers: { 'content-type': 'application/json' }, body };
}

function unclear(reason: string): LookupAnswer {
  return { status: 'unclear', reason };
}
