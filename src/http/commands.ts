import { UsageError } from '../command/cli.ts';
import type { AddCommands } from '../command/program.ts';

/** Adds the options of `serve` that choose HTTP, and the command that makes a bearer token. */
export const addHttpCommands: AddCommands = (commandLine, { cli }, end) => {
  commandLine.commands
    .find((command) => command.name() === 'serve')
    ?.option('--http [address]', 'serve over HTTP: HOST:PORT, or a port on 127.0.0.1 (default: 127.0.0.1:3000)')
    .option('--insecure', 'with --http: accept every caller on an address that other machines can reach')
    .hook('preAction', (serve) => {
      const { http, insecure } = serve.opts();
      if (insecure && http === undefined) throw new UsageError('--insecure requires --http');
    });
  commandLine.commands
    .find((command) => command.name() === 'config')
    ?.command('token')
    .description('make a bearer token; prints the token, and its hash for access.tokens')
    .action(async () => end(await (await import('./access/command.ts')).runConfigToken(cli)));
};
