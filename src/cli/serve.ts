import { createApp } from '../app.ts';
import { createLog } from '../core/observe/log.ts';
import { type Cli, configOf, exitCodes, type ServeOptions, warner } from './cli.ts';
import { stopper, untilDrained, watchFaults } from './lifetime.ts';
import { Reloads, readToolsAgain } from './reload.ts';
import { openClientVariables, tellOfSandbox } from './sandbox.ts';
import { serviceOf } from './service.ts';

/**
 * Serves the tools over stdin and stdout until stdin ends or a signal comes; then drains. SIGHUP has them read again.
 * @param command what a client has to start, for a person who started it by hand.
 */
export async function runServe(
  cli: Cli,
  options: ServeOptions,
  command: readonly string[] = ['serve'],
): Promise<number> {
  if (options.http !== undefined) return (await import('../http/command.ts')).runServeHttp(cli, options);
  const reloads = new Reloads();
  const stop = stopper(reloads.ask);
  // All that is needed is read from the disk at once.
  const loading = Promise.all([import('../server/server.ts'), import('../server/tool-list.ts')]);
  const [{ StdioTransport, keepStdoutForProtocol }, { connectEras }] = await Promise.all([
    import('../server/stdio.ts'),
    import('../server/stdio-eras.ts'),
  ]);
  const transport = new StdioTransport({ onEnd: () => stop.now('stdin ended') });
  // Before anybody's tools are loaded: what they print is not protocol.
  keepStdoutForProtocol();
  const config = await configOf(cli, options);
  const log = createLog({ level: config.logLevel });
  // Before the tools are loaded: a promise that one of them forgets may be rejected at any time.
  const faults = watchFaults(log, () => stop.now('a fault'));
  const variables = await openClientVariables(cli.environment, config, log);
  const { environment, note } = variables;
  const app = await createApp(config, { environment, note, log, warn: warner(cli) });
  tellOfSandbox(cli, app);
  if (cli.isTerminal) cli.tell(terminalHelp(command));
  const [{ createMcpServer, tellOfChanges }, { toolList }] = await loading;
  const list = toolList(app.catalog);
  const served = { ...serviceOf(app), list };
  const server = createMcpServer({ ...served, scope: app.scope });
  tellOfChanges(server, list, log);
  await connectEras(transport, {
    earlier: (side) => server.connect(side),
    modern: async (side) => (await import('../server/stdio-modern.ts')).serveModern(side, served, app.scope),
    onFault: (message) => log.error(message),
  });
  const close = async (): Promise<void> => void (await Promise.all([server.close(), variables.close()]));
  reloads.begin(() => readToolsAgain(cli, options, { app, config, log }));
  await untilDrained({ app, transport, stop, log, drainMs: config.drainMs, close });
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
