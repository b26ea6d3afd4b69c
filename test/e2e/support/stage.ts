import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { eventually } from '../../support/event.ts';
import { program } from '../../support/program.ts';
import { makeTemporaryFolder } from '../../support/temporary.ts';
import { HttpProcess } from './http.ts';
import { SandboxProcess } from './sandbox.ts';
import { type Arguments, ServerProcess } from './server.ts';

const preload = new URL('../fixtures/preload.mjs', import.meta.url).href;
/** The folder of test tools, whose upstream is `FixtureUpstream`. */
export const fixtureTools = fileURLToPath(new URL('../fixtures/tools', import.meta.url));

/** The point where a server signals itself: a diagnostics channel and further conditions. */
export interface Strike {
  readonly at: string;
  readonly step?: string;
  /** A URL that answers when the condition holds. */
  readonly when?: string;
  /** Default SIGKILL. */
  readonly signal?: 'SIGKILL' | 'SIGSTOP';
}

export interface ServerOptions {
  /** False for the control: the same server with every tool's guard off. Default true. */
  readonly guarded?: boolean;
  /** Overrides the configuration of the stage. */
  readonly config?: Arguments;
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  readonly strike?: Strike;
  /** True for a server that drops root on SIGUSR2. */
  readonly mayBecomeNobody?: boolean;
}

export interface SharedOptions {
  /** Default `one`. Another name is another process. */
  readonly name?: 'one' | 'other' | 'third';
  /** Default true. */
  readonly guarded?: boolean;
  readonly config?: Arguments;
  readonly env?: Readonly<Record<string, string>>;
}

export interface StageOptions {
  /** The configuration file of each server. */
  readonly config?: Arguments;
  readonly args?: readonly string[];
}

export const testKey = 'sk_test_e2e';

/** The stage of one test file: a folder, a sandbox process, and servers on one ledger. */
export class Stage {
  readonly #options: StageOptions;
  readonly #shared = new Map<string, Promise<ServerProcess>>();
  readonly #sharedHttp = new Map<boolean, Promise<HttpProcess>>();
  readonly #servers: { kill(): Promise<unknown> }[] = [];
  #folder: ReturnType<typeof makeTemporaryFolder> | undefined;
  #sandbox: SandboxProcess | undefined;
  #configs = 0;

  constructor(options: StageOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    this.#folder = makeTemporaryFolder();
    this.#sandbox = await SandboxProcess.start(this.path('sandbox.sqlite'), this.environment());
  }

  get sandbox(): SandboxProcess {
    if (!this.#sandbox) throw new Error('the stage is not open');
    return this.#sandbox;
  }

  /** A path in the folder of this stage. */
  path(name: string): string {
    if (!this.#folder) throw new Error('the stage is not open');
    return join(this.#folder.path, name);
  }

  get ledgerFile(): string {
    return this.path('ledger.sqlite');
  }

  /** Returns an environment without this machine's keys and configuration. */
  environment(): Record<string, string> {
    const { PATH = '' } = process.env;
    return { PATH, HOME: this.path('.'), XDG_DATA_HOME: this.path('.') };
  }

  /** Starts one more server process on the ledger of this stage. */
  async server(options: ServerOptions = {}): Promise<ServerProcess> {
    const server = await this.#start(options);
    this.#servers.push(server);
    return server;
  }

  async #start(options: ServerOptions): Promise<ServerProcess> {
    return ServerProcess.start(await this.#commandLine(options), this.#serverEnvironment(options));
  }

  async #startShared(options: ServerOptions): Promise<ServerProcess> {
    return ServerProcess.startHere(await this.#commandLine(options), this.#serverEnvironment(options));
  }

  /**
   * Returns a server that lives until the end of the file: the same one for the same options. It is for tests whose
   * operations are their own, and which neither end the server nor need a new session.
   */
  shared({ name = 'one', guarded = true, config = {}, env = {} }: SharedOptions = {}): Promise<ServerProcess> {
    const key = JSON.stringify([name, guarded, config, env]);
    const server = this.#shared.get(key) ?? this.#startShared({ guarded, config, env });
    this.#shared.set(key, server);
    return server;
  }

  /** The same over HTTP, on a free port. */
  async http(options: ServerOptions = {}): Promise<HttpProcess> {
    const server = await this.#startHttp(options);
    this.#servers.push(server);
    return server;
  }

  /** The same over HTTP, for the tests of a file. */
  sharedHttp(guarded = true): Promise<HttpProcess> {
    const server = this.#sharedHttp.get(guarded) ?? this.#startHttp({ guarded }, HttpProcess.startHere);
    this.#sharedHttp.set(guarded, server);
    return server;
  }

  async #startHttp(options: ServerOptions, start = HttpProcess.start): Promise<HttpProcess> {
    const args = [...(await this.#commandLine(options)), '--http', '127.0.0.1:0'];
    return start(args, this.#serverEnvironment(options));
  }

  /** Returns the command line of a server over stdio, for a test's own client. */
  async command(
    options: ServerOptions = {},
  ): Promise<{ command: string; args: string[]; env: Record<string, string> }> {
    const args = await this.#commandLine(options);
    return { command: process.execPath, args, env: this.#serverEnvironment(options) };
  }

  async #commandLine(options: ServerOptions): Promise<string[]> {
    const { strike, mayBecomeNobody, args = [] } = options;
    const serve = [program, 'serve', '--config', await this.#configFile(options), ...(this.#options.args ?? [])];
    return [...(strike || mayBecomeNobody ? ['--import', preload] : []), ...serve, ...args];
  }

  #serverEnvironment({ strike, env = {} }: ServerOptions): Record<string, string> {
    return {
      ...this.environment(),
      MCP_ONCE_STORE: `sqlite:${this.ledgerFile}`,
      MCP_ONCE_LOG_LEVEL: 'warn',
      STRIPE_SECRET_KEY: testKey,
      STRIPE_API_BASE: this.sandbox.url,
      ...strikeEnvironment(strike),
      ...env,
    };
  }

  servers(count: number, options?: ServerOptions): Promise<ServerProcess[]> {
    return Promise.all(Array.from({ length: count }, () => this.server(options)));
  }

  /** Ends all servers that a test started and removes its faults. */
  async reset(): Promise<void> {
    await Promise.all(this.#servers.splice(0).map((server) => server.kill()));
    await this.sandbox.clearFaults();
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.splice(0).map((server) => server.kill()));
    const shared = await Promise.allSettled([...this.#shared.values(), ...this.#sharedHttp.values()]);
    await Promise.all(shared.map((start) => (start.status === 'fulfilled' ? start.value.kill() : undefined)));
    await this.#sandbox?.end();
    this.#folder?.remove();
  }

  async #configFile({ guarded = true, config = {} }: ServerOptions): Promise<string> {
    this.#configs += 1;
    const file = this.path(`config-${this.#configs}.json`);
    const off = { hostKeys: false, tools: { '*': { class: 'off' } } };
    await writeFile(file, JSON.stringify({ ...this.#options.config, ...config, ...(guarded ? {} : off) }));
    return file;
  }
}

function strikeEnvironment(strike: Strike | undefined): Record<string, string> {
  if (!strike) return {};
  const { at, step, when, signal } = strike;
  return {
    E2E_AT: at,
    ...(step === undefined ? {} : { E2E_STEP: step }),
    ...(when === undefined ? {} : { E2E_WHEN: when }),
    ...(signal === undefined ? {} : { E2E_SIGNAL: signal }),
  };
}

/** Opens a stage for the tests of one file and ends a test's servers before the next test. */
export function useStage(options: StageOptions = {}): Stage {
  const stage = new Stage(options);
  beforeAll(() => stage.open());
  afterEach(() => stage.reset());
  afterAll(() => stage.close());
  return stage;
}

let made = 0;

/** Returns a name that no other test uses. */
export function unique(what: string): string {
  made += 1;
  return `${what} ${made}`;
}

/** Returns arguments of an invoice with a unique amount. */
export function invoiceFor(customer: string, memo: string): Arguments {
  made += 1;
  return {
    customer: { id: customer },
    currency: 'usd',
    lines: [{ description: 'Analytical engine, one hour', unit_amount: 10_000 + made, quantity: 2 }],
    due_days: 14,
    memo,
    action: 'draft',
  };
}

/** Returns arguments of a payment with a unique amount. */
export function paymentOf(description: string): Arguments {
  made += 1;
  return { amount: 10_000 + made, currency: 'usd', payment_method: 'pm_card_visa', description };
}

/** Polls until a condition holds, for at most 20 s. */
export function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  return eventually(async () => expect(await holds()).toBe(true));
}
