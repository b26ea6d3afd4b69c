import { appendToPointer, defined, isObject, type JsonObject, nonBlankText, objectOf } from '../../core/json.ts';
import { nearest } from '../../core/suggest.ts';
import { DocumentFault } from './document-fault.ts';
import { documentText } from './document-text.ts';
import type { References, Resource } from './references.ts';
import type { DocumentProblem, ListedOperation, Method } from './types.ts';

/** An unresolved operation and the path item that contains it. */
export interface RawOperation {
  readonly listed: ListedOperation;
  readonly operation: JsonObject;
  readonly pathItem: JsonObject;
  /** The document that contains the operation. */
  readonly resource: Resource;
  /** The document that contains the path item. */
  readonly pathResource: Resource;
  /** Why the operation cannot be read, if it is a reference that leads nowhere. */
  readonly fault?: string;
}

const methods: Readonly<Record<string, Method>> = {
  get: 'GET',
  put: 'PUT',
  post: 'POST',
  delete: 'DELETE',
  options: 'OPTIONS',
  head: 'HEAD',
  patch: 'PATCH',
  trace: 'TRACE',
  query: 'QUERY',
};

/** The other members of a path item (OpenAPI 3.2, 4.9). */
const otherMembers: ReadonlySet<string> = new Set([
  ...['$ref', 'summary', 'description', 'servers', 'parameters', 'additionalOperations'],
]);

interface OperationList {
  readonly operations: readonly RawOperation[];
  readonly problems: readonly DocumentProblem[];
}

/** Lists the operations of the document in its order, without webhooks. Malformed operations become problems. */
export function collectOperations(references: References): OperationList {
  const { main } = references;
  const paths = (main.root as JsonObject).paths as JsonObject;
  const operations: RawOperation[] = [];
  const problems: DocumentProblem[] = [];
  for (const [path, value] of Object.entries(paths)) {
    if (path.startsWith('x-')) continue;
    const pointer = appendToPointer('/paths', path);
    try {
      const { item, resource } = pathItemOf(path, value, references);
      const found = operationsOf({ path, pointer, item, resource }, references);
      operations.push(...found.operations);
      problems.push(...found.problems);
    } catch (error) {
      if (!(error instanceof DocumentFault)) throw error;
      problems.push({ where: pointer, reason: error.message });
    }
  }
  return { operations, problems };
}

function pathItemOf(path: string, value: unknown, references: References): { item: JsonObject; resource: Resource } {
  if (!path.startsWith('/')) throw new DocumentFault('a path must begin with "/"');
  if (/[?#\s]/.test(path)) throw new DocumentFault('a path must not contain "?", "#" or a space');
  if (!isObject(value)) throw new DocumentFault('it is not an object');
  if (typeof value.$ref !== 'string') return { item: value, resource: references.main };
  const found = references.follow(value.$ref, references.main);
  if (!isObject(found.value)) throw new DocumentFault('its $ref does not point to a path item');
  const { $ref: _, ...siblings } = value;
  return { item: { ...found.value, ...siblings }, resource: found.resource };
}

interface PathItem {
  readonly path: string;
  readonly pointer: string;
  readonly item: JsonObject;
  readonly resource: Resource;
}

function operationsOf({ path, pointer, item, resource }: PathItem, references: References): OperationList {
  const operations: RawOperation[] = [];
  const problems: DocumentProblem[] = [];
  const shared = extensionsOf(item);
  for (const [member, given] of Object.entries(item)) {
    const method = Object.hasOwn(methods, member) ? methods[member] : undefined;
    const where = appendToPointer(pointer, member);
    if (method === undefined) {
      if (!otherMembers.has(member) && !member.startsWith('x-')) {
        problems.push({ where, reason: unknownMember(member) });
      }
      continue;
    }
    const { operation, resource: own, fault } = followOperation(given, resource, references);
    const reason = malformation(item, operation);
    if (reason !== undefined || !isObject(operation)) {
      problems.push({ where, reason: reason ?? 'it is not an object' });
      continue;
    }
    const extensions = { ...shared, ...extensionsOf(operation) };
    const listed = headOf({ method, path, pointer: where, extensions }, operation);
    const more = defined({ fault });
    operations.push({ listed, operation, pathItem: item, resource: own, pathResource: resource, ...more });
  }
  for (const name of Object.keys(objectOf(item.additionalOperations))) {
    const where = appendToPointer(appendToPointer(pointer, 'additionalOperations'), name);
    problems.push({ where, reason: 'its method is not supported' });
  }
  return { operations, problems };
}

interface FollowedOperation {
  readonly operation: unknown;
  readonly resource: Resource;
  readonly fault?: string;
}

/** Follows an operation that is a reference. One that leads nowhere is listed without members, and refuses each call. */
function followOperation(given: unknown, resource: Resource, references: References): FollowedOperation {
  if (!isObject(given) || typeof given.$ref !== 'string') return { operation: given, resource };
  const { $ref: reference, ...siblings } = given;
  try {
    const found = references.follow(reference, resource);
    if (!isObject(found.value)) throw new DocumentFault('its $ref does not point to an operation');
    if (typeof found.value.$ref === 'string') throw new DocumentFault('its $ref leads to another $ref with members');
    return { operation: { ...found.value, ...siblings }, resource: found.resource };
  } catch (error) {
    if (!(error instanceof DocumentFault)) throw error;
    return { operation: siblings, resource, fault: error.message };
  }
}

function unknownMember(member: string): string {
  const meant = nearest(member, Object.keys(methods));
  const advice = meant === undefined ? '' : ` (did you mean ${JSON.stringify(meant)}?)`;
  return `it is not a method or another member of a path item${advice}: nothing in it is served`;
}

/** Returns why an operation cannot be served, or undefined. */
function malformation(item: JsonObject, operation: unknown): string | undefined {
  if (!isObject(operation)) return 'it is not an object';
  const isList = (value: unknown) => value === undefined || value === null || Array.isArray(value);
  if (!isList(item.parameters)) return 'the "parameters" of its path are not an array';
  if (!isList(operation.parameters)) return 'its "parameters" are not an array';
  if (operation.requestBody !== undefined && !isObject(operation.requestBody)) {
    return 'its "requestBody" is not an object';
  }
  if (operation.responses !== undefined && !isObject(operation.responses)) return 'its "responses" are not an object';
  return undefined;
}

function headOf(
  known: Pick<ListedOperation, 'method' | 'path' | 'pointer' | 'extensions'>,
  operation: JsonObject,
): ListedOperation {
  const texts = defined({
    operationId: nonBlankText(operation.operationId),
    summary: documentText(operation.summary),
    description: documentText(operation.description),
  });
  return {
    ...known,
    ...texts,
    tags: Array.isArray(operation.tags) ? operation.tags.filter((tag) => typeof tag === 'string') : [],
    deprecated: operation.deprecated === true,
  };
}

/** Returns the specification extensions of an object: its members that begin with `x-`. */
export function extensionsOf(members: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(members).filter(([name]) => name.startsWith('x-')));
}
