import type { Environment } from '../config/config.ts';
import { McpOnceError } from '../core/errors.ts';

/** `${NAME}`, `${env:NAME}`, and either with `:-` and what stands for a variable that is not set or empty. */
const variable = /\$\{(?:env:)?([A-Za-z_]\w*)(?::-([^}]*))?\}/g;

/** The fields of an entry in which variables are filled in. */
export interface Expandable {
  readonly command?: string | undefined;
  readonly args?: readonly string[] | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly url?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/**
 * Fills in the variables of an entry of `mcpServers`, as MCP clients do (Claude Code: `${NAME}`, `${NAME:-else}`;
 * Cursor and VS Code: `${env:NAME}`). What has another form stays as it is.
 * @throws McpOnceError `configuration_invalid` that names server, place and variable, and no value.
 */
export function withVariables<Entry extends Expandable>(server: string, entry: Entry, environment: Environment): Entry {
  const expand = (text: string, place: string): string =>
    text.replace(variable, (_, name: string, otherwise?: string) => {
      const value = environment[name];
      if (otherwise !== undefined) return value || otherwise;
      if (value !== undefined) return value;
      const where = `Configuration: mcpServers[${JSON.stringify(server)}].${place}`;
      throw new McpOnceError(
        'configuration_invalid',
        `${where}: the variable ${name} is not set, or is one of mcp-once's own. Nothing was started: set it and start again.`,
      );
    });
  const all = (texts: Readonly<Record<string, string>>, place: string): Record<string, string> =>
    Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, expand(text, `${place}.${name}`)]));
  const { command, args, env, url, headers } = entry;
  return {
    ...entry,
    ...(command === undefined ? {} : { command: expand(command, 'command') }),
    ...(args === undefined ? {} : { args: args.map((each, index) => expand(each, `args[${index}]`)) }),
    ...(env === undefined ? {} : { env: all(env, 'env') }),
    ...(url === undefined ? {} : { url: expand(url, 'url') }),
    ...(headers === undefined ? {} : { headers: all(headers, 'headers') }),
  };
}
