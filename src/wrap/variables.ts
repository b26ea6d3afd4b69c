import type { Environment } from '../config/config.ts';
import { McpOnceError } from '../core/errors.ts';
import { defined } from '../core/json.ts';

/** `${NAME}` or `${env:NAME}`, and either with `:-default` for a variable that is not set or empty. */
const variable = /\$\{(?:env:)?([A-Za-z_]\w*)(?::-([^}]*))?\}/g;

/** The fields of an entry in which variables are expanded. */
export interface Expandable {
  readonly command?: string | undefined;
  readonly args?: readonly string[] | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly url?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/**
 * Expands the variables in an entry of `mcpServers`, as MCP clients do (Claude Code: `${NAME}`, `${NAME:-default}`;
 * Cursor and VS Code: `${env:NAME}`). Leaves text of any other form unchanged.
 *
 * @throws McpOnceError `configuration_invalid` that names server, field and variable, but no value.
 */
export function withVariables<Entry extends Expandable>(server: string, entry: Entry, environment: Environment): Entry {
  const expand = (text: string, field: string): string =>
    expandVariables(text, environment, (name) => {
      const where = `Configuration: mcpServers[${JSON.stringify(server)}].${field}`;
      throw new McpOnceError(
        'configuration_invalid',
        `${where}: the variable ${name} is not set, or is reserved for mcp-once. Nothing was started. Set the variable and start again.`,
      );
    });
  const all = (texts: Readonly<Record<string, string>>, field: string): Record<string, string> =>
    Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, expand(text, `${field}.${name}`)]));
  const { command, args, env, url, headers } = entry;
  return {
    ...entry,
    ...defined({
      command: command === undefined ? undefined : expand(command, 'command'),
      args: args?.map((each, index) => expand(each, `args[${index}]`)),
      env: env && all(env, 'env'),
      url: url === undefined ? undefined : expand(url, 'url'),
      headers: headers && all(headers, 'headers'),
    }),
  };
}

/** Lists the variables without a default to which an entry of `mcpServers` refers. */
export function variablesOf({
  command = '',
  args = [],
  env = {},
  url = '',
  headers = {},
}: Expandable): readonly string[] {
  const texts = [command, ...args, ...Object.values(env), url, ...Object.values(headers)];
  const found = texts.flatMap((text) => [...text.matchAll(variable)]);
  return [...new Set(found.flatMap(([, name, fallback]) => (name && fallback === undefined ? [name] : [])))];
}

/** Expands the variables in a text. @param missing throws for a variable that is not set. */
export function expandVariables(text: string, environment: Environment, missing: (name: string) => never): string {
  return text.replace(variable, (_, name: string, fallback?: string) => {
    const value = environment[name];
    if (fallback !== undefined) return value || fallback;
    return value ?? missing(name);
  });
}

/**
 * The variable in which a client's rewritten file keeps a URL that may hold a secret. `--url-env` names it. A reference
 * such as `${NAME}` in the arguments would not do: clients expand it, and put the secret on the command line.
 */
export const urlVariable = 'MCP_ONCE_URL';

/** Begins variables that carry one header each, as `Name: value`. On a command line, other users could read it. */
const headerVariablePrefix = 'MCP_ONCE_HEADER_';

/** The variable of one header. @param number counts from 1. */
export function headerVariable(number: number): string {
  return `${headerVariablePrefix}${number}`;
}

export function isHeaderVariable(name: string): boolean {
  return name.startsWith(headerVariablePrefix);
}

/** Parses `Name: value`. Returns undefined for anything else. */
export function parseHeader(text: string): readonly [name: string, value: string] | undefined {
  const found = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*([^\r\n\0]*)$/.exec(text);
  return found?.[1] === undefined || found[2] === undefined ? undefined : [found[1], found[2].trimEnd()];
}

/**
 * Reads the headers that a client's rewritten file passes to `mcp-once wrap URL`, and fills in variables: Codex and Goose
 * do that in headers, and not in variables. Ignores invalid headers, and keeps references to variables that are not set.
 */
export function headersFromVariables(environment: Environment): Readonly<Record<string, string>> {
  const texts = Object.entries(environment).flatMap(([name, text]) => (isHeaderVariable(name) && text ? [text] : []));
  const filled = texts.map((text) => text.replace(variable, (whole, name: string) => environment[name] ?? whole));
  return Object.fromEntries(filled.map(parseHeader).filter((each) => each !== undefined));
}
