import { z } from 'zod';
import { ignoredPointers, undeclaredRule } from '../../config/parts.ts';
import { duration } from '../../core/duration.ts';
import { McpOnceError } from '../../core/errors.ts';
import { arrayOf, defined, objectOf } from '../../core/json.ts';
import type { UndeclaredRule } from '../../core/key/convert-arguments.ts';
import { issueText } from '../../core/schema/issue-text.ts';
import { sentence, suggestion } from '../../core/suggest.ts';
import { classOfMatch } from '../../core/tool/check-definition.ts';
import type { Effect, Recovery, ToolClass } from '../../core/tool/types.ts';
import type { ListedOperation } from '../document/types.ts';
import type { LookupRule } from './lookup.ts';

/** Settings of one operation, from the configuration or from `x-mcp-once` in the document. */
export interface OperationOverride {
  readonly enabled?: boolean;
  readonly name?: string;
  readonly effect?: Effect;
  readonly class?: ToolClass;
  readonly movesMoney?: boolean;
  readonly windowMs?: number;
  readonly identity?: readonly string[];
  /** JSON pointers of arguments that do not make two calls different operations. */
  readonly ignore?: readonly string[];
  readonly undeclared?: UndeclaredRule;
  readonly recovery?: readonly Recovery[];
  readonly lookup?: LookupRule;
  readonly clientId?: string;
  /** JSON pointers of the parts of a response that the model gets. @defaultValue the whole response */
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

/** The members of `x-mcp-once`. All are optional. */
const extensionSchema = z.strictObject({
  enabled: z.boolean().optional(),
  name: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 of A-Z a-z 0-9 _ -')
    .optional(),
  effect: z.enum(['read', 'create', 'update', 'replace', 'delete']).optional(),
  class: z.enum(['create', 'state', 'repeatable', 'off']).optional(),
  movesMoney: z.boolean().optional(),
  window: duration({ minMs: 0, maxMs: windowMsMax }).optional(),
  ignore: ignoredPointers.optional(),
  undeclared: undeclaredRule.optional(),
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
 * Reads `x-mcp-once` of an operation. The override is empty if the document has none.
 * @throws McpOnceError `tool_invalid` with the JSON pointer of the fault. The operation is then not served, since a
 * misread setting could let an effect happen twice.
 */
export function documentOverride(listed: ListedOperation): OperationOverride {
  const given = listed.extensions['x-mcp-once'];
  if (given === undefined) return {};
  const parsed = extensionSchema.safeParse(given);
  if (!parsed.success) throw new McpOnceError('tool_invalid', problemOf(listed, parsed.error));
  const { window: windowMs, ...rest } = parsed.data;
  const known = Object.entries({ ...rest, windowMs }).filter(([, value]) => value !== undefined);
  return Object.freeze(Object.fromEntries(known));
}

/** Merges two overrides. The configuration wins, member by member. */
export function mergeOverrides(
  document: OperationOverride,
  configuration: OperationOverride | undefined,
): OperationOverride {
  return { ...document, ...defined(configuration ?? {}) };
}

/**
 * Returns the headers of `x-fern-idempotency-headers` for an operation with `x-fern-idempotent: true`, and none for any
 * other. https://buildwithfern.com/learn/sdks
 */
export function fernHeaders(listed: ListedOperation, root: Readonly<Record<string, unknown>> | undefined): string[] {
  if (listed.extensions['x-fern-idempotent'] !== true) return [];
  const given = listed.extensions['x-fern-idempotency-headers'] ?? root?.['x-fern-idempotency-headers'];
  const names = arrayOf(given).map((each) => (typeof each === 'string' ? each : headerOf(each)));
  return names.filter((name) => name !== undefined && /^[A-Za-z0-9_-]{1,100}$/.test(name)) as string[];
}

/**
 * Tests whether the document forbids retries with `x-speakeasy-retries: { strategy: none }`. The strategy `backoff` does
 * not count as permission: it usually covers a whole document including its POSTs, and it does not promise that a
 * second request has no second effect. https://www.speakeasy.com/docs/sdks/customize/runtime/retries
 */
export function forbidsRetries(listed: ListedOperation, root: Readonly<Record<string, unknown>> | undefined): boolean {
  const retries = listed.extensions['x-speakeasy-retries'] ?? root?.['x-speakeasy-retries'];
  return objectOf(retries).strategy === 'none';
}

function headerOf(each: unknown): string | undefined {
  const { header } = objectOf(each);
  return typeof header === 'string' ? header : undefined;
}

/** Describes a fault by the member's name, never by its value. */
function problemOf(listed: ListedOperation, error: z.ZodError): string {
  const reasons = error.issues.slice(0, 3).flatMap((issue) => {
    const where = ['x-mcp-once', ...issue.path.map(String)].join('/');
    if (issue.code !== 'unrecognized_keys') return [`${where}: ${issueText(issue)}`];
    const known = issue.path.length === 0 ? Object.keys(extensionSchema.shape) : Object.keys(lookupSchema.shape);
    return issue.keys.map((key) =>
      key === 'match'
        ? `${where}: ${classOfMatch()}`
        : `${where}: ${JSON.stringify(key.slice(0, 64))} is not known${suggestion(key, known)}`,
    );
  });
  return sentence(`${listed.pointer}/${reasons.join('; ')}`);
}
