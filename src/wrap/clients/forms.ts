import { isSettingsObject, type SettingsObject } from './text/node.ts';

/** How a client names the members of a server's entry. */
export interface EntryForm {
  readonly command: string;
  /** The member with the arguments; undefined where the command is a list of all words. */
  readonly args?: string;
  readonly env: string;
  /** The names of variables that the client passes on besides `env`. */
  readonly passedVariables?: string;
  /** The members that may hold the URL. */
  readonly url: readonly [string, ...string[]];
  readonly headers: string;
  /** The headers whose values are names of variables. */
  readonly variableHeaders?: string;
  /** The name of the variable with the bearer token. */
  readonly bearerVariable?: string;
  /** The values of `type` for a command and for a URL. */
  readonly type: { readonly command: string; readonly url: string };
  /** The types that the client reads and does not start. */
  readonly endedTypes?: readonly string[];
}

/** Claude Desktop, Claude Code, Cursor, VS Code, Windsurf, Zed (without `type`) and Gemini CLI. */
export const commonForm: EntryForm = {
  command: 'command',
  args: 'args',
  env: 'env',
  url: ['url', 'httpUrl', 'serverUrl'],
  headers: 'headers',
  type: { command: 'stdio', url: 'http' },
};

/** OpenCode. Source: opencode.ai/docs/mcp-servers (versions 1 and 2). */
const openCodeForm: EntryForm = {
  command: 'command',
  env: 'environment',
  url: ['url'],
  headers: 'headers',
  type: { command: 'local', url: 'remote' },
};

/** Codex. Source: developers.openai.com/codex/config-reference, and `McpServerTransportConfig` in its code. */
export const codexForm: EntryForm = {
  ...commonForm,
  passedVariables: 'env_vars',
  url: ['url'],
  headers: 'http_headers',
  variableHeaders: 'env_http_headers',
  bearerVariable: 'bearer_token_env_var',
};

/** Goose. Source: block.github.io/goose/docs/guides/config-files, and `ExtensionConfig` in its code. */
export const gooseForm: EntryForm = {
  command: 'cmd',
  args: 'args',
  env: 'envs',
  passedVariables: 'env_keys',
  url: ['uri'],
  headers: 'headers',
  type: { command: 'stdio', url: 'streamable_http' },
  endedTypes: ['sse'],
};

/** The form of an entry in a JSON file, which does not say which client it belongs to. */
export function formOfJson(entry: SettingsObject): EntryForm {
  const { type, command } = entry;
  return Array.isArray(command) || type === 'local' || type === 'remote' ? openCodeForm : commonForm;
}

/** Whether a member of OpenCode's `mcp` is a server. In version 2 and in VS Code its members have other meanings. */
export function isOpenCodeEntry(value: unknown): boolean {
  return isSettingsObject(value as SettingsObject) && formOfJson(value as SettingsObject) === openCodeForm;
}
