import { resolve } from 'node:path';
import { wrapRulesOf } from '../config/mcp-servers.ts';
import type { Config, Environment } from '../config.ts';
import { McpOnceError } from '../errors.ts';
import type { WrappedServer } from '../mcp/proxy/relay.ts';
import { CircularWrap, commandServer, WRAPS_VARIABLE } from '../mcp/proxy/servers.ts';
import type { GuardTool } from '../mcp/proxy/tool-memory.ts';
import { decide } from '../source/proxy/policy.ts';
import { makeProxyTool, proxyClient } from '../source/proxy/tool.ts';
import type { ProxyUpstream } from '../source/proxy/types.ts';
import type { Client } from '../tool/types.ts';
import { type Cli, UsageError } from './cli.ts';

/** What the command line says of the server besides where it is. */
export interface ServerChoice {
  /** Names a server of the command line, in keys too. */
  readonly name?: string;
  /** The variable that holds the bearer token. */
  readonly bearerEnv?: string;
  /** `Name: value`. */
  readonly header: readonly string[];
}

/** What is wrapped: what the command line names, else the configuration's `mcpServers`. @throws McpOnceError, UsageError */
export function wrappedServers(
  cli: Cli,
  config: Config,
  target: readonly string[],
  choice: ServerChoice,
): readonly WrappedServer[] {
  const [first, ...args] = target;
  if (first === undefined) return Object.entries(config.mcpServers).map(([id, server]) => configured(cli, id, server));
  if (isUrl(first)) {
    if (args.length > 0) throw new UsageError('after a URL nothing else may stand');
    throw new UsageError('URLs are not there yet');
  }
  if (choice.bearerEnv !== undefined || choice.header.length > 0) {
    throw new UsageError('--bearer-env and --header are for a server at a URL');
  }
  const { name } = choice;
  const env = environmentFor(cli.environment);
  return [checked(() => commandServer({ command: first, args, env, cwd: process.cwd(), ...named(name) }))];
}

type Configured = Config['mcpServers'][string];

function configured(cli: Cli, id: string, server: Configured): WrappedServer {
  const { command, args = [], env = {}, cwd = process.cwd(), url, mcpOnce } = server;
  const account = mcpOnce?.account === undefined ? {} : { account: mcpOnce.account };
  if (command === undefined) throw new UsageError(`${id}: ${url} is not there yet`);
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

function checked(make: () => WrappedServer): WrappedServer {
  try {
    return make();
  } catch (error) {
    if (error instanceof CircularWrap) throw new McpOnceError('configuration_invalid', `${error.message}.`);
    throw error;
  }
}

function named(name: string | undefined): { readonly id?: string } {
  return name === undefined ? {} : { id: name };
}

function isUrl(text: string): boolean {
  return /^https?:\/\//i.test(text);
}
