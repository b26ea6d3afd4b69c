import { createHash } from 'node:crypto';
import { McpOnceError } from '../../core/errors.ts';
import type { OperationHead } from './types.ts';

/** What the names of tools are made with. */
export interface ToolNameOptions {
  /** Put before every name, with an underscore. */
  readonly prefix?: string;
  /** Names that the configuration gives. */
  readonly names?: ReadonlyMap<OperationHead, string>;
}

const nameCharsMax = 64;
const hashChars = 8;

/**
 * A name for each operation, of at most 64 of `[A-Za-z0-9_-]`: its `operationId` in snake case, or method and path.
 * Names that are alike or too long end in a hash of method and path, so that each is the same in every run.
 * @param heads all of the document, not only those that are served: else a name would depend on which ones are.
 * @throws McpOnceError `configuration_invalid` where a given name or the prefix cannot be one, or is given twice.
 */
export function toolNames(
  heads: readonly OperationHead[],
  options: ToolNameOptions = {},
): ReadonlyMap<OperationHead, string> {
  const prefix = prefixOf(options.prefix);
  const names = new Map<OperationHead, string>();
  const taken = new Set<string>();
  const given = options.names ?? new Map<OperationHead, string>();
  for (const head of heads) {
    const name = given.get(head);
    if (name === undefined) continue;
    const full = prefix + name;
    if (!/^[A-Za-z0-9_-]+$/.test(name) || full.length > nameCharsMax) throw wrongName(head, full);
    if (taken.has(full)) throw invalid(`Two operations are named ${JSON.stringify(full)}: names must differ.`);
    taken.add(full);
    names.set(head, full);
  }
  const others = heads.filter((head) => !given.has(head)).map((head) => ({ head, name: prefix + baseName(head) }));
  const uses = new Map<string, number>();
  for (const { name } of others) uses.set(name, (uses.get(name) ?? 0) + 1);
  const isPlain = (name: string) => name.length <= nameCharsMax && uses.get(name) === 1 && !taken.has(name);
  const plain = others.filter(({ name }) => isPlain(name));
  for (const { head, name } of plain) {
    taken.add(name);
    names.set(head, name);
  }
  for (const { head, name } of others) if (!names.has(head)) names.set(head, hashed(head, name, taken));
  // In the order of the document, whatever was named first.
  return new Map(heads.map((head) => [head, names.get(head) ?? baseName(head)]));
}

function prefixOf(prefix: string | undefined): string {
  if (prefix === undefined || prefix === '') return '';
  if (/^[A-Za-z0-9_-]{1,32}$/.test(prefix)) return `${prefix}_`;
  throw invalid('The prefix of an API must be 1 to 32 letters, digits, underscores or hyphens.');
}

function baseName(head: OperationHead): string {
  const own = head.operationId === undefined ? '' : snakeCase(head.operationId);
  if (own !== '') return own;
  const parts = head.path.split('/').filter((part) => part !== '');
  const words = parts.map((part) => snakeCase(part.replace(/\{([^{}]*)\}/g, '_by_$1_')));
  const path = words.filter((word) => word !== '').join('_');
  return `${head.method.toLowerCase()}_${path === '' ? 'root' : path}`;
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

function hashed(head: OperationHead, name: string, taken: Set<string>): string {
  const hash = createHash('sha256').update(`${head.method} ${head.path}`).digest('hex');
  for (let chars = hashChars; chars <= nameCharsMax / 2; chars += 1) {
    const cut = name.slice(0, nameCharsMax - chars - 1).replace(/_+$/, '');
    const full = `${cut}_${hash.slice(0, chars)}`;
    if (taken.has(full)) continue;
    taken.add(full);
    return full;
  }
  throw invalid(`No name is left for ${head.method} ${head.path}: give it one.`);
}

function wrongName(head: OperationHead, full: string): McpOnceError {
  const what = `The name ${JSON.stringify(full.slice(0, 100))} for ${head.method} ${head.path}`;
  return invalid(`${what} is none for a tool: use up to ${nameCharsMax} letters, digits, underscores and hyphens.`);
}

function invalid(message: string): McpOnceError {
  return new McpOnceError('configuration_invalid', message);
}
