import { isObject } from '../../core/json.ts';
import { visibleText, withVisibleTexts } from '../../core/visible-text.ts';
import type { RpcResponse } from './message.ts';

/** Makes the texts of an item of a list visible. The `name` of a resource is a text, too: its URI identifies it. */
export function visibleItem(item: unknown): unknown {
  const shown = withVisibleTexts(item);
  const isResource = isObject(shown) && (shown.uri !== undefined || shown.uriTemplate !== undefined);
  if (!isResource || typeof shown.name !== 'string') return shown;
  const name = visibleText(shown.name);
  return name === shown.name ? shown : { ...shown, name };
}

/** Makes the texts in a response to a list request, or to `initialize`, visible. */
export function withVisibleLists(response: RpcResponse): RpcResponse {
  const { result } = response;
  if (result === undefined) return response;
  const shown = Object.entries(result).map(([member, value]) => {
    if (member === 'instructions' && typeof value === 'string') return [member, visibleText(value)];
    if (member === 'serverInfo') return [member, withVisibleTexts(value)];
    return [member, Array.isArray(value) ? value.map(visibleItem) : value];
  });
  return { ...response, result: Object.fromEntries(shown) };
}
