import type { LookupAnswer, LookupContext } from '../../core/tool/types.ts';
import { classifyApiError } from '../http/send.ts';
import type { HttpResponse } from '../http/types.ts';
import { argumentSchema } from '../policy/argument-schema.ts';
import { findItem, type LookupRule, lookupArguments } from '../policy/lookup.ts';
import type { Connection } from './connection.ts';
import type { ReadyOperation } from './operations.ts';

type Arguments = Readonly<Record<string, unknown>>;

/** Looks an effect up by its marker with another operation of the API. */
export async function findEffect(
  ready: ReadyOperation,
  read: ReadyOperation,
  rule: LookupRule,
  args: Arguments,
  context: LookupContext<Connection>,
): Promise<LookupAnswer> {
  const asked = typed(read, lookupArguments(rule, ready.withDefaults(args), context.marker));
  const parsed = read.parse(asked);
  if (!parsed.ok) {
    const [issue] = parsed.issues;
    return unclear(`the lookup cannot be asked: ${issue?.path ?? ''} ${issue?.message ?? ''}`.trim());
  }
  const request = read.request(parsed.value);
  let answer: HttpResponse;
  try {
    const { security } = read.operation;
    const { signal } = context;
    answer = await context.client
      .sender(request.url)
      .send(request, { retryable: true, inUseStatuses: [], security, signal });
  } catch (error) {
    // Something that is asked for by the marker itself, and does not exist.
    if (classifyApiError(error) === 'gone' && asksPathForMarker(read, rule)) return { status: 'absent' };
    throw error;
  }
  if (answer.fromOtherOrigin) return unclear('the lookup was redirected to another server, which need not know');
  const found = findItem(rule, answer, context.marker, pageSizes(read, parsed.value));
  if (found.status !== 'found') return found;
  return { status: 'found', result: ready.content(answerOf(answer, found.item), request.url) };
}

/** Texts of the configuration as the operation's arguments want them: `100` as a number. */
function typed(read: ReadyOperation, args: Arguments): Record<string, unknown> {
  const entries = Object.entries(args).map(([name, value]) => {
    const { type } = argumentSchema(read.shown.schemas, name);
    const wants = (each: string): boolean => type === each || (Array.isArray(type) && type.includes(each));
    if (typeof value !== 'string' || wants('string')) return [name, value] as const;
    const isNumber = (wants('integer') || wants('number')) && /^-?\d{1,15}(\.\d+)?$/.test(value);
    if (isNumber) return [name, Number(value)] as const;
    return [name, wants('boolean') && /^(true|false)$/.test(value) ? value === 'true' : value] as const;
  });
  return Object.fromEntries(entries);
}

/** Every number that the read is given may be the length of a page. */
function pageSizes(read: ReadyOperation, args: Arguments): number[] {
  const schemas = Object.keys(read.shown.schemas.places).map((name) => argumentSchema(read.shown.schemas, name));
  const said = schemas.flatMap((schema) => [schema.default, schema.maximum]);
  return [...said, ...Object.values(args)].filter((value) => typeof value === 'number');
}

function asksPathForMarker(read: ReadyOperation, rule: LookupRule): boolean {
  return Object.entries(rule.arguments).some(([name, text]) => {
    const place = read.shown.schemas.places[name];
    return text === '$marker' && place?.in === 'parameter' && place.parameter.in === 'path';
  });
}

/** The item as if it were the answer of the operation itself. */
function answerOf(answer: HttpResponse, item: unknown): HttpResponse {
  const body = Buffer.from(JSON.stringify(item));
  return { ...answer, status: 200, headers: { 'content-type': 'application/json' }, body };
}

function unclear(reason: string): LookupAnswer {
  return { status: 'unclear', reason };
}
