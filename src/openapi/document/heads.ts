import { appendToPointer, isObject, type JsonObject, nonBlankText } from '../../core/json.ts';
import { nearest } from '../../core/suggest.ts';
import { DocumentFault } from './document-fault.ts';
import type { References, Resource } from './references.ts';
import type { DocumentProblem, Method, OperationHead } from './types.ts';

/** An operation as it lies in the document, and what it lies in. */
export interface RawOperation {
  readonly head: OperationHead;
  readonly operation: JsonObject;
  readonly pathItem: JsonObject;
  /** Of the path item, which may be another than the main one. */
  readonly resource: Resource;
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

/** What else a path item may hold (OpenAPI 3.2, 4.9). */
const noMethods: ReadonlySet<string> = new Set([
  ...['$ref', 'summary', 'description', 'servers', 'parameters', 'additionalOperations'],
]);

/** Every operation of the document, in its order; what is malformed becomes a problem. Webhooks are none. */
export function readOperations(references: References, problems: DocumentProblem[]): RawOperation[] {
  const { main } = references;
  const paths = (main.root as JsonObject).paths as JsonObject;
  const operations: RawOperation[] = [];
  for (const [path, value] of Object.entries(paths)) {
    if (path.startsWith('x-')) continue;
    const pointer = appendToPointer('/paths', path);
    try {
      const { item, resource } = pathItemOf(path, value, references);
      operations.push(...operationsOf({ path, pointer, item, resource, problems }));
    } catch (error) {
      if (!(error instanceof DocumentFault)) throw error;
      problems.push({ where: pointer, reason: error.message });
    }
  }
  return operations;
}

function pathItemOf(path: string, value: unknown, references: References): { item: JsonObject; resource: Resource } {
  if (!path.startsWith('/')) throw new DocumentFault('a path must begin with "/"');
  if (/[?#\s]/.test(path)) throw new DocumentFault('a path must not hold "?", "#" or a space');
  if (!isObject(value)) throw new DocumentFault('it is no object');
  if (typeof value.$ref !== 'string') return { item: value, resource: references.main };
  const found = references.follow(value.$ref, references.main);
  if (!isObject(found.value)) throw new DocumentFault('what its $ref names is no path item');
  const { $ref: _, ...siblings } = value;
  return { item: { ...found.value, ...siblings }, resource: found.resource };
}

interface PathItem {
  readonly path: string;
  readonly pointer: string;
  readonly item: JsonObject;
  readonly resource: Resource;
  readonly problems: DocumentProblem[];
}

function operationsOf({ path, pointer, item, resource, problems }: PathItem): RawOperation[] {
  const operations: RawOperation[] = [];
  const shared = extensionsOf(item);
  for (const [member, operation] of Object.entries(item)) {
    const method = Object.hasOwn(methods, member) ? methods[member] : undefined;
    const where = appendToPointer(pointer, member);
    if (method === undefined) {
      if (!noMethods.has(member) && !member.startsWith('x-')) problems.push({ where, reason: noMethod(member) });
      continue;
    }
    const reason = malformed(item, operation);
    if (reason !== undefined || !isObject(operation)) {
      problems.push({ where, reason: reason ?? 'it is no object' });
      continue;
    }
    const extensions = { ...shared, ...extensionsOf(operation) };
    const head = headOf({ method, path, pointer: where, extensions }, operation);
    operations.push({ head, operation, pathItem: item, resource });
  }
  if (isObject(item.additionalOperations)) {
    for (const name of Object.keys(item.additionalOperations)) {
      const where = appendToPointer(appendToPointer(pointer, 'additionalOperations'), name);
      problems.push({ where, reason: 'its method is not one of those that are supported' });
    }
  }
  return operations;
}

function noMethod(member: string): string {
  const meant = nearest(member, Object.keys(methods));
  const advice = meant === undefined ? '' : ` (did you mean ${JSON.stringify(meant)}?)`;
  return `it is neither a method nor anything else that a path may have${advice}: what it describes is not served`;
}

function malformed(item: JsonObject, operation: unknown): string | undefined {
  if (!isObject(operation)) return 'it is no object';
  const isList = (value: unknown) => value === undefined || value === null || Array.isArray(value);
  if (!isList(item.parameters)) return 'the parameters of its path are no array';
  if (!isList(operation.parameters)) return 'its parameters are no array';
  if (operation.requestBody !== undefined && !isObject(operation.requestBody)) return 'its requestBody is no object';
  if (operation.responses !== undefined && !isObject(operation.responses)) return 'its responses are no object';
  return undefined;
}

function headOf(
  known: Pick<OperationHead, 'method' | 'path' | 'pointer' | 'extensions'>,
  operation: JsonObject,
): OperationHead {
  const operationId = nonBlankText(operation.operationId);
  const summary = nonBlankText(operation.summary);
  const description = nonBlankText(operation.description);
  return {
    ...known,
    ...(operationId !== undefined && { operationId }),
    ...(summary !== undefined && { summary }),
    ...(description !== undefined && { description }),
    tags: Array.isArray(operation.tags) ? operation.tags.filter((tag) => typeof tag === 'string') : [],
    deprecated: operation.deprecated === true,
  };
}

function extensionsOf(members: JsonObject): Record<string, unknown> {
  const extensions: Record<string, unknown> = {};
  for (const name of Object.keys(members)) if (name.startsWith('x-')) extensions[name] = members[name];
  return extensions;
}
