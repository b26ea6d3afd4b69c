import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { McpOnceError } from '../../core/errors.ts';
import { defined, objectOf } from '../../core/json.ts';
import { sentence } from '../../core/suggest.ts';
import { collectOperations, extensionsOf } from './collect-operations.ts';
import { DocumentFault } from './document-fault.ts';
import { documentText } from './document-text.ts';
import { type ExternalDocuments, loadExternalDocuments } from './external-documents.ts';
import { readOperation } from './operation.ts';
import { factsOf } from './operation-facts.ts';
import { parseText, TextUnparsable } from './parse-text.ts';
import {
  createFetchText,
  type FetchText,
  readFileText,
  readStream,
  TextUnread,
  withoutCredentials,
} from './read-text.ts';
import { createReferences, createResource, type Resource } from './references.ts';
import { SchemaStore } from './schema-store.ts';
import { readSecuritySchemes, securityOf, undeclaredSchemes } from './security.ts';
import { serverProblems, serversOf } from './servers.ts';
import { toOpenApi3 } from './to-openapi3.ts';
import type { ApiDocument, DocumentProblem, ListedOperation } from './types.ts';

/** A document to read and limits on what it may refer to. */
export interface ReadDocumentOptions {
  /**
   * A path, a file URL, an http or https URL, or `-` for stdin. User name and password in a URL are sent to its origin only.
   *
   * @example 'https://api.example.com/openapi.json'
   */
  readonly source: string;
  /** Hosts that external references may point to. `file` allows files in the folder of a document that is a file. */
  readonly refHosts: readonly string[];
  /** The URL of the API, against which relative servers of a document without a URL are resolved. */
  readonly baseUrl?: string;
  /** Values of server variables, by name. */
  readonly serverVariables?: Readonly<Record<string, string>>;
  /** Whether a redirect may lead from the document's host to a private address. */
  readonly allowPrivate: boolean;
  /** Downloads from the network. @defaultValue `fetch` within 30 s and five redirects */
  readonly fetchText?: FetchText;
  /** Where `-` reads from. @defaultValue `process.stdin` */
  readonly stdin?: NodeJS.ReadableStream;
}

/** Limit on the bytes of a document, and again on those of all external documents together. */
const bytesMax = 64 * 1024 * 1024;
/** Detects an external reference in the text. Walking the parsed value would cost ten times as much. */
const externalReference = /\$ref["']?\s*:\s*["']?[^#"'\s]/;

interface SourceText {
  /** Names the document in messages. */
  readonly name: string;
  readonly text: string;
  /** The base of relative URLs. */
  readonly url: string | undefined;
}

/**
 * Reads an API document: OpenAPI 3.0 to 3.2 or Swagger 2.0, JSON or YAML, at most 64 MiB. Operations are only listed;
 * `resolve()` resolves a single one. Parts that cannot be served are in `problems`.
 * @throws McpOnceError `configuration_invalid` if nothing of the document can be served.
 */
export async function readDocument(options: ReadDocumentOptions): Promise<ApiDocument> {
  const source = await readSource(options);
  const value = await parseSource(source);
  const documentUrl = source.url?.startsWith('http') ? source.url : undefined;
  const upgraded = await toOpenApi3(value, documentUrl?.split(':', 1)[0]).catch((error: unknown) => {
    throw error instanceof DocumentFault ? invalid(source.name, error.message, error) : error;
  });
  const { root } = upgraded;
  const main = await createResource(root, source.url);
  const external = await loadExternals(main, source.text, options);
  const references = createReferences(main, external.loaded, external.refused);
  const { schemes: securitySchemes, problems: schemeProblems } = readSecuritySchemes(references, documentUrl);
  const { operations, problems: operationProblems } = collectOperations(references);
  const serverContext = { documentUrl, ...defined({ baseUrl: options.baseUrl, variables: options.serverVariables }) };
  const requirements = [root.security, ...operations.map(({ operation }) => operation.security)];
  const problems: DocumentProblem[] = [
    ...upgraded.problems,
    ...external.problems,
    ...serverProblems(root, serverContext),
    ...schemeProblems,
    ...operationProblems,
    ...undeclaredSchemes(requirements, securitySchemes),
  ];
  const byPointer = new Map(operations.map((operation) => [operation.listed.pointer, operation]));
  const store = new SchemaStore(references, upgraded.ignoresRefSiblings);
  const context = { references, store, securitySchemes, serverContext, parametersRead: new WeakMap() };
  const info = objectOf(root.info);
  return Object.freeze({
    source: source.name,
    provenance: provenanceOf(documentUrl, [...external.loaded.keys()]),
    title: documentText(info.title) ?? 'API',
    version: String(info.version ?? ''),
    listedOperations: Object.freeze(operations.map(({ listed }) => listed)),
    problems: Object.freeze(problems),
    ownServers: serversOf([root.servers], serverContext),
    securitySchemes,
    extensions: extensionsOf(root),
    resolve: (listed: ListedOperation) => {
      const raw = byPointer.get(listed.pointer);
      if (raw) return readOperation(context, raw);
      throw new McpOnceError('tool_invalid', `${source.name} has no operation at ${listed.pointer}.`);
    },
    factsOf: ({ pointer }: ListedOperation) => factsOf(references, byPointer.get(pointer)),
    securityOf: ({ pointer }: ListedOperation) =>
      securityOf([byPointer.get(pointer)?.operation.security, root.security], securitySchemes),
    serversOf: ({ pointer }: ListedOperation) => {
      const raw = byPointer.get(pointer);
      return serversOf([raw?.operation.servers, raw?.pathItem.servers, root.servers], serverContext);
    },
  });
}

/** @param documentUrl undefined for a document that did not come over HTTP */
function provenanceOf(documentUrl: string | undefined, others: readonly string[]): ApiDocument['provenance'] {
  if (documentUrl !== undefined) return 'network';
  return others.some((url) => /^https?:/i.test(url)) ? 'mixed' : 'local';
}

async function readSource(options: ReadDocumentOptions): Promise<SourceText> {
  const { source } = options;
  const name = nameOf(source);
  try {
    if (source === '-') {
      const text = await readStream((options.stdin ?? process.stdin) as AsyncIterable<Uint8Array | string>, bytesMax);
      return { name, text, url: undefined };
    }
    const unsupported = unsupportedUrl(source);
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

/** Returns why a URL cannot be read, or undefined for a readable URL or a path. */
function unsupportedUrl(source: string): string | undefined {
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(source)?.[1]?.toLowerCase();
  if (scheme === undefined) return undefined;
  if (scheme === 'http' || scheme === 'https') return isWebUrl(source) ? undefined : 'its URL is not valid';
  const isFile = scheme === 'file' && URL.canParse(source) && ['', 'localhost'].includes(new URL(source).host);
  if (isFile) return undefined;
  if (scheme === 'file') return 'its URL does not name a file on this machine';
  return `the scheme "${scheme}" is not supported: give a path, or an http, https or file URL`;
}

function isWebUrl(source: string): boolean {
  return /^https?:\/\//i.test(source) && URL.canParse(source);
}

/** Names a source without passwords and without the query, which may hold a token. */
function nameOf(source: string): string {
  if (source === '-') return 'stdin';
  // A malformed URL may contain a password, too.
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

async function loadExternals(main: Resource, text: string, options: ReadDocumentOptions): Promise<ExternalDocuments> {
  if (!externalReference.test(text)) return { loaded: new Map(), refused: new Map(), problems: [] };
  const { refHosts, allowPrivate } = options;
  const isAllowed = ({ host, hostname }: URL) => refHosts.includes(host) || refHosts.includes(hostname);
  const fetchText = options.fetchText ?? createFetchText(allowPrivate, isAllowed);
  return loadExternalDocuments(main, { refHosts, fetchText, bytesMax });
}

function invalid(name: string, reason: string, cause: unknown): McpOnceError {
  return new McpOnceError('configuration_invalid', sentence(`Cannot read the API document ${name}: ${reason}`), {
    cause,
  });
}
