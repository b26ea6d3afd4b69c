// Packages that `npm run conformance` needs and nobody else: each is installed beside the project once, when it is
// asked for. They need Node 22; this project also runs on Node 20.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const cache = fileURLToPath(new URL('../../../node_modules/.cache/', import.meta.url));
/** How long an installation may take, in ms. */
const installMs = 120_000;

/** A package that is needed for this and is not to be had: there is no network, say. */
export class NotInstalled extends Error {}

/**
 * This Node if it is new enough, else one of the npm package `node@22`.
 * @throws NotInstalled
 */
export async function node22() {
  if (Number(process.versions.node.split('.')[0]) >= 22) return process.execPath;
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  // The package brings its binary by a script.
  const binary = await installed({ folder: 'node-22', spec: 'node@22', file: `node/bin/${name}`, scripts: true });
  try {
    await run(binary, ['--version'], { timeout: 10_000 });
  } catch (error) {
    throw new NotInstalled(`node@22 does not run here: ${error.message}`);
  }
  return binary;
}

/**
 * The path of a package's file.
 * @param {{ folder: string, spec: string, file: string, scripts?: boolean }} wanted `file` is within `node_modules`
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
