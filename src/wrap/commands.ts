import { Option } from 'commander';
import { collect, integer, withConfig, withLogLevel } from '../command/options.ts';
import type { AddCommands } from '../command/program.ts';
import { clientNames } from './clients/files.ts';

/** Adds the command `wrap`. */
export const addWrapCommands: AddCommands = (commandLine, program, end) => {
  withLogLevel(withConfig(commandLine.command('wrap')))
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
    .action(async (server, options) => end(await (await import('./command.ts')).runWrap(program, server, options)));
};
