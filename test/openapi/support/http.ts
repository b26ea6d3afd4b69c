import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Server as TcpServer } from 'node:net';
import { afterEach, expect } from 'vitest';
import type { SecurityScheme } from '../../../src/openapi/document/types.ts';
import { createAuthenticator } from '../../../src/openapi/http/authenticator.ts';
import { type SchemeVariables, schemeVariables } from '../../../src/openapi/http/credentials.ts';
import { ApiFailure, createSender, type SenderOptions } from '../../../src/openapi/http/send.ts';
import type { ApiSender, HttpRequest, SendOptions } from '../../../src/openapi/http/types.ts';

/** Returns the variables that are named after schemes. */
export function variablesOf(schemes: Readonly<Record<string, SecurityScheme>>, prefix?: string): SchemeVariables {
  return new Map(Object.entries(schemes).map(([name, scheme]) => [name, schemeVariables(name, scheme, prefix)]));
}

/** Functions that close a test's resources after it. */
export const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

type Handler = (request: Seen, response: ServerResponse, number: number) => unknown;

/** Starts a server on a free port that records its requests. */
export async function serve(handler: Handler): Promise<{ origin: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      seen.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
      void handler(seen.at(-1) as Seen, response, seen.length);
    });
  });
  return { origin: `http://127.0.0.1:${await listen(server)}`, seen };
}

/** Listens on a free local port until the test ends. */
export function listen(server: Server | TcpServer): Promise<number> {
  ends.push(
    () =>
      new Promise((resolve) => {
        server.close(resolve);
        if ('closeAllConnections' in server) server.closeAllConnections();
      }),
  );
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)));
}

interface Rig {
  readonly sender: ApiSender;
  readonly pauses: number[];
  readonly logs: string[];
}

/** Creates a sender that records its pauses instead of waiting. */
export function rig(
  origin: string,
  changes: Partial<SenderOptions> = {},
  schemes: Record<string, SecurityScheme> = {},
): Rig {
  const pauses: number[] = [];
  const logs: string[] = [];
  const log = (message: string) => void logs.push(message);
  const environment = {
    API_KEY: 'sesame-1234',
    LOGIN_USERNAME: 'ann',
    LOGIN_PASSWORD: 'pass-word-9',
    OAUTH_CLIENT_ID: 'id',
    OAUTH_CLIENT_SECRET: 'client-secret',
  };
  const sender = createSender({
    origin,
    allowPrivate: true,
    authenticator: createAuthenticator({ schemes, variables: variablesOf(schemes), environment, origin }),
    timeoutMs: 5_000,
    responseBytesMax: 1_000_000,
    log: { debug: log, info: log, warn: log },
    pause: async (ms) => void pauses.push(ms),
    ...changes,
  });
  ends.push(() => sender.close());
  return { sender, pauses, logs };
}

const signal = new AbortController().signal;
/** Options of a request that is sent once. */
export const once: SendOptions = { retryable: false, inUseStatuses: [], security: [], signal };
/** Options of a request that may be sent again. */
export const retryable: SendOptions = { ...once, retryable: true };

export function requestTo(origin: string, changes: Partial<HttpRequest> = {}): HttpRequest {
  return { method: 'POST', url: `${origin}/things`, headers: {}, body: '{"a":1}', ...changes };
}

export const get = (origin: string, where = '/things'): HttpRequest => ({
  method: 'GET',
  url: origin + where,
  headers: {},
});

export async function failureOf(work: Promise<unknown>): Promise<ApiFailure> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ApiFailure);
  return error as ApiFailure;
}
