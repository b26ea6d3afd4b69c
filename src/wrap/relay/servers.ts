import { createHash } from 'node:crypto';
import type { Upstream as UpstreamIdentity } from '../../core/tool/types.ts';
import { ChildLink } from './child-link.ts';
import type { ServerLogin, WrappedServer } from './relay.ts';

/** A server that is started here and speaks over its stdin and stdout. */
export interface CommandServer {
  /** Its name in the configuration; undefined for one of the command line. */
  readonly id?: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of its process. */
  readonly env: Readonly<Record<string, string>>;
  /** Absolute. */
  readonly cwd: string;
  /** Tells accounts of one server apart. Default `default`. */
  readonly account?: string;
}

/** A server at a URL. */
export interface UrlServer {
  /** Its name in the configuration; undefined for one of the command line. */
  readonly id?: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Default: Streamable HTTP, and where that is refused the older SSE. */
  readonly speaks?: 'streamable' | 'sse';
  readonly account?: string;
  /** The folder that logins are kept in. */
  readonly logins: string;
}

/** Names, for the processes below, what is wrapped above them; separated by commas. */
export const WRAPS_VARIABLE = 'MCP_ONCE_WRAPS';

/** A server behind a command. @throws CircularWrap when it is wrapped by itself. */
export function commandServer(server: CommandServer): WrappedServer {
  const { id, command, args, env, cwd, account = 'default' } = server;
  const hash = hashOf([command, ...args, cwd]);
  const name = id ?? nameOfCommand(command, args);
  const above = (env[WRAPS_VARIABLE] ?? '').split(',').filter((each) => each !== '');
  if (above.includes(hash)) throw new CircularWrap(name);
  const below = { ...env, [WRAPS_VARIABLE]: [...above, hash].join(',') };
  return {
    name,
    identity: identityOf(id === undefined ? `stdio:${hash}` : `server:${id}`, account),
    open: (events) => new ChildLink({ name, command, args, env: below, cwd }, events),
  };
}

/** A server at a URL; loads what speaks HTTP. A private address is one that the operator wrote, and may be. */
export async function urlServer(server: UrlServer): Promise<WrappedServer> {
  const { id, headers, speaks: kind = 'any', account = 'default' } = server;
  const url = new URL(server.url);
  const { HttpLink } = await import('./http-link.ts');
  const hasToken = Object.keys(headers).some((each) => each.toLowerCase() === 'authorization');
  const speaks: { kind: 'any' | 'streamable' | 'sse' } = { kind };
  const name = id ?? url.host;
  const { access, login } = hasToken ? {} : await oauthFor(name, url, server);
  return {
    name,
    identity: identityOf(id === undefined ? `${url.origin}${url.pathname}` : `server:${id}`, account),
    open: (events) => new HttpLink({ name, url, headers, speaks, access }, events),
    ...(login === undefined ? {} : { login }),
  };
}

/** The login of a server, and how it is got. */
async function oauthFor(name: string, server: URL, { headers, account = 'default', logins }: UrlServer) {
  const [{ OAuthAccess }, { CredentialFile }] = await Promise.all([
    import('../login/access.ts'),
    import('../login/credential-file.ts'),
  ]);
  const file = new CredentialFile(logins, server, account);
  const named = account === 'default' ? '' : ` --account ${JSON.stringify(account)}`;
  const remedy = `mcp-once wrap --login${named} ${server.origin}${server.pathname}`;
  const login: ServerLogin = {
    isKept: async () => (await file.read()).tokens !== undefined,
    logIn: async (interaction) =>
      (await import('../login/log-in.ts')).logIn({ name, server, headers, file }, interaction),
  };
  return { access: new OAuthAccess({ name, server, file, remedy }), login };
}

/** A server that would start, through others or at once, itself. */
export class CircularWrap extends Error {
  constructor(name: string) {
    super(`${name} is wrapped by itself: it would start itself for ever`);
    this.name = 'CircularWrap';
  }
}

/** Never a credential, and never a header: two of one person must mean one upstream. */
function identityOf(origin: string, account: string): UpstreamIdentity {
  return Object.freeze({ origin, mode: 'mcp', account });
}

function hashOf(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

/** A short name for people: the package or script where a runner only runs it. */
function nameOfCommand(command: string, args: readonly string[]): string {
  const base = lastPart(command);
  const isRunner = /^(npx|npm|node|bunx?|deno|uvx?|python3?|docker)(\.exe|\.cmd)?$/i.test(base);
  // A program that is an argument itself is no name, and may hold a secret.
  const isInline = !/^docker/i.test(base) && args.some((each) => /^(-[cep]|--eval|--print)(=|$)/.test(each));
  const first =
    isRunner && !isInline ? args.find((each) => !each.startsWith('-') && each !== 'exec' && each !== 'run') : undefined;
  return (first === undefined ? base : lastPart(first)).slice(0, 64);
}

function lastPart(path: string): string {
  return path.split(/[/\\]/).at(-1) || path;
}
