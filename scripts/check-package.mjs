// Checks the package as others install it: publint, and the types with attw. Both come from test/compat.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const run = (path, args) => {
  const program = fileURLToPath(new URL(`../test/compat/node_modules/${path}`, import.meta.url));
  execFileSync(process.execPath, [program, ...args], { cwd: root, stdio: 'inherit' });
};

run('publint/src/cli.js', ['--strict']);
run('@arethetypeswrong/cli/dist/index.js', ['--pack', '.', '--profile', 'esm-only']);
