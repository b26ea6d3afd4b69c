import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Stripe from 'stripe';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../sandbox/start.ts';

/** The response of `GET /_sandbox/effects`. */
export interface Effects {
  readonly counts: Readonly<Record<string, number>>;
  readonly actions: Readonly<Record<string, number>>;
  readonly effects: readonly { action: string; object: string; idempotency_key: string | null }[];
  readonly requests: readonly {
    method: string;
    path: string;
    idempotency_key: string | null;
    outcome: string;
    status: number | null;
    replayed: boolean;
    fault: string | null;
  }[];
}

/** Opens a sandbox on a new data file in a temporary folder. More sandboxes can be opened on that file. */
export async function openStage() {
  const folder = await mkdtemp(join(tmpdir(), 'sandbox-'));
  const dataFile = join(folder, 'data.sqlite');
  const opened: Sandbox[] = [];
  const open = async (options: Partial<SandboxOptions> = {}): Promise<Sandbox> => {
    const one = await startSandbox({ dataFile, faults: true, ...options });
    opened.push(one);
    return one;
  };
  const sandbox = await open();
  return {
    folder,
    dataFile,
    sandbox,
    stripe: sdkFor(sandbox),
    open,
    async close(): Promise<void> {
      await Promise.all(opened.map((one) => one.close()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export type Stage = Awaited<ReturnType<typeof openStage>>;

/** Returns the official SDK for a sandbox. It retries only after a closed connection. */
export function sdkFor(one: { readonly port: number }, key = 'sk_test_sandbox'): Stripe {
  return new Stripe(key, {
    host: '127.0.0.1',
    port: one.port,
    protocol: 'http',
    maxNetworkRetries: 0,
    telemetry: false,
  });
}

/** Calls an endpoint of `/_sandbox`. @throws Error with the status of a refusal. */
export async function control(
  one: { readonly url: string },
  method: string,
  path: string,
  body?: object,
): Promise<unknown> {
  const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
  const response = await fetch(`${one.url}/_sandbox/${path}`, init);
  const answer = await response.json();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
  return answer;
}

export async function effectsOf(one: { readonly url: string }): Promise<Effects> {
  return (await control(one, 'GET', 'effects')) as Effects;
}

/** Sends a request without the SDK, for headers and raw or wrong bodies. */
export function send(
  one: { readonly url: string },
  method: string,
  path: string,
  body?: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const form = body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' };
  const all = { authorization: 'Bearer sk_test_sandbox', ...form, ...headers };
  return fetch(`${one.url}${path}`, { method, headers: all, ...(body === undefined ? {} : { body }) });
}

/** Returns the reason of a rejected promise. @throws Error when it is fulfilled. */
export async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  throw new Error('It succeeded, but should have failed.');
}
