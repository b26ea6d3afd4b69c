import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run as runProcess, Served } from '../../support/cli-process.ts';
import { keysText } from '../../support/encryption.ts';
import { runHere as run } from '../../support/run-here.ts';
import { temporaryFolder } from '../../support/temporary.ts';

/** A tool that writes one line per effect. */
const noteTool = `
  import { appendFileSync } from 'node:fs';
  import { setTimeout } from 'node:timers/promises';
  import { defineTool, z } from 'mcp-once';
  export const note = defineTool({
    name: 'note', title: 'Note', description: 'Notes something.', effect: 'create',
    input: z.object({ text: z.string() }), output: z.object({ noted: z.string() }),
    run: async ({ text }) => {
      appendFileSync('effects.txt', 'effect\\n');
      await setTimeout(300);
      return { noted: 'noted: ' + text };
    },
  });
`;

function folderWithTool(): string {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'note.mjs'), noteTool);
  return folder;
}

const args = ['--tools', '.', '--store', 'sqlite:ledger.sqlite'];
const variable = (...ids: string[]) => ({ MCP_ONCE_ENCRYPTION_KEYS: keysText(...ids) });

const effectsIn = (folder: string) => readFileSync(join(folder, 'effects.txt'), 'utf8').split('\n').length - 1;

test('processes with different first keys wait for and replay each other, and execute once', async () => {
  const folder = folderWithTool();
  const servers = await Promise.all([
    Served.start(folder, args, variable('a', 'b')),
    Served.start(folder, args, variable('b', 'a')),
    Served.start(folder, args, variable('b', 'a', 'c')),
  ]);
  const answers = await Promise.all(servers.map((server) => server.call('note', { text: 'a private text' })));
  expect(new Set(answers.map(({ structuredContent }) => structuredContent.noted))).toEqual(
    new Set(['noted: a private text']),
  );
  const replayed = answers.map(({ _meta }) => _meta['mcp-once/outcome'].replayed);
  expect(replayed.sort()).toEqual([false, true, true]);
  expect(effectsIn(folder)).toBe(1);
  await Promise.all(servers.map((server) => server.end()));
  const files = readdirSync(folder).filter((name) => name.startsWith('ledger.sqlite'));
  expect(files.map((name) => readFileSync(join(folder, name), 'latin1')).join()).not.toContain('private');
});

test('a server and the ledger commands refuse to work without the keys, and name the variable', async () => {
  const folder = folderWithTool();
  const sealed = await Served.start(folder, args, variable('a'));
  await sealed.call('note', { text: 'a private text' });
  await sealed.end();
  // What it would store nobody could be told of who has the keys, and the other way round. So it does not start.
  await expect(Served.start(folder, args)).rejects.toThrow(/MCP_ONCE_ENCRYPTION_KEYS is not set/);
  expect(effectsIn(folder)).toBe(1);

  const store = ['--store', 'sqlite:ledger.sqlite'];
  const [listed] = JSON.parse((await run(folder, ['ledger', 'list', '--json', ...store], variable('b', 'a'))).stdout);
  expect(listed).toMatchObject({ tool: 'note', state: 'succeeded' });
  const show = ['ledger', 'show', listed.operation, '--arguments', ...store];
  expect((await run(folder, show, variable('a'))).stdout).toContain('a private text');
  expect(JSON.parse((await run(folder, ['ledger', 'stats', '--json', ...store], variable('a'))).stdout)).toMatchObject({
    operations: 1,
    unreadable: 0,
  });
  const blind = await run(folder, ['ledger', 'list', '--json', ...store]);
  // Without the key, the entry that lists the family of the operation looks like an operation.
  expect(JSON.parse(blind.stdout)).toContainEqual({
    operation: listed.operation,
    state: 'unreadable',
    message: 'the stored record is encrypted, and MCP_ONCE_ENCRYPTION_KEYS is not set',
  });
  const other = await run(folder, show, variable('b'));
  expect(other).toMatchObject({ code: 1, stdout: '' });
  expect(other.stderr).toContain('encrypted with the key "a", which is not in MCP_ONCE_ENCRYPTION_KEYS');
});

test.each([['serve'], ['ledger', 'list'], ['config', 'check']])(
  '%s does not start with bad keys, and does not show them',
  async (...command) => {
    const start = command[0] === 'serve' ? runProcess : run;
    const folder = temporaryFolder();
    const text = keysText('a').slice(0, -4);
    const { code, stdout, stderr } = await start(folder, command, { MCP_ONCE_ENCRYPTION_KEYS: text });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('MCP_ONCE_ENCRYPTION_KEYS: key 1 is not 32 bytes in base64');
    expect(stderr).not.toContain(text.slice(4, 12));
    expect(existsSync(join(folder, 'mcp-once'))).toBe(false);
  },
);

test('config check shows the ids of the keys without the keys', async () => {
  const { code, stdout } = await run(temporaryFolder(), ['config', 'check'], variable('2026-b', '2026-a'));
  expect(code).toBe(0);
  expect(JSON.parse(stdout).encryptionKeys).toEqual(['2026-b', '2026-a']);
  expect(stdout).not.toContain(keysText('2026-b').slice(8, 20));
});
