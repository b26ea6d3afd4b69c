import { spawn } from 'node:child_process';
import { type Cli, exitCodes, plain, refuse } from '../../command/cli.ts';
import type { WrappedServer } from '../relay/relay.ts';
import type { LoginPrompt } from './log-in.ts';

/** The options of `wrap --login`. */
export interface LoginOptions {
  /** Whether to open the login page. If false, the command only prints its URL. */
  readonly browser: boolean;
}

/** Logs a person in to each server at a URL that requires it. @throws McpOnceError */
export async function loginToWrapped(
  cli: Cli,
  servers: readonly WrappedServer[],
  options: LoginOptions,
): Promise<number> {
  const prompt = loginPromptOf(cli, options);
  const atUrls = servers.flatMap(({ name, login }) => (login === undefined ? [] : [{ name, login }]));
  if (atUrls.length === 0) {
    refuse('No server can use a login. --login is for a server at a URL without a token. Nothing was done.');
  }
  for (const { name, login } of atUrls) {
    const isLoggedIn = await login.logIn(prompt);
    cli.tell(
      plain(
        isLoggedIn
          ? `${name}: logged in. The login is stored in the user's data directory.`
          : `${name}: the server requires no login. Nothing was stored.`,
      ),
    );
  }
  return exitCodes.ok;
}

/** Logs a person at a terminal in to each server that has no stored login. */
export async function loginWherePossible(
  cli: Cli,
  servers: readonly WrappedServer[],
  options: LoginOptions,
): Promise<void> {
  if (!cli.isTerminal) return;
  for (const { login } of servers) {
    if (login === undefined || (await login.isKept())) continue;
    await login.logIn(loginPromptOf(cli, options));
  }
}

function loginPromptOf(cli: Cli, { browser }: LoginOptions): LoginPrompt {
  return {
    tell: (text) => cli.tell(`mcp-once: ${plain(text)}`),
    open: (url) => {
      if (browser) openInBrowser(url.href);
    },
  };
}

/** Opens a page without a shell, which would interpret the address. On failure, the person opens it by hand. */
function openInBrowser(address: string): void {
  const [command, args] = openerOf(process.platform, address);
  const child = spawn(command, args, { stdio: 'ignore', detached: true });
  child.on('error', () => undefined);
  child.unref();
}

/** Returns the platform's command for opening a URL. */
export function openerOf(platform: NodeJS.Platform, address: string): [command: string, args: string[]] {
  switch (platform) {
    case 'darwin':
      return ['open', [address]];
    case 'win32':
      // Like `start`, but without cmd, which would execute the text after an &.
      return ['rundll32.exe', ['url.dll,FileProtocolHandler', address]];
    default:
      return ['xdg-open', [address]];
  }
}
