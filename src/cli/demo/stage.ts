import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Environment } from '../../config/config.ts';
import { type ConnectedClient, connectClient } from './client.ts';

const main = fileURLToPath(new URL('../main.js', import.meta.url));

const effectsAnswer = z.object({ actions: z.record(z.string(), z.int()) });

/** A fault of the invoicing API, for its next requests to a path. */
export interface Fault {
  readonly fault: string;
  readonly match: { readonly method: string; readonly path: string; readonly count?: number };
  readonly [option: string]: unknown;
}

/**
 * The processes of the demo: one invoicing API, and as many servers on one ledger as a scene needs, each with a real MCP
 * client. The demo counts effects at the invoicing API.
 */
export class Stage {
  readonly #folder: string;
  readonly #environment: Record<string, string>;
  readonly #sandbox: ChildProcess;
  readonly #url: string;
  readonly #clients: ConnectedClient[] = [];

  private constructor(folder: string, environment: Record<string, string>, sandbox: ChildProcess, url: string) {
    this.#folder = folder;
    this.#environment = environment;
    this.#sandbox = sandbox;
    this.#url = url;
  }

  /** Starts the invoicing API. @throws when it does not start. */
  static async open(environment: Environment): Promise<Stage> {
    const folder = await mkdtemp(join(tmpdir(), 'mcp-once-demo-'));
    const env = environmentIn(folder, environment);
    const args = [main, 'sandbox', '--port', '0', '--data', join(folder, 'sandbox.sqlite'), '--faults'];
    const sandbox = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'ignore'] });
    const lines = createInterface({ input: sandbox.stdout });
    const [url] = (await Promise.race([
      once(lines, 'line'),
      once(sandbox, 'exit').then(() => Promise.reject(new Error('the invoicing API did not start'))),
    ])) as [string];
    // With a lease of 2 s instead of 10 s the scene with the kill takes less time.
    await writeFile(join(folder, 'guarded.json'), JSON.stringify({ lease: '2s' }));
    await writeFile(join(folder, 'unguarded.json'), JSON.stringify({ tools: { '*': { match: 'off' } } }));
    return new Stage(folder, env, sandbox, url);
  }

  /** Starts another server process on the same ledger. `unguarded` is the control: the guard is off. */
  async server(kind: 'guarded' | 'unguarded' = 'guarded'): Promise<ConnectedClient> {
    const client = await connectClient({
      command: process.execPath,
      args: [main, 'serve', '--config', join(this.#folder, `${kind}.json`)],
      env: {
        ...this.#environment,
        MCP_ONCE_STORE: `sqlite:${join(this.#folder, 'ledger.sqlite')}`,
        STRIPE_SECRET_KEY: 'sk_test_demo',
        STRIPE_API_BASE: this.#url,
      },
    });
    this.#clients.push(client);
    return client;
  }

  /** Counts the invoices that the invoicing API has made. */
  async invoices(): Promise<number> {
    const { actions } = effectsAnswer.parse(await this.#control('GET', 'effects'));
    return actions['invoice.created'] ?? 0;
  }

  /** Sets a fault at the invoicing API. */
  async fault(fault: Fault): Promise<void> {
    await this.#control('POST', 'faults', fault);
  }

  /** Resolves when a further request to a path has arrived at the invoicing API. */
  async arrival(path: string): Promise<() => Promise<void>> {
    const before = z.object({ requests: z.array(z.object({ seq: z.int() })) });
    const { requests } = before.parse(await this.#control('GET', 'effects'));
    const since = Math.max(0, ...requests.map(({ seq }) => seq));
    return async () =>
      void (await this.#control('GET', `await?path=${encodeURIComponent(path)}&since=${since}&count=1`));
  }

  /** Releases the requests that a fault holds back. */
  async release(): Promise<void> {
    await this.#control('POST', 'release', {});
  }

  /** Ends every process of the demo and removes their files. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#clients.map((client) => client.close()));
    const exited = once(this.#sandbox, 'exit');
    if (this.#sandbox.exitCode === null && this.#sandbox.kill('SIGTERM')) await exited;
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #control(method: string, path: string, body?: unknown): Promise<unknown> {
    const sent =
      body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    const response = await fetch(`${this.#url}/_sandbox/${path}`, { method, ...sent });
    if (!response.ok) throw new Error(`the invoicing API answered ${response.status} to ${method} ${path}`);
    return response.json();
  }
}

/** Returns an environment without the user's keys and configuration, with all data in the demo's folder. */
function environmentIn(folder: string, { PATH = '', SystemRoot }: Environment): Record<string, string> {
  return { PATH, HOME: folder, XDG_DATA_HOME: folder, ...(SystemRoot === undefined ? {} : { SystemRoot }) };
}
