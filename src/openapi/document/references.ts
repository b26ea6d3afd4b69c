import type SwaggerParser from '@apidevtools/swagger-parser';
import { isObject, type JsonObject } from '../../core/json.ts';
import { DocumentFault } from './document-fault.ts';

/** One document: the one that is served, or one that it refers to. */
export interface Resource {
  /** What its relative references are relative to; undefined for a document from stdin. */
  readonly url: string | undefined;
  readonly root: unknown;
  readonly refs: SwaggerParser['$refs'];
}

/** A value, and where it lies. */
export interface Found {
  readonly resource: Resource;
  /** As it stands in the reference, without `#`. */
  readonly pointer: string;
  readonly value: unknown;
}

/** Follows references, one at a time and only when somebody asks. */
export interface References {
  readonly main: Resource;
  /** What a reference names, through references that are nothing else. @throws DocumentFault */
  follow(reference: string, from: Resource): Found;
}

const hopsMax = 32;

/**
 * Makes a value one that can be referred into. The library is handed the value as if it were of version 3.0: it
 * refuses 3.2, and walks all of a 3.1 document for `$id`, which no reference of an API needs.
 */
export async function createResource(value: unknown, url: string | undefined): Promise<Resource> {
  const { SwaggerParser } = (await import('@apidevtools/swagger-parser')).default as unknown as {
    SwaggerParser: typeof import('@apidevtools/swagger-parser');
  };
  const parser = new SwaggerParser();
  const root = isObject(value) ? { ...value } : { value };
  const readable = { ...root, openapi: '3.0.4', info: { title: '', version: '' }, paths: {} };
  await parser.parse('/document.json', readable, {});
  // The parts that were filled in for it are those of the document again.
  const held = parser.api as unknown as Record<string, unknown>;
  for (const name of ['openapi', 'info', 'paths']) {
    if (Object.hasOwn(root, name)) held[name] = (root as JsonObject)[name];
    else delete held[name];
  }
  return { url, root: value, refs: parser.$refs };
}

/**
 * @param others by URL without fragment: what was loaded beforehand.
 * @param refused by URL without fragment: why it was not.
 */
export function createReferences(
  main: Resource,
  others: ReadonlyMap<string, Resource>,
  refused: ReadonlyMap<string, string>,
): References {
  const known = new WeakMap<Resource, Map<string, Found>>();

  const resourceOf = (reference: string, from: Resource): Resource => {
    const address = reference.split('#', 1)[0] ?? '';
    if (address === '') return from;
    const url = absoluteUrl(address, from.url);
    if (url !== undefined && url === main.url) return main;
    const other = url === undefined ? undefined : others.get(url);
    if (other) return other;
    throw new DocumentFault(`${quoted(reference)} is not read: ${refused.get(url ?? address) ?? 'it has no address'}`);
  };

  const follow = (reference: string, from: Resource): Found => {
    let found = lookUp(reference, resourceOf(reference, from));
    for (let hops = 0; hops < hopsMax; hops += 1) {
      const next = isObject(found.value) ? found.value.$ref : undefined;
      const isAlias = typeof next === 'string' && Object.keys(found.value as JsonObject).length === 1;
      if (!isAlias) return found;
      found = lookUp(next, resourceOf(next, found.resource));
    }
    throw new DocumentFault(`${quoted(reference)} leads through more than ${hopsMax} references, or to itself`);
  };

  const lookUp = (reference: string, resource: Resource): Found => {
    const cache = known.get(resource) ?? new Map<string, Found>();
    known.set(resource, cache);
    const hash = reference.indexOf('#');
    const pointer = hash < 0 ? '' : reference.slice(hash + 1);
    const before = cache.get(pointer);
    if (before) return before;
    const found = { resource, pointer, value: valueAt(resource, pointer, reference) };
    cache.set(pointer, found);
    return found;
  };
  return { main, follow };
}

/** An absolute URL without fragment, or undefined where there is nothing that it could be relative to. */
export function absoluteUrl(address: string, base: string | undefined): string | undefined {
  if (!URL.canParse(address, base)) return undefined;
  const url = new URL(address, base);
  url.hash = '';
  return url.href;
}

/**
 * The library follows a reference to its end and does not tell where that is, which circles and the references
 * within it depend on: so it is asked for what holds the value.
 */
function valueAt(resource: Resource, pointer: string, reference: string): unknown {
  if (pointer === '') return resource.root;
  if (!pointer.startsWith('/')) throw new DocumentFault(`${quoted(reference)} is no JSON pointer`);
  const cut = pointer.lastIndexOf('/');
  const last = lastToken(pointer.slice(cut + 1));
  let holder: unknown;
  try {
    holder = cut === 0 ? resource.root : resource.refs.get(`#${pointer.slice(0, cut)}`);
  } catch {
    holder = undefined;
  }
  const isThere = typeof holder === 'object' && holder !== null && Object.hasOwn(holder, last);
  if (!isThere) throw new DocumentFault(`${quoted(reference)} names nothing in the document`);
  return (holder as JsonObject)[last];
}

function lastToken(encoded: string): string {
  let decoded = encoded;
  try {
    decoded = decodeURIComponent(encoded);
  } catch {
    // A percent sign that nobody encoded stands for itself.
  }
  return decoded.replaceAll('~1', '/').replaceAll('~0', '~');
}

function quoted(reference: string): string {
  return `the reference ${JSON.stringify(reference.slice(0, 200))}`;
}
