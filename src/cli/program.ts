import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { logLevels } from '../config/defaults.ts';
import { clientNames } from '../wrap/clients/files.ts';
import { type Cli, exitCodes, packageVersion } from './cli.ts';

/**
 * Runs a command line and gives its exit code: 0 done, 1 failed, 2 the command line itself is wrong.
 *
 * Without a command a program on the other side of stdin gets a server, and a person the help.
 * @throws whatever the command throws; the caller tells it.
 */
export async function runCommandLine(cli: Cli, args: readonly string[]): Promise<number> {
  let code: number = exitCodes.ok;
  const program = createProgram(cli, (ended) => {
    code = ended;
  });
  try {
    await program.parseAsync(withDefaultCommand(cli, args), { from: 'user' });
    return code;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Commander has told what is wrong already.
    return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  }
}

const helpOptions = new Set(['-h', '--help', '-V', '--version']);

function withDefaultCommand(cli: Cli, args: readonly string[]): string[] {
  const [first] = args;
  if (first === undefined) return cli.isTerminal ? ['--help'] : ['serve'];
  return first.startsWith('-') && !helpOptions.has(first) ? ['serve', ...args] : [...args];
}

/** What every command takes that reads the configuration. */
function configured(command: Command): Command {
  return command
    .option('--config <file>', 'configuration file (or MCP_ONCE_CONFIG)')
    .option('--store <url>', 'where operations are kept: sqlite:PATH, redis://..., memory: (or MCP_ONCE_STORE)');
}

function withTools(command: Command): Command {
  return command.option('--tools <folder>', 'folder with tools of your own; may be given several times', collect, []);
}

function withLogLevel(command: Command): Command {
  return command.addOption(new Option('--log-level <level>', 'what is logged to stderr').choices(logLevels));
}

function createProgram(cli: Cli, end: (code: number) => void): Command {
  const program = new Command('mcp-once')
    .description('An MCP server whose tool calls take effect once.')
    .version(packageVersion())
    .exitOverride()
    .configureOutput({ writeOut: (text) => cli.print(text.trimEnd()), writeErr: (text) => cli.tell(text.trimEnd()) });

  withLogLevel(withTools(configured(program.command('serve'))))
    .description(
      'serve the tools over stdin and stdout (what runs when no command is given), or over HTTP; SIGHUP has them read again',
    )
    .option('--http [address]', 'serve over HTTP: HOST:PORT, or a port on 127.0.0.1 (default: 127.0.0.1:3000)')
    .option('--insecure', 'with --http: let in everybody who reaches an address of other machines')
    .action(async (options) => end(await (await import('./serve.ts')).runServe(cli, options)));

  withLogLevel(configured(program.command('openapi')))
    .description("serve an HTTP API's operations as tools, by its OpenAPI document")
    .argument('<document>', 'a path, a URL, or - for stdin (with --list)')
    .option('--base-url <url>', "where the API is, if not at the document's server")
    .option('--prefix <name>', "put before each tool's name and each variable's")
    .option('--include <pattern>', 'serve only these: tag:NAME, "METHOD /path", operationId, with *', collect, [])
    .option('--exclude <pattern>', 'do not serve these', collect, [])
    .option('--dynamic', 'three tools (search, describe, call) instead of one for each operation')
    .option('--allow-private', 'let a document from the network name a server on a private address')
    .option('--list', 'print each operation and how it is guarded, and serve nothing')
    .option('--json', 'with --list: JSON, for programs')
    .action(async (document, options) =>
      end(await (await import('../openapi/command.ts')).runOpenApi(cli, document, options)),
    );

  addWrap(program, cli, end);

  program
    .command('sandbox')
    .description('run the local invoicing API alone; nothing real is billed')
    .option('--port <number>', 'TCP port on 127.0.0.1; 0 for a free one', integer(0, 65_535), 0)
    .option('--data <file>', "SQLite file of its data (default: sandbox.sqlite in the user's data directory)")
    .option('--faults', 'let faults and clock be set through /_sandbox', false)
    .action(async (options) => end(await (await import('./sandbox.ts')).runSandbox(cli, options)));

  program
    .command('demo')
    .description('show what it does, with real processes and the sandbox')
    .action(async () => end(await (await import('./demo/demo.ts')).runDemo(cli)));

  addLedger(program, cli, end);
  addConfig(program, cli, end);
  return program;
}

function addWrap(program: Command, cli: Cli, end: (code: number) => void): void {
  withLogLevel(configured(program.command('wrap')))
    .description("put the ledger in front of another MCP server: its tools' calls take effect once")
    .argument('[server...]', "-- COMMAND ARGS... or a URL; without one, the configuration's mcpServers")
    .option('--id <id>', 'names the server in keys, instead of its command and folder, or its URL')
    .option('--account <name>', 'tells two accounts at that server apart, in keys too')
    .option('--bearer-env <variable>', 'the variable that holds the bearer token for a URL')
    .option('--header <header>', '"Name: value" for a URL; may be given several times', collect, [])
    .option('--initialize-timeout <seconds>', 'how long the server may take to come up', integer(1, 3_600), 30)
    .option('--login', 'log in to a URL by the browser (OAuth), keep the login, and serve nothing')
    .option('--no-browser', 'with --login: only name the page to open')
    .option('--explain', 'print what is done with each tool and why, and serve nothing')
    .option('--json', 'with --explain: JSON, for programs')
    .addOption(new Option('--client <name>', 'whose file to rewrite (or --config FILE)').choices(clientNames))
    .option('--write', "rewrite a client's file so that every server in it is guarded; a copy is kept")
    .option('--undo', 'take that back')
    .option('--force', 'with --undo: also where the file was changed since')
    .action(async (server, options) => end(await (await import('../wrap/command.ts')).runWrap(cli, server, options)));
}

function addLedger(program: Command, cli: Cli, end: (code: number) => void): void {
  const ledger = program.command('ledger').description('look after the operations that are kept');
  const json = ['--json', 'for programs: JSON on stdout'] as const;

  configured(ledger.command('list'))
    .description('the newest operations')
    .addOption(
      new Option('--state <state>', 'only those in this state').choices([
        'in_flight',
        'waiting',
        'unknown',
        'incomplete',
        'succeeded',
        'failed',
        'unreadable',
      ]),
    )
    .option('--tool <name>', 'only those of this tool')
    .option('--limit <count>', 'how many at the most', integer(1, 10_000), 50)
    .option(...json)
    .action(async (options) => end(await (await import('./ledger/list.ts')).runLedgerList(cli, options)));

  configured(ledger.command('show'))
    .description('one operation')
    .argument('<operation>', 'its key')
    .option('--arguments', 'also the values: arguments, results of steps, result')
    .option('--step <name>', 'also the upstream key of the step of this name')
    .option(...json)
    .action(async (key, options) => end(await (await import('./ledger/show.ts')).runLedgerShow(cli, key, options)));

  withTools(configured(ledger.command('resolve')))
    .description('end an operation whose outcome is not known, after a look at the upstream')
    .argument('<operation>', 'its key')
    .option('--succeeded [file]', 'it took effect; FILE holds its result as JSON, for the callers that repeat it')
    .option('--failed', 'what was not known to have taken effect did not')
    .option('--message <text>', 'with --failed: why, for the callers')
    .option('--force', 'take a result that cannot be checked; with --failed: its steps that took effect were undone')
    .option(...json)
    .action(async (key, options) =>
      end(await (await import('./ledger/resolve.ts')).runLedgerResolve(cli, key, options)),
    );

  configured(ledger.command('forget'))
    .description('delete an operation: the same call then executes again')
    .argument('<operation>', 'its key')
    .option('--yes', 'do not ask')
    .option('--force', 'even an entry that cannot be read')
    .option(...json)
    .action(async (key, options) => end(await (await import('./ledger/forget.ts')).runLedgerForget(cli, key, options)));

  configured(ledger.command('stats'))
    .description('how many operations there are, by state and tool')
    .option(...json)
    .action(async (options) => end(await (await import('./ledger/stats.ts')).runLedgerStats(cli, options)));
}

function addConfig(program: Command, cli: Cli, end: (code: number) => void): void {
  const config = program.command('config').description('check the configuration, print its schema, or make a token');
  withLogLevel(withTools(configured(config.command('check'))))
    .description('print the configuration that is in effect, without secrets; fails when it is not right')
    .action(async (options) => end(await (await import('./config.ts')).runConfigCheck(cli, options)));
  config
    .command('schema')
    .description('print the JSON Schema of the configuration file')
    .action(async () => end(await (await import('./config.ts')).runConfigSchema(cli)));
  config
    .command('token')
    .description('make a bearer token; prints it, and the hash of it for access.tokens')
    .action(async () => end(await (await import('./config.ts')).runConfigToken(cli)));
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}
