import { z } from 'zod';
import { duration } from '../../core/duration.ts';
import { McpOnceError } from '../../core/errors.ts';
import { sentence, suggestion } from '../../core/suggest.ts';
import type { Effect, Match, Recovery } from '../../core/tool/types.ts';
import type { OperationHead } from '../document/types.ts';
import type { LookupRule } from './lookup.ts';

/** What configuration or `x-mcp-once` says of an operation. */
export interface OperationOverride {
  readonly enabled?: boolean;
  readonly name?: string;
  readonly effect?: Effect;
  readonly match?: Match;
  readonly windowMs?: number;
  readonly identity?: readonly string[];
  readonly recovery?: readonly Recovery[];
  readonly lookup?: LookupRule;
  readonly clientId?: string;
  /** JSON pointers of what is kept of an answer. */
  readonly fields?: readonly string[];
}

/** The longest window, in ms. */
const windowMsMax = 366 * 86_400_000;
const namesMax = 50;

const recoverySchema = z.enum(['resend', 'natural', 'reconcile', 'refuse']);
const textSchema = z.string().min(1).max(500);

const pointerSchema = z.string().regex(/^(\/.*)?$/, 'must be a JSON pointer, such as "/data", or empty for the whole');

const lookupSchema = z.strictObject({
  operation: textSchema,
  arguments: z.record(z.string(), z.string().max(500)).prefault({}),
  items: pointerSchema.prefault(''),
  marker: z.strictObject({ argument: textSchema, field: textSchema }),
});

/** `x-mcp-once`: everything is optional, and nothing else is known. */
const extensionSchema = z.strictObject({
  enabled: z.boolean().optional(),
  name: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 of A-Z a-z 0-9 _ -')
    .optional(),
  effect: z.enum(['read', 'create', 'update', 'replace', 'delete']).optional(),
  match: z.enum(['identical', 'latest', 'same-call', 'off']).optional(),
  window: duration({ minMs: 0, maxMs: windowMsMax }).optional(),
  identity: z.array(textSchema).min(1).max(namesMax).optional(),
  recovery: z
    .union([recoverySchema.transform((one) => [one]), z.array(recoverySchema).max(4)], {
      error: 'must be one or a list of resend, natural, reconcile, refuse',
    })
    .optional(),
  lookup: lookupSchema.optional(),
  clientId: textSchema.optional(),
  fields: z.array(pointerSchema).max(namesMax).optional(),
});

/**
 * What the document itself says of an operation, as `x-mcp-once`; empty where it says nothing.
 * @throws McpOnceError `tool_invalid` naming the JSON pointer and what is wrong: the operation is then not served,
 * since a misread word could let an effect happen twice.
 */
export function documentOverride(head: OperationHead): OperationOverride {
  const given = head.extensions['x-mcp-once'];
  if (given === undefined) return {};
  const parsed = extensionSchema.safeParse(given);
  if (!parsed.success) throw new McpOnceError('tool_invalid', problemOf(head, parsed.error));
  const { window: windowMs, ...rest } = parsed.data;
  const known = Object.entries({ ...rest, windowMs }).filter(([, value]) => value !== undefined);
  return Object.freeze(Object.fromEntries(known));
}

/** What both say, the configuration winning member by member. */
export function mergeOverrides(
  document: OperationOverride,
  configuration: OperationOverride | undefined,
): OperationOverride {
  const said = Object.entries(configuration ?? {}).filter(([, value]) => value !== undefined);
  return { ...document, ...Object.fromEntries(said) };
}

/**
 * The headers that carry idempotency keys by `x-fern-idempotency-headers` (of the document), for an operation
 * marked `x-fern-idempotent: true`; empty for any other. https://buildwithfern.com/learn/sdks
 */
export function fernHeaders(head: OperationHead, root: Readonly<Record<string, unknown>> | undefined): string[] {
  if (head.extensions['x-fern-idempotent'] !== true) return [];
  const given = head.extensions['x-fern-idempotency-headers'] ?? root?.['x-fern-idempotency-headers'];
  const list: readonly unknown[] = Array.isArray(given) ? given : [];
  const names = list.map((each) => (typeof each === 'string' ? each : headerOf(each)));
  return names.filter((name) => name !== undefined && /^[A-Za-z0-9_-]{1,100}$/.test(name)) as string[];
}

/**
 * Whether the document asks that the operation is never sent again: `x-speakeasy-retries: { strategy: none }`.
 * `backoff` changes nothing here: it is mostly said once for a whole document, with its POSTs, and tells
 * which answers an SDK tries again after, not that a second sending has no second effect.
 * https://www.speakeasy.com/docs/sdks/customize/runtime/retries
 */
export function forbidsRetries(head: OperationHead, root: Readonly<Record<string, unknown>> | undefined): boolean {
  const retries = head.extensions['x-speakeasy-retries'] ?? root?.['x-speakeasy-retries'];
  return typeof retries === 'object' && retries !== null && 'strategy' in retries && retries.strategy === 'none';
}

function headerOf(each: unknown): string | undefined {
  if (typeof each !== 'object' || each === null || !('header' in each)) return undefined;
  return typeof each.header === 'string' ? each.header : undefined;
}

/** Names the member and never shows its value. */
function problemOf(head: OperationHead, error: z.ZodError): string {
  const reasons = error.issues.slice(0, 3).flatMap((issue) => {
    const where = ['x-mcp-once', ...issue.path.map(String)].join('/');
    if (issue.code !== 'unrecognized_keys') return [`${where}: ${issue.message}`];
    const known = issue.path.length === 0 ? Object.keys(extensionSchema.shape) : Object.keys(lookupSchema.shape);
    return issue.keys.map(
      (key) => `${where}: ${JSON.stringify(key.slice(0, 64))} is not known${suggestion(key, known)}`,
    );
  });
  return sentence(`${head.pointer}/${reasons.join('; ')}`);
}
