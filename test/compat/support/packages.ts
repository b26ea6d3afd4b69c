import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Returns the path of a file in one of the packages of `test/compat`, whether the package exports it or not. */
export function packageFile(path: string): string {
  return fileURLToPath(new URL(`../node_modules/${path}`, import.meta.url));
}

/** Resolves a module from `test/compat`. */
export const { resolve: resolveCompat } = createRequire(new URL('../package.json', import.meta.url));

/** Returns the main file of an official MCP server's package. */
export function serverOf(name: string): string {
  return join(dirname(resolveCompat(`@modelcontextprotocol/server-${name}/package.json`)), 'dist/index.js');
}
