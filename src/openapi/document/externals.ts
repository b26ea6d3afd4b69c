import { realpath } from 'node:fs/promises';
import { dirname, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeError } from '../../core/errors.ts';
import { appendToPointer } from '../../core/json.ts';
import { parseText } from './parse-text.ts';
import { type FetchText, readFileText } from './read-bytes.ts';
import { absoluteUrl, createResource, type Resource } from './references.ts';
import type { DocumentProblem } from './types.ts';

/** What external references may point to, and how it is got. */
export interface ExternalRules {
  /** Hosts, with or without a port; `file` for files in the folder of a document that is a file itself. */
  readonly refHosts: readonly string[];
  readonly fetchText: FetchText;
  readonly bytesMax: number;
}

/** The documents that references point to, by URL, and why others were not read. */
export interface Externals {
  readonly resources: ReadonlyMap<string, Resource>;
  readonly refused: ReadonlyMap<string, string>;
  readonly problems: readonly DocumentProblem[];
}

interface ExternalReference {
  /** JSON pointer, after the URL where it is not the main document's. */
  readonly where: string;
  readonly reference: string;
  readonly url: string | undefined;
}

const documentsMax = 100;

/**
 * Reads what is referred to outside of the document, and outside of that: at most 100 documents, which together
 * are bounded as one is. What is not allowed or cannot be read becomes a problem.
 */
export async function readExternals(main: Resource, rules: ExternalRules): Promise<Externals> {
  const resources = new Map<string, Resource>();
  const refused = new Map<string, string>();
  const problems: DocumentProblem[] = [];
  const waiting = externalReferences(main, '');
  let bytesLeft = rules.bytesMax;
  for (let each = waiting.shift(); each !== undefined; each = waiting.shift()) {
    const { url, reference, where } = each;
    if (url !== undefined && (resources.has(url) || url === main.url)) continue;
    const key = url ?? reference.split('#', 1)[0] ?? '';
    let reason = refused.get(key) ?? (await whyNot(url, main, rules.refHosts));
    if (reason === undefined && resources.size >= documentsMax) reason = `more than ${documentsMax} are referred to`;
    if (reason === undefined && url !== undefined) {
      try {
        const text = await textAt(url, rules.fetchText, bytesLeft);
        bytesLeft -= text.length;
        const resource = await createResource(await parseText(text), url);
        resources.set(url, resource);
        waiting.push(...externalReferences(resource, url));
        continue;
      } catch (error) {
        reason = describeError(error);
      }
    }
    refused.set(key, reason ?? 'it has no address');
    problems.push({ where, reason: `${JSON.stringify(reference.slice(0, 200))} is not read: ${reason}` });
  }
  return { resources, refused, problems };
}

async function textAt(url: string, fetchText: FetchText, bytesMax: number): Promise<string> {
  if (url.startsWith('file:')) return readFileText(fileURLToPath(url), bytesMax);
  return (await fetchText(new URL(url), bytesMax)).text;
}

/** Why a reference is not allowed, or undefined. */
async function whyNot(
  url: string | undefined,
  main: Resource,
  allowed: readonly string[],
): Promise<string | undefined> {
  if (url === undefined) return 'it is relative, and the document has no address';
  const { protocol, host, hostname } = new URL(url);
  if (protocol === 'file:') return whyNotFile(url, main, allowed);
  if (protocol !== 'http:' && protocol !== 'https:') return 'only http, https and files are read';
  if (allowed.includes(host) || allowed.includes(hostname)) return undefined;
  return `external references to ${host} are not allowed (refHosts)`;
}

async function whyNotFile(url: string, main: Resource, allowed: readonly string[]): Promise<string | undefined> {
  if (!main.url?.startsWith('file:')) return 'a document that is no file may not refer to files';
  if (!allowed.includes('file')) return 'external references to files are not allowed ("file" in refHosts)';
  const folder = await realpath(dirname(fileURLToPath(main.url)));
  const path = await realpath(fileURLToPath(url)).catch(() => undefined);
  if (path === undefined) return 'it does not exist';
  return path.startsWith(folder.endsWith(sep) ? folder : folder + sep)
    ? undefined
    : 'it is outside of the folder of the document';
}

/** Members whose values are data of the API, where `$ref` is a name like any other. */
const data = new Set(['example', 'examples', 'default', 'enum', 'const']);

function externalReferences(resource: Resource, prefix: string): ExternalReference[] {
  const found: ExternalReference[] = [];
  const waiting: { value: unknown; pointer: string; isNames: boolean }[] = [
    { value: resource.root, pointer: '', isNames: false },
  ];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    if (typeof at.value !== 'object' || at.value === null) continue;
    for (const [name, value] of Object.entries(at.value)) {
      if (name === '$ref' && typeof value === 'string' && !value.startsWith('#')) {
        const url = absoluteUrl(value, resource.url);
        found.push({ where: `${prefix}${prefix && '#'}${appendToPointer(at.pointer, name)}`, reference: value, url });
      } else if (typeof value === 'object' && (at.isNames || !data.has(name))) {
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
