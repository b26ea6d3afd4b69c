import { realpath } from 'node:fs/promises';
import { dirname, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeError } from '../../core/errors.ts';
import { appendToPointer } from '../../core/json.ts';
import { parseText } from './parse-text.ts';
import { type FetchText, readFileText } from './read-text.ts';
import { absoluteUrl, createResource, type Resource } from './references.ts';
import type { DocumentProblem } from './types.ts';

/** Limits on external references, and how to fetch them. */
export interface ExternalReferenceRules {
  /** Allowed hosts, with or without a port. Files in the folder of a document that is a file are always allowed. */
  readonly refHosts: readonly string[];
  readonly fetchText: FetchText;
  readonly bytesMax: number;
}

/** The other documents that a document refers to, by URL without fragment. */
export interface ExternalDocuments {
  readonly loaded: ReadonlyMap<string, Resource>;
  /** Why a document was not loaded. */
  readonly refused: ReadonlyMap<string, string>;
  readonly problems: readonly DocumentProblem[];
}

interface ExternalReference {
  /** JSON pointer; in another document than the main one its URL comes first. */
  readonly where: string;
  readonly reference: string;
  readonly url: string | undefined;
  /** The document that contains it. */
  readonly from: Resource;
}

const documentsMax = 10_000;

/**
 * Loads the documents that references lead to, directly or through each other, with `bytesMax` for all of them. A reference that is not allowed or cannot be loaded becomes a problem.
 */
export async function loadExternalDocuments(main: Resource, rules: ExternalReferenceRules): Promise<ExternalDocuments> {
  const loaded = new Map<string, Resource>();
  const refused = new Map<string, string>();
  const problems: DocumentProblem[] = [];
  const waiting = findExternalReferences(main, '');
  let bytesLeft = rules.bytesMax;
  for (let each = waiting.shift(); each !== undefined; each = waiting.shift()) {
    const { url, reference, where } = each;
    if (url !== undefined && (loaded.has(url) || url === main.url)) continue;
    const key = url ?? reference.split('#', 1)[0] ?? '';
    let reason = refused.get(key) ?? (await refusalOf(url, main, each.from, rules.refHosts));
    if (reason === undefined && loaded.size >= documentsMax)
      reason = `more than ${documentsMax} documents are referenced`;
    if (reason === undefined && url !== undefined) {
      try {
        const text = await textAt(url, rules.fetchText, bytesLeft);
        bytesLeft -= text.length;
        const resource = await createResource(await parseText(text), url);
        loaded.set(url, resource);
        waiting.push(...findExternalReferences(resource, url));
        continue;
      } catch (error) {
        reason = describeError(error);
      }
    }
    refused.set(key, reason ?? 'it has no URL');
    problems.push({ where, reason: `${JSON.stringify(reference.slice(0, 200))} was not loaded: ${reason}` });
  }
  return { loaded, refused, problems };
}

async function textAt(url: string, fetchText: FetchText, bytesMax: number): Promise<string> {
  if (url.startsWith('file:')) return readFileText(fileURLToPath(url), bytesMax);
  return (await fetchText(new URL(url), bytesMax)).text;
}

/** Returns why a reference is not allowed, or undefined. */
async function refusalOf(
  url: string | undefined,
  main: Resource,
  from: Resource,
  allowed: readonly string[],
): Promise<string | undefined> {
  if (url === undefined) return 'it is relative, and the document has no URL';
  const { protocol, host, hostname } = new URL(url);
  if (protocol === 'file:') return refusalOfFile(url, main, from);
  if (protocol !== 'http:' && protocol !== 'https:') return 'only http, https and file references are supported';
  if (allowed.includes(host) || allowed.includes(hostname)) return undefined;
  return `external references to ${host} are not allowed: add the host to refHosts`;
}

async function refusalOfFile(url: string, main: Resource, from: Resource): Promise<string | undefined> {
  const isOfFile = main.url?.startsWith('file:') && from.url?.startsWith('file:');
  if (!isOfFile || main.url === undefined) return 'only a document that is a file may refer to files';
  const folder = await realpath(dirname(fileURLToPath(main.url)));
  const path = await realpath(fileURLToPath(url)).catch(() => undefined);
  if (path === undefined) return 'it does not exist';
  return path.startsWith(folder.endsWith(sep) ? folder : folder + sep)
    ? undefined
    : 'it is outside the folder of the document';
}

/** Members whose values are data of the API. In them `$ref` is an ordinary name. */
const dataMembers = new Set(['example', 'examples', 'default', 'enum', 'const']);

function findExternalReferences(resource: Resource, prefix: string): ExternalReference[] {
  const found: ExternalReference[] = [];
  const waiting: { value: unknown; pointer: string; isNames: boolean }[] = [
    { value: resource.root, pointer: '', isNames: false },
  ];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    if (typeof at.value !== 'object' || at.value === null) continue;
    for (const [name, value] of Object.entries(at.value)) {
      if (name === '$ref' && typeof value === 'string' && !value.startsWith('#')) {
        const url = absoluteUrl(value, resource.url);
        found.push({
          where: `${prefix}${prefix && '#'}${appendToPointer(at.pointer, name)}`,
          reference: value,
          url,
          from: resource,
        });
      } else if (typeof value === 'object' && (at.isNames || !dataMembers.has(name))) {
        waiting.push({
          value,
          pointer: appendToPointer(at.pointer, name),
          isNames: name === 'properties' && !at.isNames,
        });
      }
    }
  }
  return found.reverse();
}
