import { Option } from 'commander';
import { collect, integer, withConfig, withExamples, withLog } from '../command/options.ts';
import type { AddCommands } from '../command/program.ts';
import { clientNames } from './clients/files.ts';

/** Adds the command `wrap`. */
export const addWrapCommands: AddCommands = (commandLine, program, end) => {
  withExamples(
    withLog(withConfig(commandLine.command('wrap'))),
    'mcp-once wrap -- npx -y @modelcontextprotocol/server-filesystem ~/notes',
    'mcp-once wrap --explain https://mcp.example.com/mcp',
    'mcp-once wrap --client claude-desktop --write',
    'mcp-once wrap --client claude-desktop --undo',
  )
    .description("guard another MCP server, so that its tools' calls take effect once")
    .argument('[server...]', "-- COMMAND ARGS... or a URL; without one, the configuration's mcpServers")
    .option('--id <id>', "the server's name in idempotency keys, instead of its command and folder, or its URL")
    .option('--account <name>', 'distinguishes two accounts of the server in idempotency keys')
    .option(
      '--env <variable>',
      'the name of a variable that the command gets besides PATH, HOME and a few others; may be given several times',
      collect,
      [],
    )
    .option('--inherit-env', 'give a command the whole environment: the default without --env')
    .option('--no-inherit-env', 'give a command only the safe list and the variables of --env')
    .option('--url-env <variable>', 'the variable that holds the URL, if it contains a secret')
    .option('--bearer-env <variable>', 'the variable that holds the bearer token for a URL')
    .option('--header <header>', 'a header for a URL, as "Name: value"; may be given several times', collect, [])
    .option('--initialize-timeout <seconds>', 'the time limit for the start of the server', integer(1, 3_600), 30)
    .option('--login', 'log in to a URL with the browser (OAuth), store the login, and exit')
    .option('--no-browser', 'with --login: print the page instead of opening it')
    .option('--observe', 'hold nothing back: log what would have been replayed or refused, and pass every call')
    .option('--explain', 'print for each tool whether it is guarded and why, and exit')
    .option('--json', 'with --explain: print JSON')
    .addOption(
      new Option(
        '--client <name>',
        'the client whose file is rewritten (or --config FILE); auto lists the servers of all clients',
      ).choices([...clientNames, 'auto']),
    )
    .option('--all', 'with --client auto: change the files of all clients')
    .option('--write', "rewrite a client's file so that every server in it is guarded, and keep a copy")
    .option('--undo', 'remove mcp-once from the file, which may have changed since')
    .option('--force', 'with --undo: also remove mcp-once from entries that were edited since')
    .action(async (server, options) => end(await (await import('./command.ts')).runWrap(program, server, options)));
};
