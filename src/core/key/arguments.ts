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

/** A tool's input as the engine sees it. `jsonSchema` must not change after the first call. */
export interface InputSchema {
  readonly jsonSchema: Record<string, unknown>;
  /** Validates a value and fills in defaults. The result must be JSON, and must be the same for the same value. */
  parse(value: unknown): { ok: true; value: Record<string, unknown> } | { ok: false; issues: readonly ArgumentIssue[] };
}

export interface ValidArguments {
  readonly ok: true;
  /** The arguments to send and to store: as the caller wrote them, validated, with defaults filled in. */
  readonly arguments: Record<string, unknown>;
  /** The arguments without members that equal their default. Used only for the hash. */
  readonly forHash: Record<string, unknown>;
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
 * Values that `checkJson` or the tool's schema refuses are never repaired. A null is removed only from a property that
 * the schema names and declares as optional and not nullable.
 *
 * @throws McpOnceError `tool_invalid` if `parse` returns something that is not JSON
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

/** A tool that declares its own `repeat_token` gets it as an argument, and callers cannot ask for a repeat with it. */
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

function invalid(issues: readonly ArgumentIssue[]): InvalidArguments {
  const named = issues.slice(0, ISSUES_NAMED_MAX).map(({ path, message }) => (path ? `${path} ${message}` : message));
  const more = issues.length > ISSUES_NAMED_MAX ? `; and ${issues.length - ISSUES_NAMED_MAX} more` : '';
  return { ok: false, message: `arguments are not valid: ${named.join('; ')}${more}`, issues };
}
