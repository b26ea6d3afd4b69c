import { createHash } from 'node:crypto';
import { McpOnceError } from '../../core/errors.ts';
import type { ListedOperation } from './types.ts';

/** Options for the names of tools. */
export interface ToolNameOptions {
  /** Comes before every name, followed by an underscore. 1 to 32 letters, digits, underscores and hyphens. */
  readonly prefix?: string;
  /** Names that the document or the configuration sets, without the prefix. */
  readonly names?: ReadonlyMap<ListedOperation, string>;
}

const nameCharsMax = 64;
const hashChars = 8;

/**
 * Names each operation with at most 64 of `[A-Za-z0-9_-]`: its `operationId` in snake case, or else method and path.
 * Equal and overlong names end in a hash of method and path, which is the same in every run.
 * @param listedOperations all operations of the document. With only the served ones, a name would depend on the selection.
 * @throws McpOnceError `configuration_invalid` if a given name or the prefix is not valid, or a name is given twice.
 *
 * @example
 * toolNames(document.listedOperations, { prefix: 'shop' }) // GET /orders/{id} without operationId: shop_get_orders_by_id
 */
export function toolNames(
  listedOperations: readonly ListedOperation[],
  options: ToolNameOptions = {},
): ReadonlyMap<ListedOperation, string> {
  const prefix = prefixOf(options.prefix);
  const names = new Map<ListedOperation, string>();
  const taken = new Set<string>();
  const given = options.names ?? new Map<ListedOperation, string>();
  for (const listed of listedOperations) {
    const name = given.get(listed);
    if (name === undefined) continue;
    const full = prefix + name;
    if (!/^[A-Za-z0-9_-]+$/.test(name) || full.length > nameCharsMax) throw wrongName(listed, full);
    if (taken.has(full))
      throw invalid(`Two operations have the tool name ${JSON.stringify(full)}. Give each its own name.`);
    taken.add(full);
    names.set(listed, full);
  }
  const others = listedOperations
    .filter((listed) => !given.has(listed))
    .map((listed) => ({ listed, name: prefix + baseName(listed) }));
  const uses = new Map<string, number>();
  for (const { name } of others) uses.set(name, (uses.get(name) ?? 0) + 1);
  const isPlain = (name: string) => name.length <= nameCharsMax && uses.get(name) === 1 && !taken.has(name);
  const plain = others.filter(({ name }) => isPlain(name));
  for (const { listed, name } of plain) {
    taken.add(name);
    names.set(listed, name);
  }
  for (const { listed, name } of others) if (!names.has(listed)) names.set(listed, hashed(listed, name, taken));
  // Restores the order of the document.
  return new Map(listedOperations.map((listed) => [listed, names.get(listed) ?? baseName(listed)]));
}

function prefixOf(prefix: string | undefined): string {
  if (prefix === undefined || prefix === '') return '';
  if (/^[A-Za-z0-9_-]{1,32}$/.test(prefix)) return `${prefix}_`;
  throw invalid('The prefix of an API must be 1 to 32 letters, digits, underscores or hyphens.');
}

function baseName(listed: ListedOperation): string {
  const own = listed.operationId === undefined ? '' : snakeCase(listed.operationId);
  if (own !== '') return own;
  const parts = listed.path.split('/').filter((part) => part !== '');
  const words = parts.map((part) => snakeCase(part.replace(/\{([^{}]*)\}/g, '_by_$1_')));
  const path = words.filter((word) => word !== '').join('_');
  return `${listed.method.toLowerCase()}_${path === '' ? 'root' : path}`;
}

function snakeCase(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .toLowerCase();
}

function hashed(listed: ListedOperation, name: string, taken: Set<string>): string {
  const hash = createHash('sha256').update(`${listed.method} ${listed.path}`).digest('hex');
  for (let chars = hashChars; chars <= nameCharsMax / 2; chars += 1) {
    const cut = name.slice(0, nameCharsMax - chars - 1).replace(/_+$/, '');
    const full = `${cut}_${hash.slice(0, chars)}`;
    if (taken.has(full)) continue;
    taken.add(full);
    return full;
  }
  throw invalid(`No tool name is left for ${listed.method} ${listed.path}. Set one in the configuration.`);
}

function wrongName(listed: ListedOperation, full: string): McpOnceError {
  const what = `The tool name ${JSON.stringify(full.slice(0, 100))} for ${listed.method} ${listed.path}`;
  return invalid(`${what} is not valid. Use up to ${nameCharsMax} letters, digits, underscores and hyphens.`);
}

function invalid(message: string): McpOnceError {
  return new McpOnceError('configuration_invalid', message);
}
