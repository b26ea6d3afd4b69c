// Runs every test that docs/concepts/security.md names. Further arguments go to vitest.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const page = readFileSync(new URL('../docs/concepts/security.md', import.meta.url), 'utf8');
const files = [...new Set(page.match(/test\/[\w./-]+\.test\.ts/g))];
const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
execFileSync(process.execPath, [vitest, 'run', ...files, ...process.argv.slice(2)], { cwd: root, stdio: 'inherit' });
