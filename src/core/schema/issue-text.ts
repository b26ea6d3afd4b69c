import { z } from 'zod';

/** How many allowed values a message names. */
const valuesMax = 20;
/** How much of a pattern a message shows, in characters. */
const patternCharsMax = 100;

/** The parts of zod's issues that a text needs. They differ by `code`. */
interface IssueParts {
  readonly code?: string | undefined;
  readonly message: string;
  readonly path?: readonly unknown[] | undefined;
  readonly expected?: unknown;
  readonly format?: unknown;
  readonly pattern?: unknown;
  readonly prefix?: unknown;
  readonly suffix?: unknown;
  readonly includes?: unknown;
  readonly origin?: unknown;
  readonly minimum?: unknown;
  readonly maximum?: unknown;
  readonly inclusive?: unknown;
  readonly exact?: unknown;
  readonly divisor?: unknown;
  readonly values?: unknown;
  readonly keys?: unknown;
  readonly errors?: unknown;
}

const kinds: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  bigint: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  map: 'an object',
  array: 'a list',
  tuple: 'a list',
  set: 'a list',
  date: 'a date',
  null: 'null',
};
const formats: Readonly<Record<string, string>> = {
  email: 'an e-mail address',
  url: 'a URL',
  uuid: 'a UUID',
  guid: 'a UUID',
  datetime: 'a date and time such as 2026-01-31T12:00:00Z',
  date: 'a date such as 2026-01-31',
  time: 'a time such as 12:00:00',
  duration: 'a duration such as PT1H',
  ipv4: 'an IPv4 address',
  ipv6: 'an IPv6 address',
  base64: 'base64 text',
  json_string: 'JSON text',
};
const units: Readonly<Record<string, string>> = {
  string: 'characters',
  array: 'items',
  set: 'items',
  map: 'members',
  file: 'bytes',
};

/**
 * Says what is wrong with a value, in words that fit after its name: `must be a number`. A message that the author of the
 * schema wrote stays. Contains no value of the input.
 */
export function issueText(issue: IssueParts): string {
  if (issue.code === undefined || issue.code === 'custom') {
    return issue.message === 'Invalid input' ? 'is not valid' : issue.message;
  }
  return isOfZod(issue) ? textOf(issue) : issue.message;
}

/** Whether a value is missing. Zod says so in its message only. */
export function isMissingValue({ code, message }: IssueParts): boolean {
  return code === 'invalid_type' && message.endsWith('received undefined');
}

/** Whether zod wrote the message, and not the author of the schema. */
function isOfZod({ message, ...issue }: IssueParts): boolean {
  if (issue.code === 'invalid_type') return message.startsWith('Invalid input: expected ');
  const known = z.locales.en().localeError({ ...issue, path: [], input: undefined } as unknown as z.core.$ZodRawIssue);
  return message === (typeof known === 'string' ? known : known?.message);
}

function textOf(issue: IssueParts): string {
  switch (issue.code) {
    case 'invalid_type':
      return isMissingValue(issue) ? 'is missing' : `must be ${kindOf(issue.expected)}`;
    case 'invalid_format':
      return formatText(issue);
    case 'too_small':
    case 'too_big':
      return sizeText(issue);
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`;
    case 'invalid_value':
      return `must be ${oneOf(issue.values)}`;
    case 'invalid_union':
      return unionText(issue.errors);
    case 'invalid_key':
      return 'has a key that is not valid';
    case 'invalid_element':
      return 'has an item that is not valid';
    case 'unrecognized_keys':
      return 'has a field that is not known';
    default:
      return 'is not valid';
  }
}

function kindOf(expected: unknown): string {
  return kinds[String(expected)] ?? 'of another type';
}

function formatText({ format, pattern, prefix, suffix, includes }: IssueParts): string {
  if (format === 'starts_with') return `must start with ${JSON.stringify(prefix)}`;
  if (format === 'ends_with') return `must end with ${JSON.stringify(suffix)}`;
  if (format === 'includes') return `must contain ${JSON.stringify(includes)}`;
  const known = formats[String(format)];
  if (known !== undefined) return `must be ${known}`;
  return format === 'regex' && String(pattern).length <= patternCharsMax
    ? `must match the pattern ${pattern}`
    : 'does not have the required format';
}

function sizeText({ code, origin, minimum, maximum, inclusive, exact }: IssueParts): string {
  const bound = code === 'too_small' ? minimum : maximum;
  const unit = units[String(origin)];
  if (exact) return unit ? `must have exactly ${bound} ${unit}` : `must be ${bound}`;
  const isStrict = inclusive === false;
  if (code === 'too_small') {
    const least = isStrict ? `more than ${bound}` : `at least ${bound}`;
    return unit ? `must have ${least} ${unit}` : `must be ${least}`;
  }
  const most = isStrict ? `less than ${bound}` : `at most ${bound}`;
  return unit ? `must have ${most} ${unit}` : `must be ${most}`;
}

function oneOf(values: unknown): string {
  const all: readonly unknown[] = Array.isArray(values) ? values : [];
  const named = all.slice(0, valuesMax).map((value) => JSON.stringify(value));
  if (named.length === 1) return named[0] ?? '';
  return `one of ${named.join(', ')}${all.length > valuesMax ? ' and others' : ''}`;
}

/** Names the allowed kinds where all alternatives refuse the type of the whole value. */
function unionText(errors: unknown): string {
  const branches: readonly (readonly IssueParts[])[] = Array.isArray(errors) ? errors : [];
  const texts = branches.map(([issue, more]) => {
    const isWhole = issue !== undefined && more === undefined && (issue.path ?? []).length === 0;
    return isWhole && issue.code === 'invalid_type' ? kindOf(issue.expected) : undefined;
  });
  if (texts.length === 0 || !texts.every((text) => text !== undefined)) return 'has none of the allowed forms';
  return `must be ${[...new Set(texts)].join(' or ')}`;
}
