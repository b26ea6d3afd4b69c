#!/usr/bin/env node
// Prints the source files that one tool call crosses, measured in a real server process. Build first.
// Usage: node scripts/call-path.mjs [--json]
//
// It starts `mcp-once serve` with one tool, connects the official client over stdio, and takes V8's precise coverage in
// the server: once around a first call and once around its replay. A file counts when one of its functions ran.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const program = join(root, 'dist/src/cli/main.js');

/** Runs in the server: answers SIGUSR2 by writing the files that ran since the last signal. */
const recorder = `
import { Session } from 'node:inspector';
import { writeFileSync } from 'node:fs';
const session = new Session();
session.connect();
const post = (method, params) => new Promise((resolve, reject) =>
  session.post(method, params, (error, result) => (error ? reject(error) : resolve(result))));
await post('Profiler.enable');
await post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
let count = 0;
process.on('SIGUSR2', async () => {
  const { result } = await post('Profiler.takePreciseCoverage');
  const ran = result.filter(({ functions }) => functions.some(({ functionName, ranges }) => functionName !== '' && ranges[0].count > 0));
  writeFileSync(process.env.RECORD + '.' + count, JSON.stringify(ran.map(({ url }) => url)));
  writeFileSync(process.env.RECORD + '.' + count + '.done', '');
  count += 1;
});
`;

const tool = `
import { defineTool, z } from 'mcp-once';
export const addNote = defineTool({
  name: 'add_note',
  title: 'Add a note',
  description: 'Adds a note.',
  effect: 'create',
  input: z.strictObject({ text: z.string() }),
  output: z.object({ id: z.string() }),
  run: (input, context) => context.step('add', async (key) => ({ id: key.slice(0, 8) })),
});
`;

/** Measures both calls. Returns the source files of each, without those that the other parts of the server run anyway. */
export async function callPaths() {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-once-path-'));
  try {
    writeFileSync(join(folder, 'recorder.mjs'), recorder);
    mkdirSync(join(folder, 'tools'));
    writeFileSync(join(folder, 'tools', 'add-note.mjs'), tool);
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ bundledTools: false, toolsDirs: ['tools'] }));
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: ['--import', join(folder, 'recorder.mjs'), program, 'serve', '--config', join(folder, 'config.json')],
      env: {
        PATH: process.env.PATH ?? '',
        HOME: folder,
        RECORD: join(folder, 'record'),
        MCP_ONCE_STORE: `sqlite:${join(folder, 'l.sqlite')}`,
      },
      stderr: 'ignore',
    });
    const client = new Client({ name: 'call-path', version: '1' });
    await client.connect(transport);
    await client.listTools();
    const call = (text) => client.callTool({ name: 'add_note', arguments: { text } });
    // Opens the store and loads what is loaded once, so that the next calls show the way of a call alone.
    await call('warm up');
    await call('warm up');
    await record(transport.pid, folder, 0);
    await call('first');
    const first = await record(transport.pid, folder, 1);
    const answer = await call('first');
    const replay = await record(transport.pid, folder, 2);
    await client.close();
    if (!JSON.stringify(answer).includes('replay')) throw new Error('the second call was not a replay');
    return { first, replay };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function record(pid, folder, count) {
  process.kill(pid, 'SIGUSR2');
  const file = join(folder, `record.${count}`);
  while (!existsSync(`${file}.done`)) await pause(10);
  const urls = JSON.parse(readFileSync(file, 'utf8'));
  const own = urls.filter((url) => url.startsWith('file:')).map((url) => fileURLToPath(url));
  const base = join(root, 'dist/');
  return own
    .filter((path) => path.startsWith(base))
    .map((path) => path.slice(base.length).replace(/\.js$/, '.ts'))
    .sort();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const paths = await callPaths();
  if (process.argv.includes('--json')) console.log(JSON.stringify(paths, null, 2));
  else
    for (const [name, files] of Object.entries(paths))
      console.log(`${name}: ${files.length} files\n  ${files.join('\n  ')}\n`);
}
