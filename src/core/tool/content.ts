import type { ContentResult } from './types.ts';

/** Whether a value is a result that says itself how it is shown. */
export function isContentResult(value: unknown): value is ContentResult {
  return typeof value === 'object' && value !== null && Array.isArray((value as { content?: unknown }).content);
}

/** A JSON value as a result that says itself how it is shown: its text, and, of an object, the structured content. */
export function contentOfValue(value: unknown): ContentResult {
  const text = { type: 'text', text: JSON.stringify(value) ?? 'null' };
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject
    ? { content: [text], structuredContent: value as Record<string, unknown> }
    : { content: [text], structuredContent: { result: value } };
}
