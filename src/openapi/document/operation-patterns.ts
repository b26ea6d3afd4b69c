import { matchesGlob } from '../../core/tool/glob.ts';
import type { ApiDocument, ListedOperation } from './types.ts';

/** Patterns that select the operations to serve. */
export interface OperationPatterns {
  /** An empty list includes all operations. */
  readonly include: readonly string[];
  /** Takes precedence over `include`. */
  readonly exclude: readonly string[];
}

/**
 * Selects the operations that are included and not excluded, in the order of the document. Also returns the patterns
 * that match no operation, which are probably misspelt.
 * @param namesOf returns the names of an operation's tool.
 */
export function chooseOperations(
  listedOperations: readonly ListedOperation[],
  { include, exclude }: OperationPatterns,
  namesOf: (listed: ListedOperation) => readonly string[] = () => [],
): { chosen: ListedOperation[]; unmatched: OperationPatterns } {
  const matchesAny = (listed: ListedOperation, patterns: readonly string[]) =>
    patterns.some((pattern) => matchesOperation(listed, pattern, namesOf(listed)));
  const chosen = listedOperations.filter(
    (listed) => (include.length === 0 || matchesAny(listed, include)) && !matchesAny(listed, exclude),
  );
  const matchNone = (patterns: readonly string[]) =>
    [...new Set(patterns)].filter((pattern) => !listedOperations.some((listed) => matchesAny(listed, [pattern])));
  return { chosen, unmatched: { include: matchNone(include), exclude: matchNone(exclude) } };
}

/**
 * Tests whether a pattern matches an operation. A pattern is `tag:NAME`, `METHOD /path`, `/path` for any method, an
 * `operationId` or the name of a tool. `*` stands for any characters, and the path is the template.
 *
 * @example
 * matchesOperation(operation, 'GET /orders/*') // true for GET /orders/{id}
 */
export function matchesOperation(listed: ListedOperation, pattern: string, names: readonly string[] = []): boolean {
  const text = pattern.trim();
  if (text.startsWith('tag:')) {
    const tag = text.slice('tag:'.length).trim();
    return listed.tags.some((each) => matchesGlob(tag, each));
  }
  const [, method, path] = /^([A-Za-z*]+)\s+(\S.*)$/.exec(text) ?? [];
  if (method !== undefined && path !== undefined && /^[/*]/.test(path)) {
    return matchesGlob(method.toUpperCase(), listed.method) && matchesGlob(path, listed.path);
  }
  if (text.startsWith('/')) return matchesGlob(text, listed.path);
  if (text === '*') return true;
  return [listed.operationId ?? '', ...names].some((name) => name !== '' && matchesGlob(text, name));
}

/** Finds an operation by its `operationId` or as `METHOD /path`. */
export function findOperation(document: ApiDocument, name: string): ListedOperation | undefined {
  return document.listedOperations.find(
    (listed) => listed.operationId === name || `${listed.method} ${listed.path}` === name,
  );
}
