import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The built program, as it is shipped. */
export const shippedProgram = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));

export const bundleFolder = fileURLToPath(new URL('../../dist/bundle', import.meta.url));

/** The built program in a bundle with its packages, which starts faster. `bundle.ts` makes it from the shipped one. */
export const program = join(bundleFolder, 'src/cli/main.js');
