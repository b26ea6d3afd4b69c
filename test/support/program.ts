import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The built program, as it is shipped. */
export const shippedProgram = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));

export const bundleFolder = fileURLToPath(new URL('../../dist/bundle', import.meta.url));

/** Programs of the tests that `bundle.ts` bundles with the built files that they import. */
export const testPrograms = [
  'test/server/fixtures/mcp-stdio-server.mjs',
  'test/support/store-child.mjs',
  'test/guard/guard-process.mjs',
] as const;

/** Returns the path of a test's program in the bundle. */
export function bundledFile(path: (typeof testPrograms)[number]): string {
  return join(bundleFolder, path);
}

/**
 * The built program in a bundle with its packages and its compiled code, which starts faster. `bundle.ts` makes it from
 * the shipped one.
 */
export const program = join(bundleFolder, 'src/cli/main.js');
