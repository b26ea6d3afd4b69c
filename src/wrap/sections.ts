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
    // Other programs add their own members to an entry, so only the rules are checked for unknown names.
    const keysAt = ([, member, ...rest]: readonly PropertyKey[]) => (member === 'mcpOnce' ? wrapKeysAt(rest) : []);
    return { schema: mcpServersSchema, keysAt };
  },
  resolve: withAbsoluteFolders,
  shown: shownServers,
});

/** How the tools of all wrapped servers are guarded. */
export const wrapSection = defineSection<WrapConfig>({
  key: 'wrap',
  description: 'How the tools of all wrapped servers are guarded. The rules of an entry take precedence.',
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
 * Returns the servers without secrets. Variables, headers, arguments and the query of a URL may hold some: the result
 * contains the names of variables and headers, and the number of arguments.
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
  // A URL with variables cannot be parsed before they are expanded.
  if (url.includes('${') || !URL.canParse(url)) return '(with variables)';
  const { origin, pathname, search } = new URL(url);
  return `${origin}${pathname}${search === '' ? '' : '?...'}`;
}
