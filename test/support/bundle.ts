import { chmodSync, existsSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { bundleFolder, shippedProgram } from './program.ts';

const dist = dirname(dirname(dirname(shippedProgram)));

/**
 * Bundles the built program with its packages, for the tests that start many processes: a start from the bundle takes
 * two thirds of the CPU time of a start from `dist`. Vitest calls this once before all tests.
 */
export async function setup(): Promise<void> {
  if (!existsSync(shippedProgram)) throw new Error('The tests start the built program. Run npm run build first.');
  if (isCurrent()) return;
  const tools = readdirSync(join(dist, 'tools')).filter((name) => name.endsWith('.js'));
  const paths = [
    'src/cli/main.js',
    'src/index.js',
    'src/core/tool/load-hook.js',
    ...tools.map((name) => `tools/${name}`),
  ];
  const bundle = await rolldown({
    input: Object.fromEntries(paths.map((path) => [path.replace(/\.js$/, ''), join(dist, path)])),
    platform: 'node',
    // They load themselves or parts of themselves with a `require` that a bundle does not see.
    external: ['pino', 'jsonc-parser', /@photostructure/],
    resolve: { alias: { 'mcp-once': join(dist, 'src/index.js') } },
  });
  const folder = mkdtempSync(join(dist, 'bundle-'));
  // A test drops its rights before the program has loaded all of its files.
  chmodSync(folder, 0o755);
  await bundle.write({
    dir: folder,
    format: 'esm',
    entryFileNames: '[name].js',
    // At this depth the program finds its index, its hook and its tools relative to itself, as in dist.
    chunkFileNames: 'src/core/tool/[name]-[hash].js',
  });
  await bundle.close();
  rmSync(bundleFolder, { recursive: true, force: true });
  renameSync(folder, bundleFolder);
}

/** Returns whether no built file is newer than the bundle. */
function isCurrent(): boolean {
  if (!existsSync(bundleFolder)) return false;
  const bundledMs = statSync(bundleFolder).mtimeMs;
  const parts = ['src', 'sandbox', 'tools'].map((part) => join(dist, part));
  const files = parts.flatMap((part) =>
    readdirSync(part, { recursive: true, encoding: 'utf8' }).map((name) => join(part, name)),
  );
  return [...files, fileURLToPath(import.meta.url)].every((file) => statSync(file).mtimeMs < bundledMs);
}
