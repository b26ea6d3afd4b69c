import { matchesGlob } from '../../core/tool/glob.ts';
import type { OperationHead } from './types.ts';

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
 * @param namesOf the names of an operation's tool
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
 * Whether a pattern means an operation: `tag:NAME`, `METHOD /path`, `/path` of any method, an `operationId`, or a name
 * of its tool. `*` stands for any characters; the path is that of the template, such as `/orders/{id}`.
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
