import { spawn } from 'node:child_process';
import { type Cli, exitCodes, plain, refuse } from '../../command/cli.ts';
import type { WrappedServer } from '../relay/relay.ts';
import type { LoginPrompt } from './log-in.ts';

/** What `wrap --login` is asked with besides its servers. */
export interface LoginOptions {
  /** False: the page is only named, and opened by the person. */
  readonly browser: boolean;
}

/** Logs a person in to each server at a URL that asks for it. @throws McpOnceError */
export async function loginToWrapped(
  cli: Cli,
  servers: readonly WrappedServer[],
  options: LoginOptions,
): Promise<number> {
  const interaction = interactionOf(cli, options);
  const atUrls = servers.flatMap(({ name, login }) => (login === undefined ? [] : [{ name, login }]));
  if (atUrls.length === 0) {
    refuse('No server asks for a login: it is for a server at a URL that was given no token. Nothing was done.');
  }
  for (const { name, login } of atUrls) {
    const isLoggedIn = await login.logIn(interaction);
    cli.tell(
      plain(
        isLoggedIn
          ? `${name}: logged in. The login is kept in the user's data directory.`
          : `${name}: asks for no login. Nothing was kept.`,
      ),
    );
  }
  return exitCodes.ok;
}

/** Before servers are wrapped: where a person sits at the terminal, who has not logged in yet. */
export async function loginWherePossible(
  cli: Cli,
  servers: readonly WrappedServer[],
  options: LoginOptions,
): Promise<void> {
  if (!cli.isTerminal) return;
  for (const { login } of servers) {
    if (login === undefined || (await login.isKept())) continue;
    await login.logIn(interactionOf(cli, options));
  }
}

function interactionOf(cli: Cli, { browser }: LoginOptions): LoginPrompt {
  return {
    tell: (text) => cli.tell(`mcp-once: ${plain(text)}`),
    open: (url) => {
      if (browser) openInBrowser(url.href);
    },
  };
}

/** With no shell in between, which would read what the address says. What does not work is done by hand. */
function openInBrowser(address: string): void {
  const [command, args] = openerOf(process.platform, address);
  const child = spawn(command, args, { stdio: 'ignore', detached: true });
  child.on('error', () => undefined);
  child.unref();
}

/** The platform's own opener. */
export function openerOf(platform: NodeJS.Platform, address: string): [command: string, args: string[]] {
  switch (platform) {
    case 'darwin':
      return ['open', [address]];
    case 'win32':
      // What `start` does, which is a word of cmd's own, without cmd: it would run what stands after an &.
      return ['rundll32.exe', ['url.dll,FileProtocolHandler', address]];
    default:
      return ['xdg-open', [address]];
  }
}
