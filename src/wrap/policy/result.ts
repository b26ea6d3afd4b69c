import { NotExecuted } from '../../core/errors.ts';
import { objectOf } from '../../core/json.ts';
import type { McpResult } from './types.ts';

const excerptCharsMax = 300;

/** Whether a value is a tool result of MCP: an object with a list of content. */
export function isMcpResult(value: unknown): value is McpResult {
  return typeof value === 'object' && value !== null && Array.isArray((value as { content?: unknown }).content);
}

/**
 * Returns a server's result with all its fields. A result may omit `content` (MCP 2025-11-25: empty by default), and a
 * call whose result is not an object may have taken effect as well.
 */
export function toMcpResult(value: unknown): McpResult {
  if (isMcpResult(value)) return value;
  return { ...objectOf(value), content: [] };
}

/** Makes the failure of a result with `isError`, where the configuration says that it had no effect. */
export function failureOf({ content }: McpResult): NotExecuted {
  const texts = content.flatMap(({ type, text }) => (type === 'text' && typeof text === 'string' ? [text] : []));
  const line = texts
    .join(' ')
    .slice(0, 4_096)
    .replace(/[\s\p{C}]+/gu, ' ')
    .trim();
  return new NotExecuted(line === '' ? 'the server returned an error' : line.slice(0, excerptCharsMax));
}
