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
    return head.tags.some((each) => matchesText(each, tag));
  }
  const [, method, path] = /^([A-Za-z*]+)\s+(\S.*)$/.exec(text) ?? [];
  if (method !== undefined && path !== undefined && /^[/*]/.test(path)) {
    return matchesText(head.method, method.toUpperCase()) && matchesText(head.path, path);
  }
  if (text.startsWith('/')) return matchesText(head.path, text);
  return head.operationId === undefined ? text === '*' : matchesText(head.operationId, text);
}

/** Linear in the text, unlike the regular expression that one would make of the pattern. */
function matchesText(text: string, pattern: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return text === pattern;
  const last = rest.pop() ?? '';
  if (!text.startsWith(first) || text.length < first.length + last.length || !text.endsWith(last)) return false;
  const end = text.length - last.length;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
