import { isObject, objectOf } from '../../core/json.ts';
import type { ContentResult, Tool } from '../../core/tool/types.ts';
import { type ArgumentTarget, toolSchemas } from '../document/tool-schemas.ts';
import type { ListedOperation } from '../document/types.ts';
import { valueText } from '../http/encode.ts';
import { propertyNames } from '../policy/argument-schema.ts';
import type { PolicyBasis } from '../policy/policy-basis.ts';
import type { OperationTraits } from '../policy/traits.ts';
import { namesResource, pathAction } from '../policy/words.ts';
import { jsonOfText } from './json-text.ts';
import type { ReadyOperation } from './ready-operation.ts';

type Arguments = Readonly<Record<string, unknown>>;

/** What the acts of an operation and its opposite are about. */
export interface OppositeParts {
  readonly listed: ListedOperation;
  readonly basis: PolicyBasis;
  readonly traits: OperationTraits;
  readonly ready: () => ReadyOperation;
  readonly readyOf: (listed: ListedOperation) => ReadyOperation;
}

/**
 * Returns the URL of a path with its parameters filled in, without the method, so that PUT and DELETE of one URL affect
 * one resource.
 */
export function filledUrl({ modelInput: shown, baseUrl }: ReadyOperation, path: string, input: Arguments): string {
  const places: readonly (readonly [string, ArgumentTarget])[] = Object.entries(shown.schemas.places);
  const filled = path.replace(/\{([^{}/]+)\}/g, (template, name: string) => {
    const argument = places.find(([, place]) => {
      return place.in === 'parameter' && place.parameter.in === 'path' && place.parameter.name === name;
    })?.[0];
    const value = argument === undefined ? undefined : input[argument];
    return value === undefined ? template : encodeURIComponent(valueText(value));
  });
  return `${baseUrl}${filled}`.replace(/\/+$/, '');
}

/**
 * Names the state that an operation and its opposite set, such as whether a channel is archived: the path before the
 * action, and the arguments that both require. Undefined without an opposite, and if nothing tells one thing from another.
 */
export function oppositeState({ listed, traits, ready, readyOf }: OppositeParts, input: Arguments): unknown {
  const { opposite } = traits;
  if (opposite === undefined) return undefined;
  const path = opposite.path === listed.path ? listed.path : (pathAction(listed.path)?.before ?? listed.path);
  const own = ready();
  const shared = sharedArguments(own, readyOf(opposite));
  const hasParameter = /\{/.test(path);
  if (!hasParameter && shared.length === 0) return undefined;
  const of = Object.fromEntries(shared.map((name) => [name, input[name]]));
  return { state: filledUrl(own, path, input), of };
}

/** The arguments outside of the path that two operations have in common, and that one of them requires. */
function sharedArguments(one: ReadyOperation, other: ReadyOperation): readonly string[] {
  const required = new Set([...requiredOf(one), ...requiredOf(other)]);
  return Object.entries(one.modelInput.schemas.places)
    .filter(([name, place]) => {
      const inPath = place.in === 'parameter' && place.parameter.in === 'path';
      return !inPath && required.has(name) && Object.hasOwn(other.modelInput.schemas.places, name);
    })
    .map(([name]) => name);
}

function requiredOf({ modelInput }: ReadyOperation): readonly string[] {
  const { required } = modelInput.schema;
  return Array.isArray(required) ? required.map(String) : [];
}

/**
 * Makes the members of a tool with which a delete ends the window of the create that made the thing: `POST /orders` and
 * `DELETE /orders/{id}`, or `POST /x/approve` and `POST /x/reject`.
 */
export function madeAndUndone(parts: OppositeParts): Pick<Tool, 'makes' | 'undoes' | 'undoesMore'> {
  const { listed, basis, traits, ready } = parts;
  const { maker, item, opposite } = traits;
  const path = namesResource(listed.path) ? listed.path : (pathAction(listed.path)?.before ?? listed.path);
  if (basis.class === 'create' && item !== undefined) {
    return { makes: (result, input) => madeUrl(ready(), item, result as ContentResult, input as Arguments) };
  }
  if (basis.effect === 'delete' && maker !== undefined) {
    return {
      undoes: (input) => ({ thing: filledUrl(ready(), path, input as Arguments) }),
      undoesMore: () => !documentsId(parts.readyOf(maker), path),
    };
  }
  if (opposite === undefined) return {};
  const actOf = (by: ListedOperation, input: unknown) => {
    const state = oppositeState(parts, input as Arguments);
    return state === undefined ? undefined : { ...objectOf(state), by: by.pointer };
  };
  return { makes: (_, input) => actOf(listed, input), undoes: (input) => actOf(opposite, input) };
}

const idNames = ['id', 'uuid', 'gid', 'sid', 'key', 'number', 'name', 'slug'];

/** Whether the documented answer of a create has the id of what it makes. */
function documentsId({ operation }: ReadyOperation, item: string): boolean {
  const schemas = toolSchemas(operation);
  if (schemas.answer === undefined) return false;
  const known = [parameterOf(item), ...idNames].map((name) => name.toLowerCase());
  const answer = { input: schemas.answer, places: {} };
  return propertyNames(schemas.answer, answer).some((name) => known.includes(name.toLowerCase()));
}

function parameterOf(item: string): string {
  return /\{([^{}/]+)\}[^{}/]*\/?$/.exec(item)?.[1] ?? '';
}

/** Returns the URL of the thing that a create made, by the id in its answer. Undefined for an answer without one. */
function madeUrl(own: ReadyOperation, item: string, result: ContentResult, input: Arguments): unknown {
  const id = idIn(result.structuredContent ?? jsonOfText(result), parameterOf(item));
  if (id === undefined) return undefined;
  const path = item.replace(/\{[^{}/]+\}(?=[^{}/]*\/?$)/, encodeURIComponent(id));
  return { thing: filledUrl(own, path, input) };
}

/** Finds the id of a thing in an answer, also where the thing is the only object of the answer. */
function idIn(answer: unknown, parameter: string): string | undefined {
  if (!isObject(answer)) return undefined;
  const names = [parameter, ...idNames];
  const idOf = (of: Readonly<Record<string, unknown>>): string | undefined => {
    const members = new Map(Object.entries(of).map(([name, value]) => [name.toLowerCase(), value]));
    const found = names.map((name) => members.get(name.toLowerCase())).find((value) => isId(value));
    return found === undefined ? undefined : String(found);
  };
  const own = idOf(answer);
  if (own !== undefined) return own;
  const inner = Object.values(answer).filter(isObject);
  return inner.length === 1 ? idOf(objectOf(inner[0])) : undefined;
}

function isId(value: unknown): boolean {
  return (typeof value === 'string' && value !== '' && value.length <= 500) || typeof value === 'number';
}
