import { homedir } from 'node:os';
import { join } from 'node:path';
import { McpOnceError } from '../../errors.ts';
import { defined } from '../../json.ts';
import type { Store } from './store.ts';

export interface OpenStoreOptions {
  /**
   * Returns the wall-clock time, in ms since the epoch. Redis uses its own clock.
   * @defaultValue Date.now
   */
  readonly now?: () => number;
  /**
   * Separates several ledgers in one store.
   * @defaultValue 'mcp-once'
   */
  readonly namespace?: string;
  /**
   * Creates the folder of a SQLite file if it is missing. Meant for the default path only.
   * @defaultValue false
   */
  readonly createFolder?: boolean;
}

const choices = 'sqlite:PATH, redis://HOST:PORT, rediss://HOST:PORT or memory:';

/**
 * Opens the store that a URL names. Loads only the modules of that store. A Redis store connects on first use.
 * @throws McpOnceError `configuration_invalid` for a URL that names no store
 * @throws LedgerUnavailable if a SQLite file cannot be used
 */
export async function openStore(url: string, options: OpenStoreOptions = {}): Promise<Store> {
  const { now, namespace, createFolder } = options;
  const named = defined({ namespace });
  const timed = defined({ now });
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
      // The message leaves the URL out, since it may contain a password.
      throw invalid(scheme ? `The store "${scheme}:" is not known` : 'The store is not a URL with a scheme');
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

/** Returns whether other machines or people may use the store of this URL too. */
export function isSharedStore(url: string): boolean {
  return /^rediss?:/.test(url);
}

/**
 * Returns the URL of the default store: a SQLite file in the user's data directory. Open it with `createFolder`.
 * @param env the environment with XDG_DATA_HOME, LOCALAPPDATA and the home directory
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
      // The XDG Base Directory Specification says to ignore a relative path.
      return env.XDG_DATA_HOME?.startsWith('/') ? env.XDG_DATA_HOME : join(home, '.local', 'share');
  }
}
