import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Environment } from '../../config/config.ts';
import { type DemoClient, startClient } from './client.ts';

const main = fileURLToPath(new URL('../main.js', import.meta.url));

const effectsAnswer = z.object({ actions: z.record(z.string(), z.int()) });
const holdAnswer = z.object({ id: z.string() });
const faultsAnswer = z.object({ faults: z.array(z.object({ id: z.string(), held: z.int() })) });

/** A fault of the invoicing API, for its next requests to a path. */
export interface Fault {
  readonly fault: string;
  readonly match: { readonly method: string; readonly path: string; readonly count?: number };
  readonly [option: string]: unknown;
}

const configs = {
  // A server that a busy machine suspends for a while must not lose its operation to another one.
  guarded: { lease: '30s' },
  // The scene with the kill waits for this lease.
  'short lease': { lease: '2s' },
  // The control.
  unguarded: { tools: { '*': { class: 'off' } } },
};

/**
 * The processes of the demo: one invoicing API, and as many servers on one ledger as a scene needs, each with a real MCP
 * client. The demo counts effects at the invoicing API.
 */
export class Stage {
  readonly #folder = mkdtempSync(join(tmpdir(), 'mcp-once-demo-'));
  readonly #environment: Record<string, string>;
  readonly #clients: DemoClient[] = [];
  readonly #closing = new AbortController();
  #sandbox: ChildProcess | undefined;
  #url = '';

  constructor(environment: Environment) {
    this.#environment = environmentIn(this.#folder, environment);
  }

  get isClosing(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Starts the invoicing API. @throws when it does not start. */
  async open(): Promise<void> {
    for (const [name, config] of Object.entries(configs)) {
      writeFileSync(this.#configFile(name), JSON.stringify(config));
    }
    const args = [main, 'sandbox', '--port', '0', '--data', join(this.#folder, 'sandbox.sqlite'), '--faults'];
    const sandbox = spawn(process.execPath, args, { env: this.#environment, stdio: ['ignore', 'pipe', 'ignore'] });
    this.#sandbox = sandbox;
    const lines = createInterface({ input: sandbox.stdout });
    const [url] = (await Promise.race([
      once(lines, 'line'),
      once(sandbox, 'exit').then(() => Promise.reject(new Error('the invoicing API did not start'))),
    ])) as [string];
    this.#url = url;
  }

  /** Starts another server process on the same ledger. */
  async server(kind: keyof typeof configs = 'guarded'): Promise<DemoClient> {
    this.#closing.signal.throwIfAborted();
    const client = startClient({
      command: process.execPath,
      args: [main, 'serve', '--config', this.#configFile(kind)],
      env: {
        ...this.#environment,
        MCP_ONCE_STORE: `sqlite:${join(this.#folder, 'ledger.sqlite')}`,
        STRIPE_SECRET_KEY: 'sk_test_demo',
        STRIPE_API_BASE: this.#url,
      },
    });
    this.#clients.push(client);
    await client.connected;
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

  /**
   * Lets the invoicing API withhold its answer to the next such request, after the effect.
   * @returns a function that resolves when the API withholds it
   */
  async hold(match: Fault['match']): Promise<() => Promise<void>> {
    const { id } = holdAnswer.parse(
      await this.#control('POST', 'faults', { fault: 'hang', when: 'after_effect', match }),
    );
    const isHeld = async (): Promise<boolean> => {
      const { faults } = faultsAnswer.parse(await this.#control('GET', 'faults'));
      return faults.some((fault) => fault.id === id && fault.held > 0);
    };
    return async () => {
      try {
        while (!(await isHeld())) await setTimeout(20, undefined, { signal: this.#closing.signal });
      } catch (error) {
        if (!this.isClosing) throw error;
      }
    };
  }

  /** Releases the answers that the invoicing API withholds. */
  async release(): Promise<void> {
    await this.#control('POST', 'release', {});
  }

  /** Ends every process of the demo and removes their files. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#clients.map((client) => client.end()));
    const sandbox = this.#sandbox;
    if (sandbox !== undefined && sandbox.exitCode === null && sandbox.signalCode === null) {
      const exited = once(sandbox, 'exit');
      sandbox.kill('SIGKILL');
      await exited;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #configFile(name: string): string {
    return join(this.#folder, `${name}.json`);
  }

  async #control(method: string, path: string, body?: unknown): Promise<unknown> {
    const sent =
      body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    const response = await fetch(`${this.#url}/_sandbox/${path}`, {
      method,
      signal: this.#closing.signal,
      ...sent,
    });
    if (!response.ok) throw new Error(`the invoicing API answered ${response.status} to ${method} ${path}`);
    return response.json();
  }
}

/** Returns an environment without the user's keys and configuration, with all data in the demo's folder. */
function environmentIn(folder: string, { PATH = '', SystemRoot }: Environment): Record<string, string> {
  return { PATH, HOME: folder, XDG_DATA_HOME: folder, ...(SystemRoot === undefined ? {} : { SystemRoot }) };
}
