import { matchesGlob } from '../../core/tool/glob.ts';
import type { OperationHead } from './types.ts';

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
  heads: readonly OperationHead[],
  { include, exclude }: OperationPatterns,
  namesOf: (head: OperationHead) => readonly string[] = () => [],
): { chosen: OperationHead[]; unmatched: OperationPatterns } {
  const matchesAny = (head: OperationHead, patterns: readonly string[]) =>
    patterns.some((pattern) => matchesOperation(head, pattern, namesOf(head)));
  const chosen = heads.filter(
    (head) => (include.length === 0 || matchesAny(head, include)) && !matchesAny(head, exclude),
  );
  const matchNone = (patterns: readonly string[]) =>
    [...new Set(patterns)].filter((pattern) => !heads.some((head) => matchesAny(head, [pattern])));
  return { chosen, unmatched: { include: matchNone(include), exclude: matchNone(exclude) } };
}

/**
 * Tests whether a pattern matches an operation. A pattern is `tag:NAME`, `METHOD /path`, `/path` for any method, an
 * `operationId` or the name of a tool. `*` stands for any characters, and the path is the template.
 *
 * @example
 * matchesOperation(operation, 'GET /orders/*') // true for GET /orders/{id}
 */
export function matchesOperation(head: OperationHead, pattern: string, names: readonly string[] = []): boolean {
  const text = pattern.trim();
  if (text.startsWith('tag:')) {
    const tag = text.slice('tag:'.length).trim();
    return head.tags.some((each) => matchesGlob(tag, each));
  }
  const [, method, path] = /^([A-Za-z*]+)\s+(\S.*)$/.exec(text) ?? [];
  if (method !== undefined && path !== undefined && /^[/*]/.test(path)) {
    return matchesGlob(method.toUpperCase(), head.method) && matchesGlob(path, head.path);
  }
  if (text.startsWith('/')) return matchesGlob(text, head.path);
  if (text === '*') return true;
  return [head.operationId ?? '', ...names].some((name) => name !== '' && matchesGlob(text, name));
}
