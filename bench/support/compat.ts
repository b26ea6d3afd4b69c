import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

// The compiled file is in dist/bench/support.
const { resolve } = createRequire(new URL('../../../test/compat/package.json', import.meta.url));

/** Returns the path of a file of a package that `npm run test:compat -- --install` installs. */
export function compatFile(specifier: string): string {
  return resolve(specifier);
}

/** Imports a module of such a package. The caller declares the parts that it uses. */
export async function importCompat<Module>(specifier: string): Promise<Module> {
  return (await import(pathToFileURL(resolve(specifier)).href)) as Module;
}
