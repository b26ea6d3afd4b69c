import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { temporaryFolder } from './temporary.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The modules that a process has loaded. */
export interface LoadedModules {
  /** Our own built files, by their paths within `dist`. */
  readonly own: readonly string[];
  /** The packages, by name. */
  readonly packages: readonly string[];
}

/** Runs an ECMAScript module of `dist` (or any other file), and returns what it printed and the modules that it loaded. */
export async function loadedBy(file: string, ...args: readonly string[]) {
  const folder = temporaryFolder();
  // V8's coverage names every script that a process evaluated, whether it was imported or required.
  const env = { ...process.env, NODE_V8_COVERAGE: folder };
  const { stdout } = await promisify(execFile)(process.execPath, [file, ...args], { env, cwd: root });
  return { stdout, ...loadedModulesIn(folder) };
}

/** Reads the coverage reports that the processes wrote which ran with `NODE_V8_COVERAGE`, except those that `isOther` names. */
export function loadedModulesIn(
  folder: string,
  isOther: (urls: readonly string[]) => boolean = () => false,
): LoadedModules {
  const urls = readdirSync(folder)
    .filter((name) => name.startsWith('coverage-'))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as { result: { url: string }[] })
    .map(({ result }) => result.map(({ url }) => url).filter((url) => url.startsWith('file:')))
    .filter((each) => !isOther(each))
    .flat();
  const packages = urls.flatMap((url) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? []);
  const own = urls.flatMap((url) => /\/dist\/(.+)$/.exec(url.includes('/node_modules/') ? '' : url)?.[1] ?? []);
  return { own: [...new Set(own)].sort(), packages: [...new Set(packages)].sort() };
}
