import { createApp } from '../app.ts';
import { systemClock } from '../clock.ts';
import { describeError } from '../errors.ts';
import { createLog, type Log } from '../observe/log.ts';
import { type Cli, type ConfigOptions, configOf, exitCodes, packageVersion, warner } from './cli.ts';

/** How long answers may take to be handed to the operating system, in ms. */
const flushMs = 1_000;

/**
 * Serves the tools over stdin and stdout until stdin ends or a signal comes; then drains.
 * @param command what a client has to start, for a person who started it by hand.
 */
export async function runServe(
  cli: Cli,
  options: ConfigOptions,
  command: readonly string[] = ['serve'],
): Promise<number> {
  const stop = stopper();
  // All that is needed is read from the disk at once.
  const loading = import('../mcp/server.ts');
  const { StdioTransport, keepStdoutForProtocol } = await import('../mcp/stdio.ts');
  const transport = new StdioTransport({ onEnd: () => stop.now('stdin ended') });
  // Before anybody's tools are loaded: what they print is not protocol.
  keepStdoutForProtocol();
  const config = await configOf(cli, options);
  const log = createLog({ level: config.logLevel });
  // Before the tools are loaded: a promise that one of them forgets may be rejected at any time.
  const faults = watchFaults(log, () => stop.now('a fault'));
  const app = await createApp(config, { environment: cli.environment, log, warn: warner(cli) });
  if (app.usesSandbox) {
    cli.tell('mcp-once: no STRIPE_SECRET_KEY is set: the built-in sandbox is used, and nothing real is billed.');
  }
  if (cli.isTerminal) cli.tell(terminalHelp(command));
  const { createMcpServer } = await loading;
  const { catalog, handle, scope, instructions } = app;
  const server = createMcpServer({
    name: 'mcp-once',
    title: 'mcp-once',
    version: packageVersion(),
    catalog,
    handle,
    scope,
    instructions,
    log,
  });
  await server.connect(transport);
  const why = await stop.stopped;
  log.debug(`draining: ${why}`);
  const drainingAtMs = systemClock.monotonicMs();
  // What was read before stdin ended still begins; after a signal nothing does.
  if (why === 'stdin ended') await Promise.race([transport.settled(), stop.signalled, bound(config.drainMs)]);
  // One bound for both: after the end of stdin, too, a server is gone within `drainMs` and what settling takes.
  await app.drain(Math.max(0, config.drainMs - (systemClock.monotonicMs() - drainingAtMs)));
  await Promise.race([transport.settled(), bound(flushMs)]);
  await server.close().catch((error: unknown) => log.debug(`closing: ${describeError(error)}`));
  return faults.seen ? exitCodes.failure : exitCodes.ok;
}

/** What a person sees who starts a server by hand. @param command what a client has to start */
function terminalHelp(command: readonly string[]): string {
  return `mcp-once speaks MCP over stdin and stdout: it is meant to be started by an MCP client, not by hand.
  Claude Code:     claude mcp add ${command[0] === 'serve' ? 'mcp-once' : 'api'} -- mcp-once ${command.join(' ')}
  Claude Desktop:  see claude_desktop_config.example.json
  Other commands:  mcp-once --help
Press Ctrl-C to end.`;
}

interface Stopper {
  /** Why to stop. */
  readonly stopped: Promise<string>;
  readonly signalled: Promise<void>;
  readonly now: (why: string) => void;
}

/** Tells once when to stop. A second signal ends the process at once. */
export function stopper(): Stopper {
  let now = (_why: string): void => {};
  const stopped = new Promise<string>((resolve) => {
    now = resolve;
  });
  let hear = (): void => {};
  const signalled = new Promise<void>((resolve) => {
    hear = resolve;
  });
  let signals = 0;
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => {
      signals += 1;
      if (signals > 1) process.exit(exitCodes.failure);
      hear();
      now(signal);
    });
  }
  return { stopped, signalled, now };
}

/**
 * A tool's stray promise must not cut off what other calls execute: it is logged. After an uncaught
 * exception nothing is certain any more: what executes is drained, and the process ends.
 */
export function watchFaults(log: Log, stop: () => void): { readonly seen: boolean } {
  const faults = { seen: false };
  process.on('unhandledRejection', (reason) => log.error(`a promise was rejected unheard: ${describeError(reason)}`));
  process.on('uncaughtException', (error) => {
    log.error(`uncaught exception: ${describeError(error)}`);
    faults.seen = true;
    stop();
  });
  return faults;
}

export function bound(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
