import type { Environment } from '../config/config.ts';
import { defined } from '../core/json.ts';
import type { EnvironmentNotes } from './relay/relay.ts';
import { WRAPS_VARIABLE } from './relay/servers.ts';

/**
 * The variables that every wrapped server gets: those that the official MCP SDK passes on by default, and those without
 * which programs do not find their files, their language, a proxy or the certificates of their network. None of them
 * holds a secret by convention.
 */
const safeNames: ReadonlySet<string> = new Set([
  ...['HOME', 'LOGNAME', 'PATH', 'SHELL', 'TERM', 'USER'],
  ...['TMPDIR', 'TMP', 'TEMP', 'TZ', 'LANG', 'LANGUAGE'],
  ...['XDG_CACHE_HOME', 'XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'XDG_RUNTIME_DIR', 'XDG_STATE_HOME'],
  ...['DISPLAY', 'WAYLAND_DISPLAY', 'XAUTHORITY'],
  ...['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE'],
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'],
]);
const safeNamesOnWindows: ReadonlySet<string> = new Set([
  ...['APPDATA', 'HOMEDRIVE', 'HOMEPATH', 'LOCALAPPDATA', 'PATH', 'PROCESSOR_ARCHITECTURE', 'PROGRAMFILES'],
  ...['SYSTEMDRIVE', 'SYSTEMROOT', 'TEMP', 'USERNAME', 'USERPROFILE'],
  ...['COMSPEC', 'PATHEXT', 'PROGRAMDATA', 'PROGRAMFILES(X86)', 'TMP', 'WINDIR'],
]);

/** The environment of a wrapped server's process. */
export interface ServerEnvironment {
  readonly variables: Record<string, string>;
  readonly notes: EnvironmentNotes;
}

/** What decides about a server's environment. */
export interface EnvironmentChoice {
  /** Passes the whole environment on, except the variables of mcp-once. */
  readonly inherits: boolean;
  /** The names of variables that the server gets in any case, also those of mcp-once. */
  readonly named?: readonly string[];
  /** Variables with their values. */
  readonly own?: Readonly<Record<string, string>>;
  /** How a person passes more variables on. */
  readonly remedy: string;
}

/** Makes the environment of a server. A variable of mcp-once reaches it only by its name: some hold secrets. */
export function serverEnvironment(
  environment: Environment,
  { inherits, named = [], own = {}, remedy }: EnvironmentChoice,
  platform: NodeJS.Platform = process.platform,
): ServerEnvironment {
  const variables: Record<string, string> = {};
  const withheld: string[] = [];
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined || Object.hasOwn(own, name)) continue;
    const isOurs = isOwnVariable(name);
    const isPassed = isOurs ? name === WRAPS_VARIABLE : inherits || isSafe(name, value, platform);
    if (isPassed || named.includes(name)) variables[name] = value;
    else if (!isOurs) withheld.push(name);
  }
  return {
    variables: { ...variables, ...own },
    notes: notesOf(withheld, [...named, ...Object.keys(own)], inherits, remedy),
  };
}

function notesOf(
  withheld: readonly string[],
  named: readonly string[],
  inherits: boolean,
  remedy: string,
): EnvironmentNotes {
  if (inherits) return { summary: 'the whole environment, except the variables of mcp-once', withheld };
  const count = withheld.length === 1 ? '1 variable' : `${withheld.length} variables`;
  const also = named.length === 0 ? '' : ` and ${named.join(', ')}`;
  const others = withheld.length === 0 ? '' : `; it does not get ${count} of the environment: ${remedy}`;
  const startHint = withheld.length === 0 ? undefined : `it did not get ${count} of the environment: ${remedy}`;
  return { summary: `a short safe list${also}${others}`, withheld, ...defined({ startHint }) };
}

/** Returns the environment without the variables of mcp-once: what an entry of `mcpServers` may refer to. */
export function withoutOwnVariables(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !isOwnVariable(name)));
}

export function isOwnVariable(name: string): boolean {
  return name.toUpperCase().startsWith('MCP_ONCE_');
}

function isSafe(name: string, value: string, platform: NodeJS.Platform): boolean {
  // A function of a shell, which the SDK does not pass on either.
  if (value.startsWith('()')) return false;
  const upper = name.toUpperCase();
  // The address of a proxy may hold a password.
  if (upper.endsWith('_PROXY')) return safeNames.has(upper) && (upper === 'NO_PROXY' || !value.includes('@'));
  if (platform === 'win32' && safeNamesOnWindows.has(upper)) return true;
  return safeNames.has(name) || name.startsWith('LC_');
}
