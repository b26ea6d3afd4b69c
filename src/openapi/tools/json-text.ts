import type { ContentResult } from '../../core/tool/types.ts';

/** Parses the first text of a result as JSON; undefined for other texts. */
export function jsonOfText({ content: [first] }: ContentResult): unknown {
  if (typeof first?.text !== 'string') return undefined;
  try {
    return JSON.parse(first.text);
  } catch {
    return undefined;
  }
}
