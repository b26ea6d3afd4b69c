// Installs the packed tarball in an empty folder, as a user would, and calls one tool through it.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const project = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'mcp-once-tarball-'));
const run = (command, args, cwd) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

try {
  const [packed] = JSON.parse(run('npm', ['pack', '--json', '--silent', '--pack-destination', folder], project));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  // No package needs to be compiled.
  run(
    'npm',
    ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--silent', join(folder, packed.filename)],
    folder,
  );
  writeFileSync(join(folder, 'call.mjs'), caller());
  const answers = JSON.parse(run(process.execPath, ['call.mjs'], folder));
  if (answers.replayed !== true || answers.first !== answers.second || answers.first === undefined) {
    throw new Error(`the second call should have replayed the first: ${JSON.stringify(answers)}`);
  }
  console.log(`create_customer through the packed ${packed.filename}: ${answers.first}, and the repeat replayed it`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function caller() {
  return `
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { defineTool } from 'mcp-once';

if (typeof defineTool !== 'function') throw new Error('the library has no defineTool');
const folder = process.cwd();
const env = { PATH: process.env.PATH, HOME: folder, XDG_DATA_HOME: folder };
const transport = new StdioClientTransport({ command: 'node_modules/.bin/mcp-once', args: ['serve'], env, stderr: 'ignore' });
const client = new Client({ name: 'tarball-check', version: '1.0.0' });
await client.connect(transport);
const call = () => client.callTool({ name: 'create_customer', arguments: { name: 'Ada Lovelace', email: 'ada@example.com' } });
const first = await call();
const second = await call();
await client.close();
console.log(JSON.stringify({
  first: first.structuredContent?.id,
  second: second.structuredContent?.id,
  replayed: second._meta?.['mcp-once/outcome']?.replayed,
  error: first.isError ? first.content : undefined,
}));
`;
}
