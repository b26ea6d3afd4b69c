import { NotExecuted } from '../../core/errors.ts';
import type { McpResult } from './types.ts';

const excerptCharsMax = 300;

/** Whether a value is a result of a tool, as MCP has it: an object with a list of content. */
export function isMcpResult(value: unknown): value is McpResult {
  return typeof value === 'object' && value !== null && Array.isArray((value as { content?: unknown }).content);
}

/**
 * A server's result as it is kept and shown: as it came, every field of it. `content` may be left out of a
 * result (MCP 2025-11-25: default empty), and what is no object at all took effect all the same.
 */
export function toMcpResult(value: unknown): McpResult {
  if (isMcpResult(value)) return value;
  const fields = typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
  return { ...fields, content: [] };
}

/** The failure that an answer with `isError` is, where the configuration says that nothing took effect then. */
export function failureOf({ content }: McpResult): NotExecuted {
  const texts = content.flatMap(({ type, text }) => (type === 'text' && typeof text === 'string' ? [text] : []));
  const line = texts
    .join(' ')
    .slice(0, 4_096)
    .replace(/[\s\p{C}]+/gu, ' ')
    .trim();
  return new NotExecuted(line === '' ? 'the server answered with an error' : line.slice(0, excerptCharsMax));
}
