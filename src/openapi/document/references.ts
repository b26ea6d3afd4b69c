import type SwaggerParser from '@apidevtools/swagger-parser';
import { isObject, type JsonObject, unescapePointerToken } from '../../core/json.ts';
import { DocumentFault } from './document-fault.ts';

/** One parsed document: the main one, or one that it refers to. */
export interface Resource {
  /** The base of its relative references; undefined for a document from stdin. */
  readonly url: string | undefined;
  readonly root: unknown;
  readonly refs: SwaggerParser['$refs'];
}

/** A value and where it is. */
export interface LocatedValue {
  readonly resource: Resource;
  /** The fragment of the reference, without `#`. */
  readonly pointer: string;
  readonly value: unknown;
}

/** Follows single references on demand. */
export interface References {
  readonly main: Resource;
  /** Finds the value of a reference. Follows a value that is only another reference. @throws DocumentFault */
  follow(reference: string, from: Resource): LocatedValue;
}

const hopsMax = 32;

/**
 * Prepares a parsed document for references into it. The library gets the document as version 3.0: it rejects 3.2, and
 * it searches all of a 3.1 document for `$id`, which references of an API do not need.
 */
export async function createResource(value: unknown, url: string | undefined): Promise<Resource> {
  const { SwaggerParser } = (await import('@apidevtools/swagger-parser')).default as unknown as {
    SwaggerParser: typeof import('@apidevtools/swagger-parser');
  };
  const parser = new SwaggerParser();
  const root = isObject(value) ? { ...value } : { value };
  const readable = { ...root, openapi: '3.0.4', info: { title: '', version: '' }, paths: {} };
  await parser.parse('/document.json', readable, {});
  // The members that the library needed get the document's own values again.
  const parsed = parser.api as unknown as Record<string, unknown>;
  for (const name of ['openapi', 'info', 'paths']) {
    if (Object.hasOwn(root, name)) parsed[name] = (root as JsonObject)[name];
    else delete parsed[name];
  }
  return { url, root: value, refs: parser.$refs };
}

/**
 * Creates the references of a document.
 * @param others the loaded external documents, by URL without fragment.
 * @param refused why other documents were not loaded, by URL without fragment.
 */
export function createReferences(
  main: Resource,
  others: ReadonlyMap<string, Resource>,
  refused: ReadonlyMap<string, string>,
): References {
  const known = new WeakMap<Resource, Map<string, LocatedValue>>();

  const resourceOf = (reference: string, from: Resource): Resource => {
    const address = reference.split('#', 1)[0] ?? '';
    if (address === '') return from;
    const url = absoluteUrl(address, from.url);
    if (url !== undefined && url === main.url) return main;
    const other = url === undefined ? undefined : others.get(url);
    if (other) return other;
    throw new DocumentFault(`${quoted(reference)} was not loaded: ${refused.get(url ?? address) ?? 'it has no URL'}`);
  };

  const follow = (reference: string, from: Resource): LocatedValue => {
    let found = lookUp(reference, resourceOf(reference, from));
    for (let hops = 0; hops < hopsMax; hops += 1) {
      const next = isObject(found.value) ? found.value.$ref : undefined;
      const isAlias = typeof next === 'string' && Object.keys(found.value as JsonObject).length === 1;
      if (!isAlias) return found;
      found = lookUp(next, resourceOf(next, found.resource));
    }
    throw new DocumentFault(`${quoted(reference)} is circular or leads through more than ${hopsMax} references`);
  };

  const lookUp = (reference: string, resource: Resource): LocatedValue => {
    const cache = known.get(resource) ?? new Map<string, LocatedValue>();
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

/** Returns an absolute URL without its fragment, or undefined if a relative one has no base. */
export function absoluteUrl(address: string, base: string | undefined): string | undefined {
  if (!URL.canParse(address, base)) return undefined;
  const url = new URL(address, base);
  url.hash = '';
  return url.href;
}

/**
 * Reads the value at a pointer. The library does not report where a chain of references ends, which relative references
 * and the detection of circles need. So it resolves only the parent of the value.
 */
function valueAt(resource: Resource, pointer: string, reference: string): unknown {
  if (pointer === '') return resource.root;
  if (!pointer.startsWith('/')) throw new DocumentFault(`${quoted(reference)} is not a JSON pointer`);
  const cut = pointer.lastIndexOf('/');
  const last = decodeToken(pointer.slice(cut + 1));
  const parent = cut === 0 ? resource.root : parentAt(resource, pointer.slice(0, cut));
  const isThere = typeof parent === 'object' && parent !== null && Object.hasOwn(parent, last);
  if (!isThere) throw new DocumentFault(`${quoted(reference)} points to nothing in the document`);
  return (parent as JsonObject)[last];
}

/** The parents of values, by resource and pointer. Most references of a document point into one list of schemas. */
const parents = new WeakMap<Resource, Map<string, unknown>>();

function parentAt(resource: Resource, pointer: string): unknown {
  const known = parents.get(resource) ?? new Map<string, unknown>();
  parents.set(resource, known);
  if (known.has(pointer)) return known.get(pointer);
  let parent: unknown;
  try {
    parent = resource.refs.get(`#${pointer}`);
  } catch {
    parent = undefined;
  }
  known.set(pointer, parent);
  return parent;
}

function decodeToken(encoded: string): string {
  let decoded = encoded;
  try {
    decoded = decodeURIComponent(encoded);
  } catch {
    // A bare percent sign stands for itself.
  }
  return unescapePointerToken(decoded);
}

function quoted(reference: string): string {
  return `the reference ${JSON.stringify(reference.slice(0, 200))}`;
}
