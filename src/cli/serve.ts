import { features } from '../app.ts';
import { exitCodes, warner } from '../command/cli.ts';
import { Reloads, stopper, untilDrained, watchFaults } from '../command/lifetime.ts';
import { type Program, type ServeOptions, serviceOf } from '../command/program.ts';
import { watchTools } from '../command/watch.ts';
import { systemClock } from '../core/clock.ts';
import { defined } from '../core/json.ts';
import { createLog } from '../core/observe/log.ts';
import { SessionMemory } from '../core/recognition/session.ts';
import { Deliveries } from '../server/deliveries.ts';

/**
 * Serves the tools over stdin and stdout until stdin ends or a signal comes; then drains. On SIGHUP it reloads the tools.
 * @param command what a client has to start, for a person who started it by hand.
 */
export async function serveStdio(
  program: Program,
  options: ServeOptions,
  command: readonly string[] = ['serve'],
): Promise<number> {
  const { cli } = program;
  const reloads = new Reloads();
  const { host } = cli;
  const stop = stopper(host, reloads.ask);
  // Loads all modules at once instead of one after the other.
  const loading = Promise.all([import('../server/server-2025.ts'), import('../server/tool-list.ts')]);
  const [{ StdioTransport, keepStdoutForProtocol }, { connectRevisions }] = await Promise.all([
    import('../server/stdio.ts'),
    import('../server/stdio-revisions.ts'),
  ]);
  const transport = new StdioTransport({
    onEnd: () => stop.now('stdin ended'),
    ...defined({ input: host?.stdin, output: host?.stdout }),
  });
  // Before tools are loaded: they may print to stdout, which carries the protocol.
  if (!host) keepStdoutForProtocol();
  const config = await program.config(options);
  const log = createLog({
    level: config.logLevel,
    format: config.logFormat,
    ...defined({ destination: host?.stderr }),
  });
  // Before the tools are loaded: a promise that a tool does not await may reject at any time.
  const faults = watchFaults(log, () => stop.now('a fault'), host);
  const warn = warner(cli);
  const app = await program.app(config, { log, warn });
  const checking = app.checkLedger();
  // Awaited below, and it may reject before.
  checking.catch(() => undefined);
  for (const { transport: other } of features) {
    const unused = other?.unused?.(config);
    if (unused !== undefined) warn(unused);
  }
  try {
    for (const message of await checking) warn(message);
  } catch (error) {
    // Before the client is answered: it then shows that the server does not start.
    await app.close();
    throw error;
  }
  if (cli.isTerminal) cli.tell(terminalHelp(command));
  const [{ createServer2025, notifyOfChanges }, { toolList }] = await loading;
  const list = toolList(app.catalog);
  const served = { ...serviceOf(app), list };
  const deliveries = new Deliveries(new SessionMemory(systemClock));
  const server = createServer2025({ ...served, scope: app.scope, deliveries });
  notifyOfChanges(server, list, log);
  await connectRevisions(transport, {
    connect2025: (side) => server.connect(side),
    connect2026: async (side) =>
      (await import('../server/server-2026.ts')).serveStdio2026(side, served, { scope: app.scope, deliveries }),
    deliveries,
    onFault: (message) => log.error(message),
  });
  reloads.begin(() => program.reloadTools(options, { app, config }));
  const unwatch = options.watch ? watchTools(config, reloads.ask, warn) : () => {};
  await untilDrained({ app, transport, stop, log, drainMs: config.drainMs, close: () => server.close() });
  unwatch();
  return faults.seen ? exitCodes.failure : exitCodes.ok;
}

/** Tells a person who starts a server by hand how to use it. @param command what an MCP client has to start */
function terminalHelp(command: readonly string[]): string {
  return `mcp-once speaks MCP over stdin and stdout: it is meant to be started by an MCP client, not by hand.
  Claude Code:     claude mcp add ${command[0] === 'serve' ? 'mcp-once' : 'api'} -- mcp-once ${command.join(' ')}
  Claude Desktop:  see claude_desktop_config.example.json
  Other commands:  mcp-once --help
Press Ctrl-C to end.`;
}
