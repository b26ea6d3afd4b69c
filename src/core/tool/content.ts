import { isObject } from '../json.ts';
import type { ContentResult } from './types.ts';

/** Tests whether a value is a result with its own content blocks. */
export function isContentResult(value: unknown): value is ContentResult {
  return typeof value === 'object' && value !== null && Array.isArray((value as { content?: unknown }).content);
}

/** Converts a JSON value to a result with content blocks. `structuredContent` wraps a value that is not an object. */
export function contentOfValue(value: unknown): ContentResult {
  const text = { type: 'text', text: JSON.stringify(value) ?? 'null' };
  return { content: [text], structuredContent: isObject(value) ? value : { result: value } };
}

/** Whether a result is an error that a tool answered with. It may hide an effect. */
export function isErrorResult(result: unknown): boolean {
  return isContentResult(result) && result.isError === true;
}
