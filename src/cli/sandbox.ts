import { dirname, join, resolve } from 'node:path';
import { type Cli, exitCodes } from '../command/cli.ts';
import type { App } from '../command/program.ts';
import type { Config, Environment } from '../config/config.ts';
import { defaultStoreUrl } from '../core/ledger/stores/open.ts';
import type { Log } from '../core/observe/log.ts';
import type { Upstream } from '../core/tool/types.ts';

export interface SandboxCommandOptions {
  readonly port: number;
  readonly data?: string;
  readonly faults: boolean;
}

/** Runs the local invoicing API until a signal comes. Prints its URL as the only line on stdout. */
export async function runSandbox(cli: Cli, options: SandboxCommandOptions): Promise<number> {
  const { port, data, faults } = options;
  const stopped = new Promise<void>((done) => {
    const signals = cli.host?.signals ?? process;
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) signals.once(signal, () => done());
  });
  const isDefault = data === undefined;
  const dataFile = isDefault ? defaultDataFile(cli.environment) : data === ':memory:' ? data : resolve(data);
  const { startSandbox } = await import('../../sandbox/start.ts');
  const sandbox = await startSandbox({ port, dataFile, createFolder: isDefault, faults });
  cli.print(sandbox.url);
  cli.tell(
    `mcp-once: the local invoicing API listens at ${sandbox.url} and keeps its data in ${dataFile}. Nothing real is billed. Press Ctrl-C to end it.`,
  );
  await stopped;
  await sandbox.close();
  return exitCodes.ok;
}

/** The variables for the clients of a server, with the local invoicing API if they point to it. */
export interface ClientVariables {
  readonly environment: Environment;
  /** Returns a line for the model if one of these upstreams is the local invoicing API. */
  note(upstreams: readonly Upstream[]): string | undefined;
  /** Closes the local invoicing API. */
  close(): Promise<void>;
}

/**
 * Starts the local invoicing API if no Stripe key is set, and returns the variables that lead the clients to it.
 * The first request loads its modules and opens its database.
 */
export async function openClientVariables(
  environment: Environment,
  config: Config,
  log: Log,
): Promise<ClientVariables> {
  if (!usesLocalApi(environment, config)) {
    return { environment, note: () => undefined, close: async () => {} };
  }
  const { startSandboxOnDemand } = await import('../../sandbox/start.ts');
  const dataFile = defaultDataFile(environment);
  const sandbox = await startSandboxOnDemand({
    dataFile,
    createFolder: true,
    log: (line) => log.debug(line),
    onOpen: (url) => log.info('the local invoicing API is open: nothing real is billed', { url }),
  });
  return {
    environment: await localVariables(environment, dataFile, sandbox.url),
    note: (upstreams) => (upstreams.some(isLocalApi) ? instruction : undefined),
    close: sandbox.close,
  };
}

/** Returns the same variables except for the port, and starts nothing. */
export async function shownClientVariables(environment: Environment, config: Config): Promise<Environment> {
  if (!usesLocalApi(environment, config)) return environment;
  return localVariables(environment, defaultDataFile(environment), 'http://127.0.0.1');
}

/** Tells the operator that nothing real is billed, unless that was already so `before`. */
export function tellOfSandbox(cli: Cli, { upstreams }: Pick<App, 'upstreams'>, before: readonly Upstream[] = []): void {
  if (cli.environment.STRIPE_SECRET_KEY || !upstreams.some(isLocalApi) || before.some(isLocalApi)) return;
  cli.tell('mcp-once: no STRIPE_SECRET_KEY is set: the built-in sandbox is used, and nothing real is billed.');
}

const instruction =
  'SANDBOX: no STRIPE_SECRET_KEY is set, so invoices and payments go to a local sandbox. Nothing real is billed and nobody is charged; tell the user so.';

function usesLocalApi(environment: Environment, { sandbox, bundledTools }: Config): boolean {
  return sandbox && bundledTools && !environment.STRIPE_SECRET_KEY && !environment.STRIPE_API_BASE;
}

async function localVariables(environment: Environment, dataFile: string, origin: string): Promise<Environment> {
  const { localKeyOf } = await import('../../sandbox/ids.ts');
  return {
    ...environment,
    STRIPE_SECRET_KEY: localKeyOf(dataFile),
    STRIPE_API_BASE: origin,
    // The account in the environment is an account at Stripe.
    STRIPE_ACCOUNT: '',
  };
}

/** Checks the origin too, since another provider's sandbox does not say what Stripe bills. */
function isLocalApi({ origin, mode }: Upstream): boolean {
  return origin === 'mcp-once-sandbox' && mode === 'sandbox';
}

/** Returns the data file in the user's data directory, next to the default ledger. */
function defaultDataFile(environment: Environment): string {
  return join(dirname(defaultStoreUrl(environment).slice('sqlite:'.length)), 'sandbox.sqlite');
}
