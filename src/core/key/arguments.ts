import { McpOnceError } from '../errors.ts';
import { isMarkedNumber } from '../exact-json.ts';
import {
  type ArgumentPlace,
  declaresProperty,
  keepStringOf,
  keepsString,
  type PropertyRule,
  placeOf,
} from './argument-place.ts';
import { type KeepString, sameJson } from './canonical-json.ts';
import { ARGUMENT_LIMITS, findJsonFault, inspectJson, isPlainObject, pointerOf } from './check-json.ts';
import {
  type Conversion,
  convertArguments,
  type UndeclaredRule,
  undeclaredPointers,
  withoutUndeclared,
  withUndeclared,
} from './convert-arguments.ts';
import { countedForm } from './counted-form.ts';
import { changesThings, type FoldedArguments, foldArguments, NotJson } from './fold-arguments.ts';
import { withoutPointers } from './pointers.ts';

export { differingFields, differingPointers } from './differing-fields.ts';

/** The argument with which a caller asks for a second, identical operation. It never reaches the tool. */
export const REPEAT_TOKEN_FIELD = 'repeat_token';
/** The longest accepted repeat token, in characters. */
const REPEAT_TOKEN_CHARS_MAX = 512;
const ISSUES_NAMED_MAX = 5;

interface ArgumentIssue {
  /** Names the field. Contains no value. */
  readonly path: string;
  readonly message: string;
}

/** How the arguments of one tool are prepared. */
export interface ArgumentOptions {
  /**
   * What happens to properties that a strict schema does not declare.
   *
   * @defaultValue 'refuse'
   */
  readonly undeclared?: UndeclaredRule | undefined;
  /** JSON pointers (RFC 6901) of arguments that do not count for the hash. `*` stands for each item of a list. */
  readonly ignore?: readonly string[] | undefined;
  /** The largest arguments, in bytes of JSON. @defaultValue 1 MiB */
  readonly bytesMax?: number | undefined;
  /** The name of the tool, which tells whether a field such as `request_id` names what the tool works on. */
  readonly tool?: string | undefined;
  /**
   * Whether an empty list, or a null of a schema with `sent`, may remove what was there, so that it counts.
   *
   * @defaultValue as the name of the tool says
   */
  readonly clears?: boolean | undefined;
}

/** A tool's input as the engine sees it. `jsonSchema` must not change after the first call. */
export interface InputSchema {
  readonly options?: ArgumentOptions | undefined;
  readonly jsonSchema: Record<string, unknown>;
  /** Validates a value and fills in defaults. The result must be JSON, and must be the same for the same value. */
  parse(
    value: unknown,
  ):
    | { ok: true; value: Record<string, unknown> }
    | { ok: false; issues: readonly ArgumentIssue[]; judgedLater?: Record<string, unknown> };
  /**
   * Returns the arguments to send and to store, for an upstream that validates them itself. The hash is computed from `form`:
   * the arguments that `parse` accepted.
   *
   * @defaultValue `form`
   */
  sent?(given: Record<string, unknown>, form: Record<string, unknown>): Record<string, unknown>;
}

export interface ValidArguments {
  readonly ok: true;
  /** The arguments to send and to store. */
  readonly arguments: Record<string, unknown>;
  /** The arguments that the schema accepts, with defaults filled in. Hash and identity are computed from them. */
  readonly form: Record<string, unknown>;
  /** The folded arguments without members that equal their default. Used only for the hash. */
  readonly forHash: Record<string, unknown>;
  /**
   * Returns what earlier releases hashed, before arguments were folded: an operation may still have the key of this value.
   * Returns undefined if it is the same as `forHash`. Absent if folding changed nothing.
   */
  readonly unfolded?: () => Record<string, unknown> | undefined;
  /** JSON pointers of arguments that callers make up for each try, and that do not count for the hash. */
  readonly leftOut?: readonly string[];
  /** The pointers and values among them that may name a thing, such as `REQ-12`, as JSON text. */
  readonly leftOutThings?: string;
  /** JSON pointers of arguments that were converted, since the schema refused them as they came. */
  readonly converted?: readonly string[];
  /** JSON pointers of undeclared arguments that are not sent. The answer names them. */
  readonly dropped?: readonly string[];
  /** Tells which strings of `forHash` are not normalised to NFC. Undefined when the schema marks none. */
  readonly keepString: KeepString | undefined;
  readonly repeatToken?: string;
}

export interface InvalidArguments {
  readonly ok: false;
  /** A clause without a full stop, such as `arguments are not valid: /lines is not a list`. */
  readonly message: string;
  readonly issues: readonly ArgumentIssue[];
}

/**
 * Prepares a call's raw arguments for sending and for hashing. Arguments with the same meaning must have the same hash,
 * however a model writes them, and also after a deployment adds an optional field.
 *
 * Arguments are sent as they came. Only if the tool's schema refuses them, values are converted that no branch of the
 * schema accepts, such as the JSON text of a list. A null is removed only from a property that the schema names and
 * declares as optional and not nullable. A schema with `sent` decides itself what is sent: conversion then counts for the
 * hash only.
 *
 * @throws McpOnceError `tool_invalid` if `parse` returns something that is not JSON
 */
export function prepareArguments(
  raw: unknown,
  schema: InputSchema,
  options: ArgumentOptions = schema.options ?? noOptions,
): ValidArguments | InvalidArguments {
  const given = raw ?? {};
  if (!isPlainObject(given)) return invalid([{ path: '', message: `must be an object${requiredFields(schema)}` }]);
  const { bytesMax = ARGUMENT_LIMITS.bytesMax } = options;
  const limits = { ...ARGUMENT_LIMITS, bytesMax };
  const isJudgedLater = schema.sent !== undefined;
  const { fault, isUnusual } = isJudgedLater
    ? inspectJson(given, limits)
    : { fault: findJsonFault(given, limits), isUnusual: false };
  if (fault !== undefined) return invalid([{ path: fault.pointer, message: fault.reason }]);

  const taken = takeRepeatToken(given, schema.jsonSchema);
  if (taken.issue !== undefined) return invalid([taken.issue]);

  const place = placeOf(schema.jsonSchema);
  const counted = isUnusual ? countedForm(taken.rest) : taken.rest;
  const accepted = acceptedForm(counted, schema, place, options);
  if (!accepted.ok) return accepted;
  const { form } = accepted;
  const folded = foldedOf(form, place, options);
  const prepared: ValidArguments = {
    ok: true,
    arguments: schema.sent === undefined ? form : schema.sent(toSend(taken.rest, accepted, place, options), form),
    form,
    forHash: folded.value,
    keepString: keepStringOf(schema.jsonSchema),
  };
  if (!folded.isChanged && accepted.notes === undefined && taken.token === undefined) return Object.freeze(prepared);
  return Object.freeze({
    ...prepared,
    ...(folded.isChanged && { unfolded: () => unfoldedOf(prepared, place) }),
    ...(folded.leftOut.length > 0 && { leftOut: folded.leftOut }),
    ...(folded.leftOutThings !== undefined && { leftOutThings: thingsText(folded.leftOutThings) }),
    ...accepted.notes,
    ...(taken.token !== undefined && { repeatToken: taken.token }),
  });
}

/** A rule that drops arguments changes what is sent. */
function toSend(
  given: Record<string, unknown>,
  { notes }: Accepted,
  place: ArgumentPlace,
  { undeclared: rule = 'refuse' }: ArgumentOptions,
): Record<string, unknown> {
  return notes?.dropped === undefined ? given : withoutUndeclared(given, place, rule);
}

function thingsText(things: NonNullable<FoldedArguments['leftOutThings']>): string {
  return JSON.stringify(things.map(([pointer, value]) => JSON.stringify([pointer, value])).sort());
}

const noOptions: ArgumentOptions = Object.freeze({});

interface Accepted {
  readonly ok: true;
  readonly form: Record<string, unknown>;
  readonly notes?: Pick<ValidArguments, 'converted' | 'dropped'>;
}

/** Returns the form of the arguments from which hash and identity are computed. */
function acceptedForm(
  given: Record<string, unknown>,
  schema: InputSchema,
  place: ArgumentPlace,
  options: ArgumentOptions,
): Accepted | InvalidArguments {
  if (schema.sent !== undefined) return comparedForm(given, schema, place, options);
  return accept(withoutNulls(given, place) as Record<string, unknown>, schema, place, options);
}

/**
 * Returns the form for an upstream that validates for itself. It depends on the places of the schema only, and not on whether
 * the arguments are valid: a validator may give up in one process and not in another. In a tool that changes things, a null
 * may clear a value, even if the schema does not allow null. So it counts.
 */
function comparedForm(
  given: Record<string, unknown>,
  schema: InputSchema,
  place: ArgumentPlace,
  options: ArgumentOptions,
): Accepted | InvalidArguments {
  const { undeclared: rule = 'refuse' } = options;
  const { value, converted, undeclared, nulls } = boundedConversion(given, place, options);
  const parsed = schema.parse(value);
  const form = parsed.ok ? parsed.value : parsed.judgedLater;
  const isForbidden = !parsed.ok && rule === 'refuse' && convertArguments(value, place, 'drop').undeclared.length > 0;
  if (form === undefined || isForbidden) return invalid(parsed.ok ? [] : parsed.issues);
  const isDropped = rule !== 'pass' && undeclared.length > 0;
  const putBack = [...(rule === 'pass' ? undeclared : []), ...(mayClear(options) ? nulls : [])];
  return {
    ok: true,
    form: putBack.length === 0 ? form : withUndeclared(form, putBack),
    ...((converted.length > 0 || isDropped) && {
      notes: {
        ...(converted.length > 0 && { converted }),
        ...(isDropped && { dropped: undeclaredPointers(undeclared) }),
      },
    }),
  };
}

/** Converts nothing where the result would break a limit. */
function boundedConversion(
  given: Record<string, unknown>,
  place: ArgumentPlace,
  { undeclared: rule = 'refuse', bytesMax = ARGUMENT_LIMITS.bytesMax }: ArgumentOptions,
): Conversion {
  const conversion = convertArguments(given, place, rule, true);
  if (conversion.value === given || findJsonFault(conversion.value, { ...ARGUMENT_LIMITS, bytesMax }) === undefined)
    return conversion;
  return { value: given, converted: [], undeclared: [], nulls: [] };
}

function mayClear({ clears, tool = '' }: ArgumentOptions): boolean {
  return clears ?? changesThings(tool);
}

/**
 * Validates the arguments as they came. If the schema refuses them, validates them once more in a converted form.
 */
function accept(
  value: Record<string, unknown>,
  schema: InputSchema,
  place: ArgumentPlace,
  { undeclared: rule = 'refuse', bytesMax = ARGUMENT_LIMITS.bytesMax }: ArgumentOptions,
): Accepted | InvalidArguments {
  const first = schema.parse(value);
  if (first.ok) return { ok: true, form: first.value };
  const { value: other, converted, undeclared } = convertArguments(value, place, rule);
  if (other === value || findJsonFault(other, { ...ARGUMENT_LIMITS, bytesMax }) !== undefined)
    return invalid(first.issues);
  const second = schema.parse(other);
  if (!second.ok) return invalid(second.issues.length > first.issues.length ? first.issues : second.issues);
  const isDropped = rule !== 'pass' && undeclared.length > 0;
  return {
    ok: true,
    form: rule === 'pass' ? withUndeclared(second.value, undeclared) : second.value,
    notes: {
      ...(converted.length > 0 && { converted }),
      ...(isDropped && { dropped: undeclaredPointers(undeclared) }),
    },
  };
}

/**
 * Returns the arguments of an earlier call in the form that is compared with those of a new one: folded, and without what
 * does not count.
 */
export function comparable(args: Record<string, unknown>, schema: InputSchema): Record<string, unknown> {
  return foldedOf(formOf(args, schema), placeOf(schema.jsonSchema), schema.options ?? noOptions).value;
}

/** Returns the form from which hash and identity of an earlier call were computed. */
export function formOf(args: Record<string, unknown>, schema: InputSchema): Record<string, unknown> {
  if (schema.sent === undefined) return args;
  const accepted = acceptedForm(countedForm(args), schema, placeOf(schema.jsonSchema), schema.options ?? noOptions);
  return accepted.ok ? accepted.form : args;
}

function foldedOf(
  value: Record<string, unknown>,
  place: ArgumentPlace,
  { ignore, tool, clears }: ArgumentOptions,
): FoldedArguments {
  try {
    const folded = foldArguments(value, place, tool, clears);
    if (ignore === undefined) return folded;
    const counted = withoutPointers(folded.value, ignore);
    return { ...folded, value: counted, isChanged: folded.isChanged || counted !== folded.value };
  } catch (error) {
    throw error instanceof NotJson ? notJson(error.path) : error;
  }
}

function unfoldedOf({ form: value, forHash }: ValidArguments, place: ArgumentPlace) {
  const unfolded = withoutDefaults(value, place, []) as Record<string, unknown>;
  return sameJson(unfolded, forHash, { unicode: 'verbatim' }) ? undefined : unfolded;
}

interface Taken {
  readonly rest: Record<string, unknown>;
  readonly token?: string;
  readonly issue?: ArgumentIssue;
}

/** A tool that declares its own `repeat_token` gets it as an argument, and callers cannot ask for a repeat with it. */
function takeRepeatToken(given: Record<string, unknown>, jsonSchema: Record<string, unknown>): Taken {
  if (!Object.hasOwn(given, REPEAT_TOKEN_FIELD) || declaresProperty(jsonSchema, REPEAT_TOKEN_FIELD)) {
    return { rest: given };
  }
  const { [REPEAT_TOKEN_FIELD]: token, ...rest } = given;
  // Models fill in every optional field.
  if (token === null || token === '') return { rest };
  if (typeof token === 'string' && !isMarkedNumber(token) && token.length <= REPEAT_TOKEN_CHARS_MAX)
    return { rest, token };
  const message = `must be a string of at most ${REPEAT_TOKEN_CHARS_MAX} characters: the token that mcp-once gave in an earlier answer`;
  return { rest, issue: { path: `/${REPEAT_TOKEN_FIELD}`, message } };
}

/** Returns the value itself if it contains nothing to remove. `findJsonFault` has bounded its size and depth. */
function withoutNulls(value: unknown, place: ArgumentPlace): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item, index) => (isContainer(item) ? withoutNulls(item, place.item(index)) : item));
    return items.some((item, index) => item !== value[index]) ? items : value;
  }
  if (!isPlainObject(value)) return value;
  let copy: Record<string, unknown> | undefined;
  for (const name of Object.keys(value)) {
    const member = value[name];
    if (member === null && place.property(name).stripNull) {
      copy ??= { ...value };
      delete copy[name];
    } else if (isContainer(member)) {
      const stripped = withoutNulls(member, place.property(name).place);
      if (stripped === member) continue;
      copy ??= { ...value };
      copy[name] = stripped;
    }
  }
  return copy ?? value;
}

/** Works from the inside out, so that defaults inside of a default are removed too. */
function withoutDefaults(value: unknown, place: ArgumentPlace, path: (string | number)[]): unknown {
  if (!isContainer(value)) return value;
  if (Array.isArray(value)) {
    return value.map((item, index) => (isContainer(item) ? within(item, place.item(index), path, index) : item));
  }
  if (!isPlainObject(value)) throw notJson(path);
  const kept: Record<string, unknown> = {};
  for (const name of Object.keys(value)) {
    if (value[name] === undefined) continue;
    const rule = place.property(name);
    const member = isContainer(value[name]) ? within(value[name], rule.place, path, name) : value[name];
    if (!isDefault(member, rule)) kept[name] = member;
  }
  return kept;
}

function within(value: unknown, place: ArgumentPlace, path: (string | number)[], step: string | number): unknown {
  path.push(step);
  const kept = withoutDefaults(value, place, path);
  path.pop();
  return kept;
}

function isDefault(member: unknown, { defaultValue, place }: PropertyRule): boolean {
  if (defaultValue === undefined) return false;
  return sameJson(member, withoutDefaults(defaultValue.value, place, []), {
    keepString: (path) => keepsString(place, path),
  });
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function notJson(path: readonly (string | number)[]): McpOnceError {
  return new McpOnceError(
    'tool_invalid',
    `the tool's input schema converts ${pointerOf(path)} to a value that is not JSON; only validate in the schema, and convert in run()`,
  );
}

/** Names the fields that a call must have. */
function requiredFields({ jsonSchema }: InputSchema): string {
  const required = Array.isArray(jsonSchema.required) ? jsonSchema.required.map(String) : [];
  const more = required.length > ISSUES_NAMED_MAX ? ' and others' : '';
  return required.length === 0 ? '' : ` with ${required.slice(0, ISSUES_NAMED_MAX).join(', ')}${more}`;
}

function invalid(issues: readonly ArgumentIssue[]): InvalidArguments {
  const named = issues.slice(0, ISSUES_NAMED_MAX).map(({ path, message }) => (path ? `${path} ${message}` : message));
  const more = issues.length > ISSUES_NAMED_MAX ? `; and ${issues.length - ISSUES_NAMED_MAX} more` : '';
  return { ok: false, message: `arguments are not valid: ${named.join('; ')}${more}`, issues };
}
