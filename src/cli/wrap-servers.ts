import { resolve } from 'node:path';
import { wrapRulesOf } from '../config/mcp-servers.ts';
import type { Config, Environment } from '../config.ts';
import { McpOnceError } from '../errors.ts';
import type { WrappedServer } from '../mcp/proxy/relay.ts';
import { CircularWrap, commandServer, urlServer, WRAPS_VARIABLE } from '../mcp/proxy/servers.ts';
import type { GuardTool } from '../mcp/proxy/tool-memory.ts';
import { decide } from '../source/proxy/policy.ts';
import { makeProxyTool, proxyClient } from '../source/proxy/tool.ts';
import type { ProxyUpstream } from '../source/proxy/types.ts';
import type { Client } from '../tool/types.ts';
import { type Cli, UsageError } from './cli.ts';
import { parseHeader, headersOf as variableHeaders } from './wrap-clients-headers.ts';

/** What the command line says of the server besides where it is. */
export interface ServerChoice {
  /** Names a server of the command line, in keys too. */
  readonly id?: string;
  /** The variable that holds the bearer token. */
  readonly bearerEnv?: string;
  /** `Name: value`. */
  readonly header: readonly string[];
}

/** What is wrapped: what the command line names, else the configuration's `mcpServers`. @throws McpOnceError, UsageError */
export async function wrappedServers(
  cli: Cli,
  config: Config,
  target: readonly string[],
  choice: ServerChoice,
): Promise<readonly WrappedServer[]> {
  const [first, ...args] = target;
  if (first === undefined) {
    return Promise.all(Object.entries(config.mcpServers).map(([id, server]) => configured(cli, id, server)));
  }
  if (isUrl(first)) {
    if (args.length > 0) throw new UsageError('after a URL nothing else may stand');
    return [await urlServer({ url: urlOf(first), headers: headersOf(cli, choice), ...named(choice.id) })];
  }
  if (choice.bearerEnv !== undefined || choice.header.length > 0) {
    throw new UsageError('--bearer-env and --header are for a server at a URL');
  }
  const { id } = choice;
  const env = environmentFor(cli.environment);
  return [checked(() => commandServer({ command: first, args, env, cwd: process.cwd(), ...named(id) }))];
}

type Configured = Config['mcpServers'][string];

async function configured(cli: Cli, id: string, server: Configured): Promise<WrappedServer> {
  const { command, args = [], env = {}, cwd = process.cwd(), url = '', headers = {}, type, mcpOnce } = server;
  const account = mcpOnce?.account === undefined ? {} : { account: mcpOnce.account };
  if (command === undefined) {
    const kinds = { http: 'streamable', 'streamable-http': 'streamable', sse: 'sse', stdio: undefined } as const;
    const speaks = type === undefined ? undefined : kinds[type];
    return urlServer({ id, url: urlOf(url), headers, ...account, ...(speaks === undefined ? {} : { speaks }) });
  }
  const whole = { ...environmentFor(cli.environment), ...env };
  return checked(() => commandServer({ id, command, args, env: whole, cwd: resolve(cwd), ...account }));
}

/** Each server's tools by its own rules, with one client for all of them. */
export function guardsFor(
  config: Config,
  servers: readonly WrappedServer[],
  warn: (message: string) => void,
): GuardTool {
  const rulesOf = new Map(
    servers.map(({ name }) => [name, wrapRulesOf(config.wrap, config.mcpServers[name]?.mcpOnce)] as const),
  );
  const clients = new WeakMap<ProxyUpstream, Client>();
  const clientOf = (upstream: ProxyUpstream): Client => {
    const client = clients.get(upstream) ?? proxyClient(upstream);
    clients.set(upstream, client);
    return client;
  };
  return (listed, upstream, shownAs) => {
    const decision = decide(listed, rulesOf.get(upstream.name) ?? wrapRulesOf(config.wrap));
    if (decision.type === 'pass') return undefined;
    return makeProxyTool({ listed, decision, upstream, client: clientOf(upstream), name: shownAs, warn });
  };
}

/** Ours are no server's business (one is a secret), but for the one that finds circles. */
function environmentFor(environment: Environment): Record<string, string> {
  const theirs = Object.entries(environment).filter((entry): entry is [string, string] => {
    const [name, value] = entry;
    return value !== undefined && (!name.startsWith('MCP_ONCE_') || name === WRAPS_VARIABLE);
  });
  return Object.fromEntries(theirs);
}

/** @throws UsageError that never holds what the header or the variable says. */
function headersOf({ environment }: Cli, { header, bearerEnv }: ServerChoice): Record<string, string> {
  const headers: Record<string, string> = { ...variableHeaders(environment) };
  for (const each of header) {
    const [name, value] = parseHeader(each) ?? [];
    if (name === undefined || value === undefined) throw new UsageError('--header must be "Name: value"');
    headers[name] = value;
  }
  for (const [name, value] of Object.entries(headers)) {
    if (!isHeader(name, value)) throw new UsageError(`the header ${name} cannot be sent`);
  }
  if (bearerEnv === undefined) return headers;
  const token = environment[bearerEnv];
  if (!token) throw new UsageError(`--bearer-env: the variable ${bearerEnv} is not set`);
  if (!isHeader('Authorization', token)) throw new UsageError(`--bearer-env: ${bearerEnv} holds no token`);
  return { ...headers, Authorization: `Bearer ${token}` };
}

function isHeader(name: string, value: string): boolean {
  try {
    new Headers({ [name]: value });
    return name !== '';
  } catch {
    return false;
  }
}

/** @throws UsageError */
function urlOf(text: string): string {
  if (!URL.canParse(text)) throw new UsageError('that is no URL');
  const { username, password } = new URL(text);
  if (username || password) throw new UsageError('a URL must hold no password: use --bearer-env or headers');
  return text;
}

function checked(make: () => WrappedServer): WrappedServer {
  try {
    return make();
  } catch (error) {
    if (error instanceof CircularWrap) throw new McpOnceError('configuration_invalid', `${error.message}.`);
    throw error;
  }
}

function named(id: string | undefined): { readonly id?: string } {
  return id === undefined ? {} : { id };
}

function isUrl(text: string): boolean {
  return /^https?:\/\//i.test(text);
}
