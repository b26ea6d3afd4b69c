// The conformance suite needs Node 22 (`globSync` of `node:fs`); this project also runs on Node 20.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const folder = fileURLToPath(new URL('../../node_modules/.cache/node-22', import.meta.url));
/** How long the installation may take, in ms. */
const installMs = 60_000;

/**
 * This Node if it is new enough, else one of the npm package `node@22`, installed beside the project once.
 * @throws when it cannot be installed: there is no network, say
 */
export async function node22() {
  if (Number(process.versions.node.split('.')[0]) >= 22) return process.execPath;
  const binary = join(folder, 'node_modules/node/bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true });
    const args = ['install', '--prefix', folder, '--no-audit', '--no-fund', '--no-package-lock', 'node@22'];
    await run('npm', args, { cwd: folder, timeout: installMs, shell: process.platform === 'win32' });
  }
  await run(binary, ['--version'], { timeout: 10_000 });
  return binary;
}
