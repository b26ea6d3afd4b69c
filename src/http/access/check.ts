import type { Cli } from '../../command/cli.ts';
import { UsageError } from '../../command/cli.ts';
import type { Config } from '../../config/config.ts';
import type { Catalog } from '../../core/tool/catalog.ts';
import { matchesGlob } from '../../core/tool/glob.ts';
import type { HttpConfig } from '../config.ts';
import { isLoopbackHost } from '../host-origin.ts';
import { accessSection, httpSection, isOpen } from '../sections.ts';
import { type AccessConfig, accessSettings } from './config.ts';

/** Parses HOST:PORT or a port. @throws UsageError for an invalid address */
export function addressOf(listen: string): { readonly host: string; readonly port: number } {
  const [, host = '127.0.0.1', digits = ''] = /^(?:(\[[^\]]+\]|[^:]+):)?(\d{1,5})$/.exec(listen) ?? [];
  const port = digits === '' ? Number.NaN : Number(digits);
  if (!(port <= 65_535)) throw new UsageError('--http takes HOST:PORT, such as 127.0.0.1:3000, or a port');
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port };
}

/** Returns why the server refuses to listen on a host; undefined when it may. */
export function refusedAddress(access: AccessConfig, host: string): string | undefined {
  if (!isOpen(access) || isLoopbackHost(host)) return undefined;
  return `other machines can reach ${host} and call the tools without authentication: listen on 127.0.0.1, configure "access", or add --insecure if a proxy in front authenticates callers`;
}

/** Warns of an address on which every caller is accepted. */
export function insecureWarning(host: string): string {
  return `--insecure: other machines can reach ${host}, and everybody who does can call the tools: let only a proxy that authenticates callers reach it`;
}

/** Returns a warning when tokens may travel unencrypted to a host; undefined when they do not. */
export function unencryptedAddress(access: AccessConfig, { tlsInFront }: HttpConfig, host: string): string | undefined {
  const isStated = tlsInFront ?? access.oauth?.resource.startsWith('https:') ?? false;
  if (isOpen(access) || isStated || isLoopbackHost(host)) return undefined;
  return `other machines can reach ${host}, and this server has no TLS, so tokens travel unencrypted: listen on 127.0.0.1, or put a proxy with TLS in front and set http.tlsInFront to true`;
}

/** Warns of patterns that allow no tool. */
export function accessWarnings(access: AccessConfig, { tools, hidden }: Catalog): readonly string[] {
  const names = [...tools, ...hidden].map(({ name }) => name);
  const given = [
    ...access.tokens.flatMap(({ tenant, subject, tools }) =>
      tools === undefined ? [] : [[`access.tokens (${tenant}, ${subject})`, tools] as const],
    ),
    ...Object.entries(access.oauth?.scopeTools ?? {}).map(
      ([scope, tools]) => [`access.oauth.scopeTools.${scope}`, tools] as const,
    ),
  ];
  return given.flatMap(([where, patterns]) => {
    if (patterns.length === 0) return [`${where}: it allows no tool`];
    const unmatched = patterns.filter((pattern) => !names.some((name) => matchesGlob(pattern, name)));
    return unmatched.map((pattern) => `${where}: no tool matches ${JSON.stringify(pattern)}`);
  });
}

/**
 * Returns warnings about `access` and `http`.
 * @throws McpOnceError, UsageError for what `serve --http` could not start with.
 */
export async function checkAccess(
  config: Config,
  catalog: Catalog,
  environment: Cli['environment'],
): Promise<readonly string[]> {
  const access = accessSection.of(config);
  if (!isOpen(access)) accessSettings(access, environment);
  const http = httpSection.of(config);
  const { host } = addressOf(http.listen);
  const ofAddress = [refusedAddress(access, host), unencryptedAddress(access, http, host)];
  return [
    ...ofAddress.flatMap((each) => (each === undefined ? [] : [`http.listen: ${each}`])),
    ...accessWarnings(access, catalog),
  ];
}
