import { dirname, join, resolve } from 'node:path';
import { type Cli, plain, UsageError } from '../command/cli.ts';
import type { Config } from '../config/config.ts';
import { McpOnceError } from '../core/errors.ts';
import { defined } from '../core/json.ts';
import { defaultStoreUrl } from '../core/ledger/stores/open.ts';
import type { Client } from '../core/tool/types.ts';
import { type McpServerConfig, wrapRulesOf } from './config.ts';
import { serverEnvironment, withoutOwnVariables } from './environment.ts';
import { serverPolicies } from './policies/index.ts';
import { decideGuard } from './policy/policy.ts';
import { findPolicy, type ListedServer } from './policy/server-policy.ts';
import { clientFor, makeGuardedTool } from './policy/tool.ts';
import type { CallTarget, GuardDecision } from './policy/types.ts';
import type { MakeGuardedTool } from './relay/known-tools.ts';
import type { WrappedServer } from './relay/relay.ts';
import { CircularWrap, commandServer, type UrlServer, urlServer } from './relay/servers.ts';
import { mcpServersSection, wrapSection } from './sections.ts';
import { expandVariables, headersFromVariables, parseHeader, withVariables } from './variables.ts';

/** The options of a server on the command line. */
export interface ServerChoice {
  /** The server's name, which is part of every idempotency key. */
  readonly id?: string;
  /** Distinguishes two accounts of the server. It is part of every idempotency key. */
  readonly account?: string;
  /** The names of the variables that a command gets besides the safe list. */
  readonly env: readonly string[];
  /** Whether a command gets the whole environment; undefined where `env` decides. */
  readonly inheritEnv?: boolean;
  /** The name of the variable that holds the URL. */
  readonly urlEnv?: string;
  /** The name of the variable that holds the bearer token. */
  readonly bearerEnv?: string;
  /** Headers in the form `Name: value`. */
  readonly header: readonly string[];
}

/**
 * Returns the server of the command line, or else the servers of the configuration's `mcpServers`.
 *
 * @throws McpOnceError, UsageError
 */
export async function wrappedServers(
  cli: Cli,
  config: Config,
  target: readonly string[],
  choice: ServerChoice,
): Promise<readonly WrappedServer[]> {
  const [first, ...args] = targetOf(cli, target, choice);
  const all = wrapSection.of(config);
  if (first === undefined) {
    refuseChoice(choice);
    const enabled = Object.entries(mcpServersSection.of(config)).filter(([, { disabled }]) => disabled !== true);
    return Promise.all(enabled.map(([id, server]) => configured(cli, id, server, all.inheritEnv)));
  }
  // Only `scheme://` marks a URL, because the path of a command may contain a colon.
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(first) && !isUrl(first)) {
    throw new UsageError(`${JSON.stringify(first.slice(0, 100))} does not begin with http:// or https://`);
  }
  if (isUrl(first)) {
    if (args.length > 0) throw new UsageError('a URL takes no further arguments');
    if (choice.env.length > 0 || choice.inheritEnv !== undefined) {
      throw new UsageError('--env and --inherit-env require a command: a server at a URL gets no variables');
    }
    const headers = headersOf(cli, choice);
    return [await urlServer({ url: urlOf(first), headers, ...storedLogins(cli), ...named(choice) })];
  }
  if (choice.bearerEnv !== undefined || choice.header.length > 0) {
    throw new UsageError('--bearer-env and --header require a server at a URL');
  }
  if (/^-{1,2}[a-z]/i.test(first)) {
    const option = JSON.stringify(first.slice(0, 100));
    throw new UsageError(
      `after -- comes the command of the server, and ${option} is an option: begin with npx, for example`,
    );
  }
  const { variables: env, notes } = commandEnvironment(cli, choice, all.inheritEnv);
  const server = checked(() => commandServer({ command: first, args, env, cwd: process.cwd(), ...named(choice) }));
  return [{ ...server, environment: notes }];
}

/** Returns the words of the command line that name the server, with variables filled in where they are a URL. */
function targetOf({ environment }: Cli, target: readonly string[], { urlEnv }: ServerChoice): readonly string[] {
  if (urlEnv !== undefined) {
    if (target.length > 0) throw new UsageError('--url-env takes the place of the server: name no other one');
    const url = environment[urlEnv];
    if (!url) throw new UsageError(`--url-env: the variable ${urlEnv} is not set`);
    return [urlOf(url)];
  }
  const [first, ...rest] = target;
  if (first === undefined || !/^(?:https?:\/\/|\$\{)/i.test(first)) return target;
  return [expandVariables(first, environment, failUnset), ...rest];
}

function failUnset(name: string): never {
  throw new UsageError(`the variable ${name} is not set`);
}

/**
 * Without any choice, a command gets what it would get without mcp-once: the environment in which it was typed, or that
 * its client gave it. Fewer variables would break it, perhaps without any message.
 */
function commandEnvironment({ environment }: Cli, { env, inheritEnv }: ServerChoice, all: boolean | undefined) {
  if (env.some((name) => name === '' || name.includes('='))) {
    throw new UsageError('--env takes the name of a variable, and no value: other users could read it');
  }
  const inherits = inheritEnv ?? (env.length === 0 && all !== false);
  const remedy = 'pass one on with --env NAME, or all with --inherit-env';
  return serverEnvironment(environment, { inherits, named: env, remedy });
}

async function configured(
  cli: Cli,
  id: string,
  written: McpServerConfig,
  inheritAll: boolean | undefined,
): Promise<WrappedServer> {
  const server = withVariables(id, written, withoutOwnVariables(cli.environment));
  const { command, args = [], env = {}, cwd = process.cwd(), url = '', headers = {}, type, mcpOnce } = server;
  const account = defined({ account: mcpOnce?.account });
  if (command === undefined) {
    const kinds = { http: 'streamable', 'streamable-http': 'streamable', sse: 'sse', stdio: undefined } as const;
    const protocol = type === undefined ? undefined : kinds[type];
    return urlServer({
      id,
      url: urlOf(url),
      headers: checkedHeaders(headers),
      ...storedLogins(cli),
      ...account,
      ...defined({ protocol }),
    });
  }
  const { variables, notes } = serverEnvironment(cli.environment, {
    inherits: mcpOnce?.inheritEnv ?? inheritAll ?? false,
    own: env,
    remedy: 'add one to "env" of its entry, or set "inheritEnv": true in its "mcpOnce"',
  });
  const started = checked(() => commandServer({ id, command, args, env: variables, cwd: resolve(cwd), ...account }));
  return { ...started, environment: notes };
}

/** Decides by its server's rules whether a tool is guarded. The tools of a server share one client. */
export function guardsFor(
  config: Config,
  servers: readonly WrappedServer[],
  warn: (message: string) => void,
  observe = false,
): MakeGuardedTool {
  const [all, own] = [wrapSection.of(config), mcpServersSection.of(config)];
  const rulesOf = new Map(servers.map(({ name }) => [name, wrapRulesOf(all, own[name]?.mcpOnce)] as const));
  const clients = new WeakMap<CallTarget, Client>();
  const clientOf = (upstream: CallTarget): Client => {
    const client = clients.get(upstream) ?? clientFor(upstream);
    clients.set(upstream, client);
    return client;
  };
  const guard: MakeGuardedTool = (listed, upstream, shownAs, policy) => {
    const decision = decideGuard(listed, rulesOf.get(upstream.name) ?? wrapRulesOf(all), policy);
    if (decision.type === 'pass') return undefined;
    const followed = observe ? observedDecision(decision) : decision;
    return makeGuardedTool({ listed, decision: followed, upstream, client: clientOf(upstream), name: shownAs, warn });
  };
  return Object.assign(guard, { policyOf: (server: ListedServer) => findPolicy(serverPolicies, server) });
}

/** An observed call is never changed and never sent again. */
function observedDecision({ key: _, lookup: __, ...decision }: GuardDecision): GuardDecision {
  return { ...decision, recovery: ['refuse'] };
}

/** @throws UsageError without any header's or variable's value. */
function headersOf({ environment }: Cli, { header, bearerEnv }: ServerChoice): Record<string, string> {
  const headers: Record<string, string> = { ...headersFromVariables(environment) };
  for (const each of header) {
    const [name, value] = parseHeader(expandVariables(each, environment, failUnset)) ?? [];
    if (name === undefined || value === undefined) throw new UsageError('--header must be "Name: value"');
    headers[name] = value;
  }
  checkedHeaders(headers);
  if (bearerEnv === undefined) return headers;
  const token = environment[bearerEnv];
  if (!token) throw new UsageError(`--bearer-env: the variable ${bearerEnv} is not set`);
  if (!isHeader('Authorization', token))
    throw new UsageError(`--bearer-env: the variable ${bearerEnv} does not hold a valid token`);
  return { ...headers, Authorization: `Bearer ${token}` };
}

/** @throws UsageError without any header's value. */
function checkedHeaders(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(headers)) {
    if (!isHeader(name, value)) throw new UsageError(`the header ${name} is not valid`);
  }
  return headers;
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
  if (!URL.canParse(text) || !isUrl(text))
    throw new UsageError('the URL is not valid: it must begin with http:// or https://');
  const { username, password } = new URL(text);
  if (username || password) throw new UsageError('the URL must not contain a password: use --bearer-env or headers');
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

function named({ id, account }: ServerChoice): { readonly id?: string; readonly account?: string } {
  return defined({ id, account });
}

/** @throws UsageError for options that the configuration sets instead. */
function refuseChoice({ id, account, bearerEnv, header, env, inheritEnv }: ServerChoice): void {
  const given = {
    '--id': id,
    '--account': account,
    '--bearer-env': bearerEnv,
    '--header': header[0],
    '--env': env[0],
    [inheritEnv === false ? '--no-inherit-env' : '--inherit-env']: inheritEnv,
  };
  const first = Object.entries(given).find(([, value]) => value !== undefined)?.[0];
  if (first === undefined) return;
  throw new UsageError(`${first} is for a server on the command line: set it in mcpServers instead`);
}

/** Where logins are stored: in a folder beside the ledger, in the user's data directory. */
function storedLogins(cli: Cli): Pick<UrlServer, 'logins' | 'warn'> {
  const logins = join(dirname(defaultStoreUrl(cli.environment).slice('sqlite:'.length)), 'logins');
  return { logins, warn: (message) => cli.tell(`mcp-once: ${plain(message)}.`) };
}

function isUrl(text: string): boolean {
  return /^https?:\/\//i.test(text);
}
