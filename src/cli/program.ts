import { Argument, Command, CommanderError, Option } from 'commander';
import { features } from '../app.ts';
import { type Cli, errorLine, exitCodes, packageVersion, UsageError } from '../command/cli.ts';
import { describedOption, integer, withConfig, withExamples, withLog, withTools } from '../command/options.ts';
import type { Program } from '../command/program.ts';
import { completedShells } from './completion/shells.ts';
import { programOf } from './host.ts';

/**
 * Runs a command line and returns its exit code: 0 done, 1 failed, 2 invalid command line.
 *
 * Without a command it starts a server for a program at stdin, and prints the help for a person.
 * @throws what the command throws; the caller prints it.
 */
export async function runCommandLine(cli: Cli, args: readonly string[]): Promise<number> {
  let code: number = exitCodes.ok;
  const commandLine = await createCommandLine(programOf(cli), (ended) => {
    code = ended;
  });
  let running = 'mcp-once';
  commandLine.hook('preAction', (_, command) => {
    running = nameOf(command);
  });
  try {
    await commandLine.parseAsync(withDefaultCommand(cli, args), { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof UsageError) {
      cli.tell(errorLine(error, running));
      return exitCodes.usage;
    }
    if (!(error instanceof CommanderError)) throw error;
    // Commander has printed the problem already.
    return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  }
}

const helpOptions = new Set(['-h', '--help', '-V', '--version']);

function withDefaultCommand(cli: Cli, args: readonly string[]): string[] {
  const [first] = args;
  if (first === undefined) return cli.isTerminal ? ['--help'] : ['serve'];
  return first.startsWith('-') && !helpOptions.has(first) ? ['serve', ...args] : [...args];
}

/**
 * Builds the command line with the commands of all features.
 * @public for the reference of commands in docs/reference
 * @param end called with the exit code of the command that ran
 */
export async function createCommandLine(program: Program, end: (code: number) => void): Promise<Command> {
  const { cli } = program;
  const commandLine = new Command('mcp-once')
    .description('An MCP server whose tool calls take effect once.')
    .version(packageVersion())
    .exitOverride()
    .configureHelp({ optionDescription: describedOption })
    .configureOutput({ writeOut: (text) => cli.print(text.trimEnd()), writeErr: (text) => cli.tell(text.trimEnd()) });
  addServe(commandLine, program, end);
  addConfig(commandLine, program, end);
  for (const feature of features) (await feature.commands?.())?.(commandLine, program, end);
  addSandbox(commandLine, program, end);
  await addLedger(commandLine, program, end);
  addCompletion(commandLine, program, end);
  sayHelpAfterErrors(commandLine);
  return commandLine;
}

/** Names the help of the command after each error in its command line. */
function sayHelpAfterErrors(command: Command): void {
  const hint =
    command.name() === 'wrap' ? '; the command of a server goes after --: mcp-once wrap -- npx -y SERVER' : '';
  command.showHelpAfterError(`(see ${nameOf(command)} --help${hint})`);
  for (const each of command.commands) sayHelpAfterErrors(each);
}

/** Returns the words that run a command, such as `mcp-once ledger show`. */
function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
}

function addServe(commandLine: Command, program: Program, end: (code: number) => void): void {
  const serve = withLog(withTools(withConfig(commandLine.command('serve'))));
  withExamples(serve, 'mcp-once serve --tools ./tools', 'mcp-once serve --http 3000 --store redis://127.0.0.1:6379')
    .description(
      'run the MCP server: the shipped tools and tools of your own, over stdin and stdout (also without a command), or over HTTP; on SIGHUP it reloads them',
    )
    .option('--watch', 'reload the tools when a file of theirs or the configuration file changes, while you develop')
    .action(async (options) => end(await program.serve(options)));
}

function addSandbox(commandLine: Command, program: Program, end: (code: number) => void): void {
  commandLine
    .command('sandbox')
    .description('run the local invoicing API alone; nothing real is billed')
    .option('--port <number>', 'TCP port on 127.0.0.1; 0 for a free one', integer(0, 65_535), 0)
    .option('--data <file>', "SQLite file of its data (default: sandbox.sqlite in the user's data directory)")
    .option('--faults', 'let faults and clock be set through /_sandbox', false)
    // Accepted for scripts of earlier versions: the sandbox has no settings in the file any more.
    .addOption(new Option('--config <file>').hideHelp())
    .action(async (options) => end(await (await import('./sandbox.ts')).runSandbox(program.cli, options)));

  commandLine
    .command('demo')
    .description(
      'make invoices in the sandbox while streams break and processes die, and count them; needs no account and no network',
    )
    .action(async () => end(await (await import('./demo/demo.ts')).runDemo(program.cli)));
}

async function addLedger(commandLine: Command, program: Program, end: (code: number) => void): Promise<void> {
  const ledger = commandLine.command('ledger').description('inspect and resolve the operations in the ledger');
  const json = ['--json', 'for programs: JSON on stdout'] as const;

  withExamples(withConfig(ledger.command('list')), 'mcp-once ledger list --state unknown')
    .description('the newest operations')
    .addOption(
      new Option('--state <state>', 'only operations in this state').choices([
        'in_flight',
        'waiting',
        'unknown',
        'incomplete',
        'succeeded',
        'failed',
        'unreadable',
      ]),
    )
    .option('--tool <name>', 'only operations of this tool')
    .option('--limit <count>', 'the largest number of operations', integer(1, 10_000), 50)
    .option(...json)
    .action(async (options) => end(await (await import('./ledger/list.ts')).runLedgerList(program, options)));

  withExamples(withConfig(ledger.command('show')), 'mcp-once ledger show ecb2078c --arguments')
    .description('one operation')
    .argument('<operation>', 'its key, or the first characters of it')
    .option('--arguments', 'also show the values: arguments, results of steps, result')
    .option('--step <name>', 'also show the upstream key of this step')
    .option(...json)
    .action(async (key, options) => end(await (await import('./ledger/show.ts')).runLedgerShow(program, key, options)));

  const resolve = withTools(withConfig(ledger.command('resolve')));
  withExamples(
    resolve,
    'mcp-once ledger resolve ecb2078c --succeeded result.json',
    "mcp-once ledger resolve ecb2078c --failed --message 'the API has no such invoice'",
  )
    .description('end an operation with an unknown outcome, after checking the upstream')
    .argument('<operation>', 'its key, or the first characters of it')
    .option(
      '--succeeded [file]',
      'it took effect; FILE holds its result as JSON, for the callers that repeat it, and may come later',
    )
    .option('--failed', 'it did not take effect')
    .option('--message <text>', 'with --failed: the reason, shown to the callers')
    .option('--force', 'accept a result that cannot be checked; with --failed: the steps that took effect were undone')
    .option(...json)
    .action(async (key, options) =>
      end(await (await import('./ledger/resolve.ts')).runLedgerResolve(program, key, options)),
    );
  for (const feature of features) (await feature.toolOptions?.())?.add(resolve);

  withConfig(ledger.command('forget'))
    .description('delete an operation: the same call then executes again')
    .argument('<operation>', 'its key, or the first characters of it')
    .option('--yes', 'do not ask')
    .option('--force', 'also delete an entry that cannot be read')
    .option(...json)
    .action(async (key, options) =>
      end(await (await import('./ledger/forget.ts')).runLedgerForget(program, key, options)),
    );

  withConfig(ledger.command('stats'))
    .description('count the operations by state and tool')
    .option(...json)
    .action(async (options) => end(await (await import('./ledger/stats.ts')).runLedgerStats(program, options)));
}

function addCompletion(commandLine: Command, { cli }: Program, end: (code: number) => void): void {
  withExamples(commandLine.command('completion'), 'source <(mcp-once completion bash)')
    .description('print a script that completes commands and options in a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(completedShells))
    .action(async (shell) => {
      const { completionScript } = await import('./completion/script.ts');
      cli.print(completionScript(commandLine, shell));
      end(exitCodes.ok);
    });
}

function addConfig(commandLine: Command, program: Program, end: (code: number) => void): void {
  const config = commandLine
    .command('config')
    .description('check the configuration, print its schema, or make a token');
  withExamples(withLog(withTools(withConfig(config.command('check')))), 'mcp-once config check --config mcp-once.json')
    .description('print the effective configuration without secrets; fails when it is not valid')
    .action(async (options) => end(await (await import('./config.ts')).runConfigCheck(program, options)));
  config
    .command('schema')
    .description('print the JSON Schema of the configuration file')
    .action(async () => end(await (await import('./config.ts')).runConfigSchema(program)));
}
