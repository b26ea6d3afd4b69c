import { resolve } from 'node:path';
import { defineSection } from '../config/section.ts';
import type { McpServerConfig, WrapConfig } from './config.ts';

/** The MCP servers to guard, by name. */
export const mcpServersSection = defineSection<Readonly<Record<string, McpServerConfig>>>({
  key: 'mcpServers',
  description: 'MCP servers to guard, by name: the same entries as in the files of MCP clients.',
  defaults: Object.freeze({}),
  loadSchema: async () => {
    const { mcpServersSchema, wrapKeysAt } = await import('./config.ts');
    // Other programs keep members of their own in an entry: only ours are known.
    const keysAt = ([, member, ...rest]: readonly PropertyKey[]) => (member === 'mcpOnce' ? wrapKeysAt(rest) : []);
    return { schema: mcpServersSchema, keysAt };
  },
  resolve: withAbsoluteFolders,
  shown: shownServers,
});

/** How the tools of all wrapped servers are guarded. */
export const wrapSection = defineSection<WrapConfig>({
  key: 'wrap',
  description: 'How the tools of all wrapped servers are guarded; what an entry says itself comes first.',
  defaults: Object.freeze({ tools: Object.freeze({}) }),
  loadSchema: async () => {
    const { wrapKeysAt, wrapSchema } = await import('./config.ts');
    const keysAt = (place: readonly PropertyKey[]) =>
      place.length === 0 ? Object.keys(wrapSchema.shape) : wrapKeysAt(place);
    return { schema: wrapSchema, keysAt };
  },
});

function withAbsoluteFolders(
  servers: Readonly<Record<string, McpServerConfig>>,
  folder: string,
): Record<string, McpServerConfig> {
  const absolute = Object.entries(servers).map(([name, server]) => {
    return [name, server.cwd === undefined ? server : { ...server, cwd: resolve(folder, server.cwd) }] as const;
  });
  return Object.fromEntries(absolute);
}

/**
 * The servers as they may be shown. Variables, headers, arguments and the query of a URL may hold secrets: of
 * variables and headers the names are shown, of arguments how many there are.
 */
function shownServers(servers: Readonly<Record<string, McpServerConfig>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(servers).map(([name, { command, args, env, cwd, url, headers, type, mcpOnce }]) => {
      const shown = {
        type,
        command,
        args: args === undefined ? undefined : `${args.length} arguments`,
        env: env === undefined ? undefined : Object.keys(env),
        cwd,
        url: url === undefined ? undefined : withoutSecrets(url),
        headers: headers === undefined ? undefined : Object.keys(headers),
        mcpOnce,
      };
      return [name, shown];
    }),
  );
}

function withoutSecrets(url: string): string {
  // One with a variable is none yet.
  if (url.includes('${') || !URL.canParse(url)) return '(with variables)';
  const { origin, pathname, search } = new URL(url);
  return `${origin}${pathname}${search === '' ? '' : '?...'}`;
}
