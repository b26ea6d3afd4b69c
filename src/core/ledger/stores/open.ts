import { homedir } from 'node:os';
import { join } from 'node:path';
import { McpOnceError } from '../../errors.ts';
import type { Store } from './store.ts';

export interface OpenStoreOptions {
  /** Wall clock in milliseconds; by default `Date.now`. Redis expires by its own clock. */
  readonly now?: () => number;
  /** Keeps several ledgers apart in one store; `mcp-once` by default. */
  readonly namespace?: string;
  /** Create the folder of a SQLite file if it is missing: for the default path only. */
  readonly createFolder?: boolean;
}

const choices = 'sqlite:PATH, redis://HOST:PORT, rediss://HOST:PORT or memory:';

/**
 * Opens the store that a URL names. The store's modules are loaded here, when they are needed.
 * @throws McpOnceError `configuration_invalid` for a URL that names no store.
 * @throws LedgerUnavailable when a SQLite file cannot be used. Redis is connected to on first use.
 */
export async function openStore(url: string, options: OpenStoreOptions = {}): Promise<Store> {
  const { now, namespace, createFolder } = options;
  const named = namespace === undefined ? {} : { namespace };
  const timed = now === undefined ? {} : { now };
  const scheme = /^([a-z]+):/.exec(url)?.[1];
  switch (scheme) {
    case 'sqlite': {
      const { openSqliteStore } = await import('./sqlite.ts');
      return openSqliteStore({ path: sqlitePath(url), createFolder: createFolder === true, ...named, ...timed });
    }
    case 'redis':
    case 'rediss': {
      const { openRedisStore } = await import('./redis.ts');
      return openRedisStore(url, named);
    }
    case 'memory': {
      if (url !== 'memory:') throw invalid(`The store "memory:" takes nothing after the colon`);
      const { openMemoryStore } = await import('./memory.ts');
      return openMemoryStore({ ...named, ...timed });
    }
    default:
      // The URL itself is not repeated: it may hold a password.
      throw invalid(scheme ? `There is no store "${scheme}:"` : 'The store is not a URL with a scheme');
  }
}

function sqlitePath(url: string): string {
  const path = url.slice('sqlite:'.length);
  if (path === '' || path === ':memory:') {
    throw invalid('A sqlite: store needs the path of a file (use "memory:" for a store that is not kept)');
  }
  return path;
}

function invalid(problem: string): McpOnceError {
  return new McpOnceError('configuration_invalid', `${problem}: use ${choices}.`);
}

/**
 * The store when none is configured: a SQLite file in the user's data directory. Open it with `createFolder`.
 * @param env the environment, read for XDG_DATA_HOME, LOCALAPPDATA and the home directory.
 */
export function defaultStoreUrl(
  env: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform = process.platform,
): string {
  return `sqlite:${join(dataDirectory(env, platform), 'mcp-once', 'ledger.sqlite')}`;
}

function dataDirectory(env: Readonly<Record<string, string | undefined>>, platform: NodeJS.Platform): string {
  const home = env.HOME || env.USERPROFILE || homedir();
  switch (platform) {
    case 'darwin':
      return join(home, 'Library', 'Application Support');
    case 'win32':
      return env.LOCALAPPDATA || join(home, 'AppData', 'Local');
    default:
      // XDG Base Directory Specification: a relative path is to be ignored.
      return env.XDG_DATA_HOME?.startsWith('/') ? env.XDG_DATA_HOME : join(home, '.local', 'share');
  }
}
