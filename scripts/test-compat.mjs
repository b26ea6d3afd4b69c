// Runs the tests of test/compat. It installs that folder's own packages first, if its lock file has changed since the last
// installation. `--install` only installs. Other arguments go to vitest.
import { execFileSync } from 'node:child_process';
import { rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installFolder } from './install-folder.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const compat = join(root, 'test/compat');
const modules = join(compat, 'node_modules');
const args = process.argv.slice(2);

function run(command, commandArgs, cwd) {
  execFileSync(command, commandArgs, { cwd, stdio: 'inherit', shell: process.platform === 'win32' });
}

installFolder(compat);
// The examples use the same frameworks as the tests.
const examples = join(root, 'examples/node_modules');
rmSync(examples, { force: true });
symlinkSync(modules, examples, 'junction');

if (args[0] !== '--install') {
  const bin = (name) => join(root, 'node_modules', name);
  run(process.execPath, [bin('typescript/bin/tsc'), '-p', 'test/compat/tsconfig.json'], root);
  run(process.execPath, [bin('vitest/vitest.mjs'), 'run', '--config', 'vitest.compat.config.ts', ...args], root);
}
