import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import { describeError, McpOnceError } from '../src/core/errors.ts';
import { handleApi } from './api.ts';
import { ApiError } from './api-error.ts';
import { handleControl } from './control.ts';
import { openDatabase } from './database.ts';
import { Faults, faultRule } from './faults.ts';
import { jsonReply, type Reply, receive, sendReply } from './http.ts';
import { Idempotency } from './idempotency.ts';
import { Journal } from './journal.ts';
import { limits, type Sandbox, type SandboxOptions } from './options.ts';
import { clockMs, type Parts } from './parts.ts';

const host = '127.0.0.1';

const optionsSchema = z.strictObject({
  port: z.number().int().min(0).max(65_535).default(0),
  dataFile: z.string().min(1),
  now: z.custom<() => number>((value) => typeof value === 'function').optional(),
  faults: z.union([z.boolean(), z.array(faultRule).max(limits.faultRulesMax)]).default(false),
  log: z.custom<(line: string) => void>((value) => typeof value === 'function').optional(),
});

/** Opens the data file, listens on loopback, and answers until closed. */
export async function openSandbox(given: SandboxOptions): Promise<Sandbox> {
  const parsed = optionsSchema.safeParse(given);
  if (!parsed.success) {
    throw new McpOnceError(
      'configuration_invalid',
      `The sandbox's options are wrong: ${z.prettifyError(parsed.error)}`,
    );
  }
  const options = parsed.data;
  const db = await openDatabase(options.dataFile);
  const now = options.now ?? Date.now;
  const closing = new AbortController();
  const inProgress = new Set<Promise<void>>();
  const server = createServer();
  let port: number;
  try {
    port = await listen(server, options.port);
  } catch (error) {
    db.close();
    throw new McpOnceError(
      'upstream_unavailable',
      `The sandbox cannot listen on port ${options.port}: ${describeError(error)}. Give another port, or 0 for a free one.`,
      { cause: error },
    );
  }
  const parts: Parts = {
    db,
    journal: new Journal(db),
    idempotency: new Idempotency(db, () => clockMs({ db, now })),
    faults: new Faults(Array.isArray(options.faults) ? options.faults : []),
    mayMisbehave: options.faults !== false,
    origin: `http://${host}:${port}`,
    now,
    log: options.log ?? (() => {}),
    closing: closing.signal,
  };
  server.on('request', (request, response) => {
    const done = serve(parts, request, response).finally(() => inProgress.delete(done));
    inProgress.add(done);
  });
  let closed: Promise<void> | undefined;
  return {
    url: parts.origin,
    port,
    close() {
      closed ??= (async () => {
        const ended = new Promise<void>((resolve) => server.close(() => resolve()));
        closing.abort();
        parts.faults.close();
        // Whoever is still sending a body is cut off; what executes is over in a moment.
        server.closeAllConnections();
        await Promise.all(inProgress);
        await ended;
        db.close();
      })();
      return closed;
    },
  };
}

/** One request, from its first byte to the last one of its answer. Never rejects. */
async function serve(parts: Parts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  // A client that leaves takes nothing with it: the request runs to its end, as at Stripe.
  response.on('error', () => {});
  try {
    const received = await receive(request);
    const isControl = received.path.startsWith('/_sandbox/');
    sendReply(response, isControl ? await handleControl(parts, received) : await handleApi(parts, received));
  } catch (error) {
    if (error instanceof ApiError) response.shouldKeepAlive = false;
    else if (!request.destroyed) parts.log(`error: ${describeError(error)}`);
    sendReply(response, replyTo(error));
  }
}

function replyTo(error: unknown): Reply {
  if (error instanceof ApiError) return jsonReply(error.answer.status, error.answer.body);
  return jsonReply(500, { error: { type: 'api_error', message: 'The sandbox itself failed; its log says how.' } });
}

function listen(server: Server, port: number): Promise<number> {
  server.maxConnections = limits.connectionsMax;
  server.maxHeadersCount = 100;
  server.requestTimeout = 30_000;
  // Longer than clients keep an idle connection: one that we close under their hands looks like a lost answer.
  server.keepAliveTimeout = 120_000;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
