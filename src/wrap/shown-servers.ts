import type { McpServerSettings } from './config.ts';

/**
 * The servers as they may be shown. Variables, headers, arguments and the query of a URL may hold secrets: of
 * variables and headers the names are shown, of arguments how many there are.
 */
export function shownServers(servers: Readonly<Record<string, McpServerSettings>>): Record<string, unknown> {
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
