// Installs the packages that only `npm run conformance` needs, each once and on first use, beside the project's own. They
// need Node 22, and this project also runs on Node 20.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const cache = fileURLToPath(new URL('../../../node_modules/.cache/', import.meta.url));
/** How long an installation may take, in ms. */
const installMs = 120_000;

/** Thrown when a needed package cannot be installed, for example without a network. */
export class NotInstalled extends Error {}

/**
 * Returns this Node if it is new enough, otherwise the one of the npm package `node@22`.
 * @throws NotInstalled
 */
export async function node22() {
  if (Number(process.versions.node.split('.')[0]) >= 22) return process.execPath;
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  // The package installs its binary with a script.
  const binary = await installed({ folder: 'node-22', spec: 'node@22', file: `node/bin/${name}`, scripts: true });
  try {
    await run(binary, ['--version'], { timeout: 10_000 });
  } catch (error) {
    throw new NotInstalled(`node@22 does not run here: ${error.message}`);
  }
  return binary;
}

/**
 * Returns the path of a package's file. Installs the package if it is missing.
 * @param {{ folder: string, spec: string, file: string, scripts?: boolean }} wanted `file` is relative to `node_modules`
 * @throws NotInstalled
 */
export async function installed({ folder, spec, file, scripts = false }) {
  const prefix = join(cache, folder);
  const path = join(prefix, 'node_modules', file);
  if (existsSync(path)) return path;
  mkdirSync(prefix, { recursive: true });
  const options = ['--no-audit', '--no-fund', '--no-package-lock', ...(scripts ? [] : ['--ignore-scripts'])];
  try {
    const shell = process.platform === 'win32';
    await run('npm', ['install', '--prefix', prefix, ...options, spec], { cwd: prefix, timeout: installMs, shell });
  } catch (error) {
    throw new NotInstalled(`${spec} cannot be installed: ${error.message}`);
  }
  if (!existsSync(path)) throw new NotInstalled(`${spec} has no ${file}`);
  return path;
}
