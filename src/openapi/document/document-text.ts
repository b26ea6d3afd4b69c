import { nonBlankText } from '../../core/json.ts';
import { visibleText } from '../../core/visible-text.ts';
import { htmlToText } from './html-text.ts';

/** Reads a text of a document that a person or a model sees; undefined if there is none. */
export function documentText(value: unknown): string | undefined {
  const text = nonBlankText(value);
  return text === undefined ? undefined : nonBlankText(visibleText(htmlToText(text)));
}
