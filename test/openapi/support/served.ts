import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { loadOpenApi } from '../../../src/openapi/load.ts';
import type { OpenApiSource } from '../../../src/openapi/source.ts';
import { testEngine } from '../../support/engine.ts';
import { afterMore } from '../../support/passing-clock.ts';
import { fileOf, sourceOf } from '../tools/harness.ts';

/** A request that arrived at the API. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

type Answer = (request: Seen) => unknown;

/** Starts an API that answers JSON, and keeps its requests. */
export async function startApi(answer: Answer = () => ({ ok: true })) {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = '', url = '', headers } = request;
    const arrived = { method, url, headers, body: Buffer.concat(chunks).toString('utf8') };
    seen.push(arrived);
    const value = answer(arrived);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(value));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** Serves a document's operations through an engine without a session: repeats come from other sessions. */
export async function serveFile(file: string, settings: Partial<OpenApiSource> = {}) {
  const warnings: string[] = [];
  const loaded = await loadOpenApi(sourceOf(file, settings), { warn: (message) => warnings.push(message) });
  const tools = [...loaded.listed, ...loaded.hidden];
  let aheadMs = 0;
  const clock = afterMore(() => aheadMs);
  const engine = testEngine({ tools, clock });
  /** Advances the wall clock. */
  const pass = (ms: number): void => {
    aheadMs += ms;
  };
  onTestFinished(() => engine.engine.clients.close());
  const toolOf = (name: string) => {
    const found = tools.find((tool) => tool.name === name);
    if (!found) throw new Error(`there is no tool ${name}: ${tools.map((tool) => tool.name).join(', ')}`);
    return found;
  };
  return { ...engine, tools, toolOf, warnings, pass };
}

/** Serves a document with these members. */
export function serveDocument(document: Readonly<Record<string, unknown>>, settings: Partial<OpenApiSource> = {}) {
  const whole = { openapi: '3.1.0', info: { title: 'Test', version: '1' }, ...document };
  return serveFile(fileOf(whole), settings);
}

export const pathParameter = (name: string) => ({ name, in: 'path', required: true, schema: { type: 'string' } });

/** The member `requestBody` of a JSON body with these string properties, all required. */
export function jsonBody(...names: readonly string[]) {
  const properties = Object.fromEntries(names.map((name) => [name, { type: 'string' }]));
  const schema = { type: 'object', properties, required: names };
  return { requestBody: { required: true, content: { 'application/json': { schema } } } };
}
