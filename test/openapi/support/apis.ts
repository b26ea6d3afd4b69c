import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { sections } from '../../../src/app.ts';
import { loadConfig } from '../../../src/config/config.ts';
import type { SecurityScheme } from '../../../src/openapi/document/types.ts';
import { openapi } from '../../../src/openapi/feature.ts';
import { testEngine } from '../../support/engine.ts';
import { temporaryFolder } from '../../support/temporary.ts';

type Members = Readonly<Record<string, unknown>>;

/** A request that an API received. */
interface ApiRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
}

/** A real HTTP server that records its requests and also serves documents. */
export interface TestApi {
  readonly url: string;
  /** The requests, without those for documents. */
  readonly seen: ApiRequest[];
  /** Serves a document. Returns its URL. */
  publish(document: unknown): string;
}

/** Starts an API on a free port and stops it after the test. @param answer answers requests. Default: 200 with `{}` */
export async function startApi(answer?: (request: ApiRequest, response: ServerResponse) => unknown): Promise<TestApi> {
  const seen: ApiRequest[] = [];
  const documents = new Map<string, string>();
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    request.resume();
    const document = documents.get(url);
    if (document !== undefined) return void response.end(document);
    seen.push({ method, url, headers });
    if (answer) return void answer({ method, url, headers }, response);
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const publish = (document: unknown): string => {
    const path = `/documents/${documents.size}.json`;
    documents.set(path, JSON.stringify(document));
    return url + path;
  };
  return { url, seen, publish };
}

/** Writes a reference to a variable, as the configuration file has it. */
export function ref(variable: string): string {
  return `$\{${variable}}`;
}

const declared: Readonly<Record<SecurityScheme['type'], Members>> = {
  bearer: { type: 'http', scheme: 'bearer' },
  basic: { type: 'http', scheme: 'basic' },
  apiKey: { type: 'apiKey', in: 'header', name: 'x-key' },
  oauth2: { type: 'oauth2' },
  unsupported: { type: 'mutualTLS' },
};

/** Returns the declaration of an OAuth 2 scheme with client credentials. */
export function clientCredentials(tokenUrl: string): Members {
  return { ...declared.oauth2, flows: { clientCredentials: { tokenUrl, scopes: {} } } };
}

/**
 * Returns a document with one read (`GET /things`, `list_things`) whose alternatives are the schemes.
 * @param schemes the schemes' declarations by name, or their types
 * @param more further paths, and other members of the document
 */
export function documentAt(
  url: string,
  schemes: Readonly<Record<string, SecurityScheme['type'] | Members>> = {},
  more: { readonly paths?: Members } & Members = {},
): Members {
  const securitySchemes = Object.fromEntries(
    Object.entries(schemes).map(([name, each]) => [name, typeof each === 'string' ? declared[each] : each]),
  );
  const read = { operationId: 'listThings', responses: { 200: { description: 'ok' } } };
  return {
    openapi: '3.1.0',
    info: { title: 'Things', version: '1' },
    servers: [{ url }],
    security: Object.keys(schemes).map((name) => ({ [name]: [] })),
    components: { securitySchemes },
    ...more,
    paths: { '/things': { get: read }, ...more.paths },
  };
}

/** Writes a document or another text into a new folder. Returns its path. */
export function fileIn(folder: string, name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify(content));
  return path;
}

/** Writes a document to a new file. Returns its path. */
export function documentFile(document: unknown): string {
  return fileIn(temporaryFolder(), 'api.json', document);
}

/** Loads the tools of a configuration file with these `openapi` entries, and creates an engine that serves them. */
export async function serveEntries(entries: readonly Members[], environment: Readonly<Record<string, string>> = {}) {
  const file = fileIn(temporaryFolder(), 'mcp-once.json', { openapi: entries });
  const config = await loadConfig({ environment: {}, overrides: { config: file }, sections });
  const warnings: string[] = [];
  const loaded = await openapi.tools?.(config, (message) => warnings.push(message));
  const tools = [...(loaded?.listed ?? []), ...(loaded?.hidden ?? [])];
  const engine = testEngine({ tools, environment });
  onTestFinished(() => engine.engine.clients.close());
  return { ...engine, tools, warnings };
}
