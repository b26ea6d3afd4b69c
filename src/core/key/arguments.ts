import { McpOnceError } from '../errors.ts';
import {
  type ArgumentPlace,
  declaresProperty,
  keepStringOf,
  keepsString,
  type PropertyRule,
  placeOf,
} from './argument-place.ts';
import { type KeepString, sameJson } from './canonical-json.ts';
import { findJsonFault, isPlainObject, pointerOf } from './check-json.ts';

export { differingFields } from './differing-fields.ts';

/** The argument by which a caller asks for a second, identical operation. It never reaches the tool. */
export const REPEAT_TOKEN_FIELD = 'repeat_token';
/** Characters. */
const REPEAT_TOKEN_CHARS_MAX = 512;
const ISSUES_NAMED_MAX = 5;

interface ArgumentIssue {
  /** Names the field, never its value. */
  readonly path: string;
  readonly message: string;
}

/** A tool's input as the engine knows it. `jsonSchema` must not change once a call was prepared with it. */
export interface InputSchema {
  readonly jsonSchema: Record<string, unknown>;
  /** Validates, and fills in defaults. Must answer JSON, and the same for the same value. */
  parse(value: unknown): { ok: true; value: Record<string, unknown> } | { ok: false; issues: readonly ArgumentIssue[] };
}

export interface ValidArguments {
  readonly ok: true;
  /** What is sent upstream and kept in the record: as the caller wrote it, validated, defaults filled in. */
  readonly arguments: Record<string, unknown>;
  /** The same without what equals its default. For the hash alone. */
  readonly forHash: Record<string, unknown>;
  /** To canonicalise `forHash` with: the strings that this tool's schema keeps out of NFC. */
  readonly keepString: KeepString | undefined;
  readonly repeatToken?: string;
}

export interface InvalidArguments {
  readonly ok: false;
  /** A sentence without subject, such as `arguments are not valid: /lines is not a list`. */
  readonly message: string;
  readonly issues: readonly ArgumentIssue[];
}

/**
 * Makes of a call's raw arguments what is sent, and what is hashed: what means the same must hash the
 * same however a model writes it, and across a deployment that adds an optional field.
 *
 * Refused, never repaired: what `checkJson` refuses, and what the tool's schema does. Null is taken
 * away only where the schema says that the property is optional and not nullable, and only from
 * properties that it names.
 *
 * @throws McpOnceError `tool_invalid` when `parse` answers something that is not JSON.
 */
export function prepareArguments(raw: unknown, schema: InputSchema): ValidArguments | InvalidArguments {
  const given = raw === undefined ? {} : raw;
  if (!isPlainObject(given)) return invalid([{ path: '', message: 'must be an object' }]);
  const fault = findJsonFault(given);
  if (fault !== undefined) return invalid([{ path: fault.pointer, message: fault.reason }]);

  const taken = takeRepeatToken(given, schema.jsonSchema);
  if (taken.issue !== undefined) return invalid([taken.issue]);

  const place = placeOf(schema.jsonSchema);
  const parsed = schema.parse(withoutNulls(taken.rest, place));
  if (!parsed.ok) return invalid(parsed.issues);
  return Object.freeze({
    ok: true,
    arguments: parsed.value,
    forHash: withoutDefaults(parsed.value, place, []) as Record<string, unknown>,
    keepString: keepStringOf(schema.jsonSchema),
    ...(taken.token !== undefined && { repeatToken: taken.token }),
  });
}

interface Taken {
  readonly rest: Record<string, unknown>;
  readonly token?: string;
  readonly issue?: ArgumentIssue;
}

/** A tool that has a `repeat_token` of its own keeps it: then there is no way to ask for a repeat by argument. */
function takeRepeatToken(given: Record<string, unknown>, jsonSchema: Record<string, unknown>): Taken {
  if (!Object.hasOwn(given, REPEAT_TOKEN_FIELD) || declaresProperty(jsonSchema, REPEAT_TOKEN_FIELD)) {
    return { rest: given };
  }
  const { [REPEAT_TOKEN_FIELD]: token, ...rest } = given;
  if (token === null) return { rest };
  if (typeof token === 'string' && token.length <= REPEAT_TOKEN_CHARS_MAX) return { rest, token };
  const message = `must be a string of at most ${REPEAT_TOKEN_CHARS_MAX} characters`;
  return { rest, issue: { path: `/${REPEAT_TOKEN_FIELD}`, message } };
}

/** The value itself where there is nothing to take away. Bounded by what `findJsonFault` let through. */
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

/** Works from the inside out, so that a default of a field within a default does not count either. */
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
    if (!isFallback(member, rule)) kept[name] = member;
  }
  return kept;
}

function within(value: unknown, place: ArgumentPlace, path: (string | number)[], step: string | number): unknown {
  path.push(step);
  const kept = withoutDefaults(value, place, path);
  path.pop();
  return kept;
}

function isFallback(member: unknown, { defaultValue: fallback, place }: PropertyRule): boolean {
  if (fallback === undefined) return false;
  return sameJson(member, withoutDefaults(fallback.value, place, []), {
    keepString: (path) => keepsString(place, path),
  });
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function notJson(path: readonly (string | number)[]): McpOnceError {
  return new McpOnceError(
    'tool_invalid',
    `the tool's input schema makes of ${pointerOf(path)} something that is not JSON; validate there, convert in run()`,
  );
}

function invalid(issues: readonly ArgumentIssue[]): InvalidArguments {
  const named = issues.slice(0, ISSUES_NAMED_MAX).map(({ path, message }) => (path ? `${path} ${message}` : message));
  const more = issues.length > ISSUES_NAMED_MAX ? `; and ${issues.length - ISSUES_NAMED_MAX} more` : '';
  return { ok: false, message: `arguments are not valid: ${named.join('; ')}${more}`, issues };
}
