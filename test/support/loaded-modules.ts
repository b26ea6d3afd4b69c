import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { temporaryFolder } from './temporary.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The modules that processes have loaded. */
export interface LoadedModules {
  /** The project's built files, by their paths within `dist`. */
  readonly own: readonly string[];
  /** The packages, by name. */
  readonly packages: readonly string[];
}

/** Runs Node with these arguments, and returns what it printed and the modules that it loaded. */
export async function loadedBy(...args: readonly string[]) {
  const folder = temporaryFolder();
  const env = { ...process.env, NODE_V8_COVERAGE: folder };
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, cwd: root });
  return { stdout, ...loadedModulesIn(folder) };
}

/**
 * Reads the modules of all processes that ran with `NODE_V8_COVERAGE` set to this folder. V8's coverage names every
 * script that a process evaluated, whether it was imported or required.
 */
export function loadedModulesIn(folder: string): LoadedModules {
  const urls = readdirSync(folder)
    .filter((name) => name.startsWith('coverage-'))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as { result: { url: string }[] })
    .flatMap(({ result }) => result.map(({ url }) => url).filter((url) => url.startsWith('file:')));
  const packages = urls.flatMap((url) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? []);
  const own = urls.flatMap((url) => /\/dist\/(.+)$/.exec(url.includes('/node_modules/') ? '' : url)?.[1] ?? []);
  return { own: [...new Set(own)].sort(), packages: [...new Set(packages)].sort() };
}
