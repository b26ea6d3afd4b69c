import { z } from 'zod';
import { defined } from '../src/core/json.ts';
import { type ApiError, invalidParameter } from './api-error.ts';
import type { FormHash } from './form.ts';
import { limits } from './limits.ts';

/** Building blocks of parameter schemas. Form values are text, so each block converts. */

export function nonEmptyText(charactersMax = 5_000) {
  return z
    .string()
    .max(charactersMax, `Invalid string: must be at most ${charactersMax} characters`)
    .refine((value) => value !== '', {
      params: { code: 'parameter_invalid_empty' },
      message:
        'You passed an empty string. We assume empty values are an attempt to unset a field; however this one cannot be unset. Remove it from your request or supply a non-empty value.',
    });
}

/** Text that an empty string unsets. */
export function clearableText(charactersMax = 5_000) {
  return z
    .string()
    .max(charactersMax, `Invalid string: must be at most ${charactersMax} characters`)
    .transform((value) => (value === '' ? null : value));
}

export function integerText(min: number, max: number) {
  return z.string().transform((value, context) => {
    if (!/^-?\d{1,15}$/.test(value)) {
      return issue(context, `Invalid integer: ${value.slice(0, 100)}`, 'parameter_invalid_integer');
    }
    const number = Number(value);
    if (number < min) return issue(context, `This value must be greater than or equal to ${min}.`);
    if (number > max) return issue(context, `This value must be less than or equal to ${max}.`);
    return number;
  });
}

/** Minor units; Stripe takes at most eight digits. */
export const apiAmountMax = 99_999_999;

/** A decimal with at most 12 places, kept as text. */
export const decimal = z.string().regex(/^-?\d{1,12}(\.\d{1,12})?$/, 'Invalid decimal');

export const boolean = z.enum(['true', 'false']).transform((value) => value === 'true');

export const currencyCode = z
  .string()
  .transform((value, context) =>
    Intl.supportedValuesOf('currency').includes(value.toUpperCase())
      ? value.toLowerCase()
      : issue(context, `Invalid currency: ${value.slice(0, 20)}. Use a three-letter ISO code such as usd.`),
  );

/** An e-mail address that an empty string unsets. */
export const clearableEmail = z
  .string()
  .max(512)
  .refine((value) => value === '' || /^[^\s@]+@[^\s@]+$/.test(value), {
    params: { code: 'email_invalid' },
    message: 'Invalid email address',
  })
  .transform((value) => (value === '' ? null : value));

/** A bracketed array: a hash with the keys 0, 1, ..., in that order. */
export function list<T extends z.ZodType>(item: T, lengthMax: number) {
  return z.preprocess(arrayOf, z.array(item).min(1).max(lengthMax, `Invalid array: at most ${lengthMax} elements`));
}

/**
 * Metadata as sent. The value '' unsets its key; '' instead of the hash unsets all (null here).
 * Stripe's bounds: 50 keys of 40 characters, values of 500 (https://docs.stripe.com/api/metadata).
 */
export const metadata = z
  .union([
    z.literal(''),
    z.record(
      z.string().max(40, 'Metadata keys must be 40 characters or less'),
      z.string().max(500, 'Metadata values must be 500 characters or less'),
    ),
  ])
  .transform((value) => (value === '' ? null : value));

export type MetadataPatch = z.output<typeof metadata>;

/** Merges metadata as Stripe does: sets or unsets given keys and keeps the others. */
export function mergeMetadata(
  current: Readonly<Record<string, string>>,
  patch: MetadataPatch | undefined,
): Record<string, string> {
  if (patch === undefined) return { ...current };
  if (patch === null) return {};
  const merged = { ...current };
  for (const [key, value] of Object.entries(patch)) {
    if (value === '') delete merged[key];
    else merged[key] = value;
  }
  if (Object.keys(merged).length > 50) throw invalidParameter('Metadata can have at most 50 keys.', 'metadata');
  return merged;
}

/** The parameters of every list. */
export const paging = {
  limit: integerText(1, limits.listMax).optional(),
  starting_after: nonEmptyText().optional(),
  ending_before: nonEmptyText().optional(),
  created: z
    .union([
      z.strictObject({
        gt: timestamp().optional(),
        gte: timestamp().optional(),
        lt: timestamp().optional(),
        lte: timestamp().optional(),
      }),
      timestamp().transform((value) => ({ gte: value, lte: value })),
    ])
    .optional(),
};

/** Seconds since 1970. */
export function timestamp() {
  return integerText(0, 9_999_999_999);
}

/** Parses parameters by their schema. @throws ApiError in Stripe's words, with nothing saved. */
export function parseParams<S extends z.ZodType>(schema: S, params: FormHash): z.output<S> {
  const parsed = schema.safeParse(params, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw asApiError(parsed.error.issues[0]);
}

function asApiError(found: z.core.$ZodIssue | undefined): ApiError {
  if (found === undefined) return invalidParameter('Invalid parameters.', undefined);
  const param = bracketed(found.path);
  if (found.code === 'unrecognized_keys') {
    const unknown = bracketed([...found.path, found.keys[0] ?? '']);
    return invalidParameter(
      `Received unknown parameter: ${unknown} (the sandbox takes a part of Stripe's parameters)`,
      unknown,
      'parameter_unknown',
    );
  }
  if (found.code === 'invalid_type' && found.input === undefined) {
    return invalidParameter(`Missing required param: ${param}.`, param, 'parameter_missing');
  }
  if (found.code === 'invalid_union') {
    const best = found.errors.find((issues) =>
      issues.some((inner) => inner.path.length > 0 || inner.code === 'custom'),
    );
    const inner = best?.[0];
    if (inner !== undefined) return asApiError({ ...inner, path: [...found.path, ...inner.path] });
  }
  if (found.code === 'invalid_key' && found.issues[0] !== undefined) {
    return invalidParameter(`${found.issues[0].message} (${param})`, param);
  }
  if (found.code === 'invalid_value') {
    return invalidParameter(`Invalid ${param}: must be one of ${found.values.join(', ')}`, param);
  }
  const code = found.code === 'custom' ? found.params?.code : undefined;
  return invalidParameter(`${found.message} (${param})`, param, typeof code === 'string' ? code : undefined);
}

function bracketed(path: readonly PropertyKey[]): string {
  return path.map((part, depth) => (depth === 0 ? String(part) : `[${String(part)}]`)).join('');
}

function arrayOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const keys = Object.keys(value);
  if (!keys.every((key) => /^\d{1,4}$/.test(key))) return value;
  const entries = new Map(Object.entries(value));
  return keys.sort((a, b) => Number(a) - Number(b)).map((key) => entries.get(key));
}

function issue(context: z.core.$RefinementCtx, message: string, code?: string): never {
  context.issues.push({
    code: 'custom',
    message,
    input: context.value,
    ...defined({ params: code === undefined ? undefined : { code } }),
  });
  return z.NEVER;
}
