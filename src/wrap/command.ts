import { exitCodes, packageVersion, plain, UsageError } from '../command/cli.ts';
import { stopper, untilDrained, watchFaults } from '../command/lifetime.ts';
import type { App, ConfigOptions, Program } from '../command/program.ts';
import type { Config } from '../config/config.ts';
import type { ToolCall } from '../core/call/types.ts';
import { systemClock } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import { defined } from '../core/json.ts';
import { createLog, type Log } from '../core/observe/log.ts';
import type { ClientName } from './clients/files.ts';
import { guardsFor, type ServerChoice, wrappedServers } from './configured-servers.ts';
import type { ServerFault } from './relay/link.ts';
import type { Relay, RelayOptions, WrappedServer } from './relay/relay.ts';

export interface WrapOptions extends ConfigOptions, ServerChoice {
  /** In seconds. */
  readonly initializeTimeout: number;
  /** Passes every call and notes what a guard would have done. */
  readonly observe?: boolean;
  readonly explain?: boolean;
  /** Logs in and serves nothing. */
  readonly login?: boolean;
  /** Whether to open the login page in the browser. */
  readonly browser: boolean;
  readonly json?: boolean;
  readonly client?: ClientName | 'auto';
  readonly all?: boolean;
  readonly write?: boolean;
  readonly undo?: boolean;
  readonly force?: boolean;
}

/** The largest message from the client, in bytes. */
const lineBytesMax = 64 * 1024 * 1024;
/** How long to wait for the first request of a client before the process ends without a server, in ms. */
const tellMs = 500;
/** How many names of variables that a server does not get are logged. */
const withheldMax = 50;

/** Runs the command `wrap`: serves what is wrapped, explains it, or rewrites a client's file. */
export async function runWrap(program: Program, target: readonly string[], options: WrapOptions): Promise<number> {
  const { cli } = program;
  const { client, all, write, undo, force, explain, login, json = false } = options;
  if (json && !explain) throw new UsageError('--json requires --explain');
  if (client !== undefined || all || write || undo || force) {
    if (target.length > 0) throw new UsageError("a client's file is rewritten as a whole: name no server");
    return (await import('./clients/command.ts')).runWrapClients(cli, options);
  }
  if (!explain && !login) return serveWrapped(program, target, options);
  const config = await program.config(options, 'operate');
  const servers = serversOf(await wrappedServers(cli, config, target, options));
  const logins = await import('./login/command.ts');
  if (login) return logins.loginToWrapped(cli, servers, options);
  await logins.loginWherePossible(cli, servers, options);
  const answerMs = options.initializeTimeout * 1_000;
  return (await import('./explain.ts')).explainWrapped(cli, config, servers, { json, answerMs });
}

/** Serves the wrapped servers over stdin and stdout until stdin ends or a signal comes, then drains. */
async function serveWrapped(program: Program, target: readonly string[], options: WrapOptions): Promise<number> {
  const { cli } = program;
  const { host } = cli;
  const stop = stopper(host);
  const { StdioTransport, keepStdoutForProtocol } = await import('../server/stdio.ts');
  const { MESSAGE_CONTENT_DEPTH } = await import('../core/exact-json.ts');
  const transport = new StdioTransport({
    onEnd: () => stop.now('stdin ended'),
    lineBytesMax,
    exactDepth: MESSAGE_CONTENT_DEPTH,
    ...defined({ input: host?.stdin, output: host?.stdout }),
  });
  if (!host) keepStdoutForProtocol();
  const config = await program.config(options);
  const log = createLog({
    level: config.logLevel,
    format: config.logFormat,
    ...defined({ destination: host?.stderr }),
  });
  const faults = watchFaults(log, () => stop.now('a fault'), host);
  const { observe = false } = options;
  const given = serversOf(await wrappedServers(cli, config, target, options));
  const servers = observe ? observedServers(given) : given;
  for (const { name, environment } of servers) {
    const withheld = environment?.withheld ?? [];
    if (withheld.length > 0)
      log.info(`${name} does not get these variables: ${withheld.slice(0, withheldMax).join(', ')}`);
  }
  if (cli.isTerminal) await (await import('./login/command.ts')).loginWherePossible(cli, servers, options);
  let failure: ServerFault | undefined;
  const wrapped = await wireRelay(program, config, servers, {
    transport,
    log,
    observe,
    initializeMs: options.initializeTimeout * 1_000,
    onFailed: (fault) => {
      failure = fault;
      // A client that sends its first request now still gets the reason.
      setTimeout(() => stop.now('no server is left'), tellMs);
    },
  });
  await wrapped.relay.start();
  const { app, relay } = wrapped;
  // The server starts without its ledger, too: reads pass, and each guarded call is refused. The engine logs the fault.
  app.checkLedger().then(
    (warnings) => {
      for (const message of warnings) log.warn(message);
    },
    () => undefined,
  );
  const close = async (): Promise<void> => {
    await relay.close().catch((error: unknown) => log.debug(`closing: ${describeError(error)}`));
    await transport.close();
  };
  await untilDrained({ app, transport, stop, log, drainMs: config.drainMs, close });
  if (failure === undefined) return faults.seen ? exitCodes.failure : exitCodes.ok;
  cli.tell(`mcp-once: ${plain(failure.message)}.`);
  return exitCodes.failure;
}

interface Wrapped {
  readonly relay: Relay;
  readonly app: App;
}

type Wiring = Pick<RelayOptions, 'transport' | 'initializeMs' | 'onFailed' | 'observe'> & { readonly log: Log };

/** Connects the relay and the engine, whose catalog grows with the tools that the relay sees. */
async function wireRelay(program: Program, config: Config, servers: Servers, wiring: Wiring): Promise<Wrapped> {
  const { log, observe = false } = wiring;
  let app: App | undefined;
  const engine = (): App => {
    if (!app) throw new Error('the engine is not ready');
    return app;
  };
  const options: RelayOptions = {
    ...wiring,
    guard: guardsFor(config, servers, (message) => log.warn(message), observe),
    handle: (call: ToolCall) => engine().handle(call),
    scope: () => engine().scope,
    clock: systemClock,
  };
  const relay =
    servers.length === 1
      ? (await import('./relay/single-server-relay.ts')).createSingleServerRelay(servers[0], options)
      : (await import('./relay/multi-server-relay.ts')).createMultiServerRelay(servers, options, packageVersion());
  app = await program.app(config, { log, catalog: relay.catalog });
  return { relay, app };
}

/** Gives observed operations keys of their own, so that a guard does not begin with operations that it did not protect. */
function observedServers([first, ...rest]: Servers): Servers {
  const observed = (server: WrappedServer) => ({ ...server, identity: { ...server.identity, mode: 'observed' } });
  return [observed(first), ...rest.map(observed)];
}

type Servers = readonly [WrappedServer, ...WrappedServer[]];

/** Returns at least one server. @throws UsageError without one. */
function serversOf([first, ...rest]: readonly WrappedServer[]): Servers {
  if (first) return [first, ...rest];
  throw new UsageError('no server to wrap: name a command after --, or a URL, or set mcpServers');
}
