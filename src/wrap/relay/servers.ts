import { createHash } from 'node:crypto';
import { defined } from '../../core/json.ts';
import type { Upstream } from '../../core/tool/types.ts';
import { ChildLink } from './child-link.ts';
import type { ServerLogin, WrappedServer } from './relay.ts';

/** A server that is started as a process and uses stdin and stdout. */
export interface CommandServer {
  /** Its name in the configuration; undefined for one of the command line. */
  readonly id?: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of its process. */
  readonly env: Readonly<Record<string, string>>;
  /** Absolute. */
  readonly cwd: string;
  /** Distinguishes accounts of one server. @defaultValue `'default'` */
  readonly account?: string;
}

/** A server at a URL. */
export interface UrlServer {
  /** Its name in the configuration; undefined for one of the command line. */
  readonly id?: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** @defaultValue Streamable HTTP, or HTTP with SSE where the server refuses that */
  readonly protocol?: 'streamable' | 'sse';
  readonly account?: string;
  /** The folder where logins are stored. */
  readonly logins: string;
  /** Gets a sentence for each stored login that other users could read. */
  readonly warn: (message: string) => void;
}

/** Tells child processes which servers are wrapped above them, separated by commas. */
export const WRAPS_VARIABLE = 'MCP_ONCE_WRAPS';

/** Wraps a server that is started by a command. @throws CircularWrap when the server would start itself. */
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

/** Wraps a server at a URL. Private addresses are allowed, because the operator wrote the URL. */
export async function urlServer(server: UrlServer): Promise<WrappedServer> {
  const { id, headers, protocol: kind = 'any', account = 'default' } = server;
  const url = new URL(server.url);
  const { HttpLink } = await import('./http-link.ts');
  const hasToken = Object.keys(headers).some((each) => each.toLowerCase() === 'authorization');
  const protocol: { kind: 'any' | 'streamable' | 'sse' } = { kind };
  const name = id ?? url.host;
  const { access, login, network } = hasToken ? {} : await oauthFor(name, url, server);
  return {
    name,
    identity: identityOf(id === undefined ? `${url.origin}${url.pathname}` : `server:${id}`, account),
    open: (events) => new HttpLink({ name, url, headers, protocol, access, agent: network?.serverAgent }, events),
    ...defined({ login }),
  };
}

/** Makes the OAuth access and the login of a server. */
async function oauthFor(name: string, server: URL, { headers, account = 'default', logins, warn }: UrlServer) {
  const [{ OAuthAccess }, { CredentialFile }, { LoginNetwork }] = await Promise.all([
    import('../login/access.ts'),
    import('../login/credential-file.ts'),
    import('../login/login-network.ts'),
  ]);
  const network = new LoginNetwork(server);
  const file = new CredentialFile(logins, server, account);
  for (const message of file.closeToOthers()) warn(`${name}: ${message}`);
  const named = account === 'default' ? '' : ` --account ${JSON.stringify(account)}`;
  const loginCommand = `mcp-once wrap --login${named} ${server.origin}${server.pathname}`;
  const login: ServerLogin = {
    isKept: async () => (await file.read()).tokens !== undefined,
    logIn: async (prompt) =>
      (await import('../login/log-in.ts')).logIn({ name, server, headers, file, network }, prompt),
  };
  return { access: new OAuthAccess({ name, server, file, network, loginCommand }), login, network };
}

/** A server would start itself, directly or through others. */
export class CircularWrap extends Error {
  constructor(name: string) {
    super(`${name} is wrapped by itself and would start itself endlessly`);
    this.name = 'CircularWrap';
  }
}

/** Contains no credential and no header, because two credentials of one account mean the same upstream. */
function identityOf(origin: string, account: string): Upstream {
  return Object.freeze({ origin, mode: 'mcp', account });
}

function hashOf(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

/** Derives a short name from a command: of a runner such as npx, the package or script that it runs. */
function nameOfCommand(command: string, args: readonly string[]): string {
  const base = lastPart(command);
  const isRunner = /^(npx|npm|node|bunx?|deno|uvx?|python3?|docker)(\.exe|\.cmd)?$/i.test(base);
  // Inline code is not a name, and may hold a secret.
  const isInline = !/^docker/i.test(base) && args.some((each) => /^(-[cep]|--eval|--print)(=|$)/.test(each));
  const first =
    isRunner && !isInline ? args.find((each) => !each.startsWith('-') && each !== 'exec' && each !== 'run') : undefined;
  return (first === undefined ? base : lastPart(first)).slice(0, 64);
}

function lastPart(path: string): string {
  return path.split(/[/\\]/).at(-1) || path;
}
