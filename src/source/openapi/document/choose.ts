import { matchesGlob } from '../../../tool/glob.ts';
import type { OperationHead } from '../types.ts';

/** Which operations are served. */
export interface OperationPatterns {
  /** Empty: all. */
  readonly include: readonly string[];
  /** Goes before include. */
  readonly exclude: readonly string[];
}

/**
 * The operations that are included and not excluded, in the order of the document, and the patterns that match
 * none at all, which are misspelt most likely.
 */
export function chooseOperations(
  heads: readonly OperationHead[],
  { include, exclude }: OperationPatterns,
): { chosen: OperationHead[]; unmatched: string[] } {
  const matchesAny = (head: OperationHead, patterns: readonly string[]) =>
    patterns.some((pattern) => matchesOperation(head, pattern));
  const chosen = heads.filter(
    (head) => (include.length === 0 || matchesAny(head, include)) && !matchesAny(head, exclude),
  );
  const unmatched = [...include, ...exclude].filter(
    (pattern) => !heads.some((head) => matchesOperation(head, pattern)),
  );
  return { chosen, unmatched: [...new Set(unmatched)] };
}

/**
 * Whether a pattern means an operation: `tag:NAME`, `METHOD /path`, `/path` of any method, or an `operationId`. `*`
 * stands for any characters; the path is that of the template, such as `/orders/{id}`.
 */
export function matchesOperation(head: OperationHead, pattern: string): boolean {
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
  return head.operationId === undefined ? text === '*' : matchesGlob(text, head.operationId);
}
