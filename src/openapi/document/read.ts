import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { McpOnceError } from '../../core/errors.ts';
import { isObject, nonBlankText } from '../../core/json.ts';
import { sentence } from '../../core/suggest.ts';
import { openApiRoot } from './dialect.ts';
import { DocumentFault } from './document-fault.ts';
import { type Externals, readExternals } from './externals.ts';
import { readOperations } from './heads.ts';
import { readOperation } from './operation.ts';
import { parseText, TextUnparsable } from './parse-text.ts';
import {
  createFetchText,
  type FetchText,
  readFileText,
  readStream,
  TextUnread,
  withoutCredentials,
} from './read-bytes.ts';
import { createReferences, createResource, type Resource } from './references.ts';
import { SchemaStore } from './schema-store.ts';
import { readSecuritySchemes, securityOf, undeclaredSchemes } from './security.ts';
import { serverProblems } from './servers.ts';
import type { ApiDocument, DocumentProblem, OperationHead } from './types.ts';

/** What to read, and how far to follow it. */
export interface ReadDocumentOptions {
  /** A path, an http or https URL (user and password in it are sent to its origin only), or `-` for stdin. */
  readonly source: string;
  /** Hosts that external references may point to; `file`: files in the folder of a document that is a file. */
  readonly refHosts: readonly string[];
  /** True lets a redirect lead from the document's host to a private address. */
  readonly allowPrivate: boolean;
  /** Gets what lies on the network; by default `fetch`, within 30 s and five redirects. */
  readonly fetchText?: FetchText;
  /** What `-` stands for; by default the one of the process. */
  readonly stdin?: NodeJS.ReadableStream;
}

/** Of a document and, together, of all that it refers to. */
const bytesMax = 64 * 1024 * 1024;
/** Whether there is an external reference is asked of the text: walking the value costs ten times as much. */
const externalReference = /\$ref["']?\s*:\s*["']?[^#"'\s]/;

interface SourceText {
  /** For messages. */
  readonly name: string;
  readonly text: string;
  /** What relative addresses are relative to. */
  readonly url: string | undefined;
}

/**
 * Reads an API's document: OpenAPI 3.0 to 3.2, or Swagger 2.0, as JSON or YAML of at most 64 MiB. Only the heads of
 * its operations are looked at; an operation is resolved when it is asked for, and nothing is ever dereferenced as a
 * whole. What cannot be served is in `problems`.
 * @throws McpOnceError `configuration_invalid` with one sentence where nothing of it can be served.
 */
export async function readDocument(options: ReadDocumentOptions): Promise<ApiDocument> {
  const source = await readSource(options);
  const value = await parseSource(source);
  const documentUrl = source.url?.startsWith('http') ? source.url : undefined;
  const { root, isOld, problems } = await openApiRoot(value, documentUrl?.split(':', 1)[0]).catch((error: unknown) => {
    throw error instanceof DocumentFault ? invalid(source.name, error.message, error) : error;
  });
  const main = await createResource(root, source.url);
  const externals = await readExternalsOf(main, source.text, options);
  const references = createReferences(main, externals.resources, externals.refused);
  const found: DocumentProblem[] = [...problems, ...externals.problems, ...serverProblems(root, documentUrl)];
  const securitySchemes = readSecuritySchemes(references, documentUrl, found);
  const operations = readOperations(references, found);
  const requirements = [root.security, ...operations.map(({ operation }) => operation.security)];
  found.push(...undeclaredSchemes(requirements, securitySchemes));
  const byPointer = new Map(operations.map((operation) => [operation.head.pointer, operation]));
  const store = new SchemaStore(references, isOld);
  const context = { references, store, securitySchemes, documentUrl, parametersRead: new WeakMap() };
  const info = isObject(root.info) ? root.info : {};
  return Object.freeze({
    source: source.name,
    title: nonBlankText(info.title) ?? 'API',
    version: String(info.version ?? ''),
    heads: Object.freeze(operations.map(({ head }) => head)),
    problems: Object.freeze(found),
    securitySchemes,
    extensions: Object.fromEntries(Object.entries(root).filter(([name]) => name.startsWith('x-'))),
    operation: (head: OperationHead) => {
      const raw = byPointer.get(head.pointer);
      if (raw) return readOperation(context, raw);
      throw new McpOnceError('tool_invalid', `${source.name} has no operation at ${head.pointer}.`);
    },
    securityOf: ({ pointer }: OperationHead) =>
      securityOf([byPointer.get(pointer)?.operation.security, root.security], securitySchemes),
  });
}

async function readSource(options: ReadDocumentOptions): Promise<SourceText> {
  const { source } = options;
  const name = nameOf(source);
  try {
    if (source === '-') {
      const text = await readStream((options.stdin ?? process.stdin) as AsyncIterable<Uint8Array | string>, bytesMax);
      return { name, text, url: undefined };
    }
    const unsupported = unsupportedAddress(source);
    if (unsupported !== undefined) throw new TextUnread(unsupported);
    if (isWebUrl(source)) {
      const fetchText = options.fetchText ?? createFetchText(options.allowPrivate);
      return { name, ...(await fetchText(new URL(source), bytesMax)) };
    }
    const path = /^file:/i.test(source) ? fileURLToPath(source) : resolve(source);
    return { name, text: await readFileText(path, bytesMax), url: pathToFileURL(path).href };
  } catch (error) {
    if (error instanceof TextUnread) throw invalid(name, error.message, error);
    throw error;
  }
}

/** Why an address is none that can be read; undefined for a path, and for one that can. */
function unsupportedAddress(source: string): string | undefined {
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(source)?.[1]?.toLowerCase();
  if (scheme === undefined) return undefined;
  if (scheme === 'http' || scheme === 'https') return isWebUrl(source) ? undefined : 'its address is no valid URL';
  const isFile = scheme === 'file' && URL.canParse(source) && ['', 'localhost'].includes(new URL(source).host);
  if (isFile) return undefined;
  if (scheme === 'file') return 'its address names no file on this machine';
  return `the scheme "${scheme}" of its address is not supported: give a path, or a URL of http, https or file`;
}

function isWebUrl(source: string): boolean {
  return /^https?:\/\//i.test(source) && URL.canParse(source);
}

/** Neither a password nor a token in the query is shown. */
function nameOf(source: string): string {
  if (source === '-') return 'stdin';
  // An address that is none may hold a password all the same.
  if (!isWebUrl(source)) return source.replace(/^([a-z][a-z0-9+.-]+:\/\/)[^/]*@/i, '$1');
  const url = withoutCredentials(new URL(source));
  url.search = '';
  url.hash = '';
  return url.href;
}

async function parseSource({ name, text }: SourceText): Promise<unknown> {
  try {
    return await parseText(text);
  } catch (error) {
    if (!(error instanceof TextUnparsable)) throw error;
    const { line, column } = error;
    const where = line === undefined ? '' : ` (line ${line}, column ${column})`;
    throw invalid(name, `${error.message}${where}`, error);
  }
}

async function readExternalsOf(main: Resource, text: string, options: ReadDocumentOptions): Promise<Externals> {
  if (!externalReference.test(text)) return { resources: new Map(), refused: new Map(), problems: [] };
  const { refHosts, allowPrivate } = options;
  const isAllowed = ({ host, hostname }: URL) => refHosts.includes(host) || refHosts.includes(hostname);
  const fetchText = options.fetchText ?? createFetchText(allowPrivate, isAllowed);
  return readExternals(main, { refHosts, fetchText, bytesMax });
}

function invalid(name: string, reason: string, cause: unknown): McpOnceError {
  return new McpOnceError('configuration_invalid', sentence(`The API document ${name}: ${reason}`), { cause });
}
