import { mkdir } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import { z } from 'zod';
import { describeError, McpOnceError } from '../src/core/errors.ts';
import { handleApi } from './api.ts';
import { ApiError } from './api-error.ts';
import { handleControl } from './control.ts';
import { openDatabase } from './database.ts';
import { Faults, faultRule } from './faults.ts';
import { jsonResponse, receive, type SandboxResponse, sendResponse } from './http.ts';
import { Idempotency } from './idempotency.ts';
import { Journal } from './journal.ts';
import { limits } from './limits.ts';
import type { SandboxOptions } from './options.ts';
import { clockMs, type Parts } from './parts.ts';

const optionsSchema = z.strictObject({
  port: z.number().int().min(0).max(65_535).optional(),
  dataFile: z.string().min(1),
  createFolder: z.boolean().optional(),
  now: z.custom<() => number>((value) => typeof value === 'function').optional(),
  faults: z.union([z.boolean(), z.array(faultRule).max(limits.faultRulesMax)]).optional(),
  log: z.custom<(line: string) => void>((value) => typeof value === 'function').optional(),
});

/** @throws McpOnceError `configuration_invalid` for an option out of bounds. */
export function checkOptions(given: SandboxOptions): void {
  const { error } = optionsSchema.safeParse(given);
  if (error === undefined) return;
  throw new McpOnceError('configuration_invalid', `The sandbox's options are wrong: ${z.prettifyError(error)}`);
}

/** The API with an open data file. */
export interface OpenSandbox {
  /** Answers one request. Never rejects. */
  serve(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Ends held requests without their effect. */
  cutOff(): void;
  /** Closes the data file when every request has ended. */
  close(): Promise<void>;
}

/**
 * Opens the data file.
 * @param origin where the API listens, for the links that it hands out
 * @throws McpOnceError `upstream_unavailable`
 */
export async function openSandbox(options: Omit<SandboxOptions, 'port'>, origin: string): Promise<OpenSandbox> {
  const { dataFile, createFolder, faults = false, now = Date.now, log = () => {} } = options;
  if (createFolder) await mkdir(dirname(dataFile), { recursive: true, mode: 0o700 });
  const db = await openDatabase(dataFile);
  const closing = new AbortController();
  const inProgress = new Set<Promise<void>>();
  const parts: Parts = {
    db,
    journal: new Journal(db),
    idempotency: new Idempotency(db, () => clockMs({ db, now })),
    faults: new Faults(Array.isArray(faults) ? faults : []),
    mayMisbehave: faults !== false,
    origin,
    now,
    log,
    closing: closing.signal,
  };
  return {
    serve(request, response) {
      const done = serve(parts, request, response).finally(() => inProgress.delete(done));
      inProgress.add(done);
      return done;
    },
    cutOff() {
      closing.abort();
      parts.faults.close();
    },
    async close() {
      await Promise.all(inProgress);
      db.close();
    },
  };
}

/** Answers one request. Never rejects. */
async function serve(parts: Parts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  // A request is finished even if its client disconnects, as at Stripe.
  response.on('error', () => {});
  try {
    const received = await receive(request);
    const isControl = received.path.startsWith('/_sandbox/');
    sendResponse(response, isControl ? await handleControl(parts, received) : await handleApi(parts, received));
  } catch (error) {
    if (error instanceof ApiError) response.shouldKeepAlive = false;
    else if (!request.destroyed) parts.log(`error: ${describeError(error)}`);
    sendResponse(response, responseTo(error));
  }
}

function responseTo(error: unknown): SandboxResponse {
  if (error instanceof ApiError) return jsonResponse(error.answer.status, error.answer.body);
  return jsonResponse(500, {
    error: { type: 'api_error', message: 'The sandbox itself failed; its log has the reason.' },
  });
}
