import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Served } from '../support/cli-process.ts';
import { eventually } from '../support/event.ts';
import { runHere as run } from '../support/run-here.ts';
import { makeTemporaryFolder } from '../support/temporary.ts';

/** Three tools of one client: one ends without telling, one hangs in its first step, one writes where it is told. */
const tools = (account: string) => `
  import { writeFileSync } from 'node:fs';
  import { defineClient, defineTool, z } from 'mcp-once';
  const client = defineClient({
    name: 'shop', env: z.object({}), open: () => ({}),
    upstream: () => ({ origin: 'https://shop.example', mode: 'live', account: '${account}' }),
  });
  const create = { client, title: 'T', description: 'D', effect: 'create', output: z.object({ id: z.string() }) };
  const input = z.object({ what: z.string() });
  export const pay = defineTool({ ...create, name: 'pay', input, movesMoney: true,
    run: async () => { throw new Error('the answer was lost'); } });
  export const hang = defineTool({ ...create, name: 'hang', input, run: async ({ what }, { step }) =>
    step('book', (key) => { writeFileSync(what, key); console.error('it hangs'); return new Promise(() => {}); }) });
`;

const document = {
  openapi: '3.1.0',
  info: { title: 'Shop', version: '1' },
  servers: [{ url: 'https://shop.example' }],
  paths: {
    '/orders': {
      post: {
        operationId: 'pay',
        responses: {
          200: {
            description: 'ok',
            content: {
              'application/json': {
                schema: { type: 'object', required: ['id'], properties: { id: { type: 'string' } } },
              },
            },
          },
        },
      },
    },
  },
};

describe('ledger', () => {
  const { path: folder, remove } = makeTemporaryFolder();
  afterAll(remove);
  const store = ['--store', `sqlite:${join(folder, 'the ledger.sqlite')}`];
  const texts: Record<string, string> = {};
  const keys: Record<string, string> = {};

  const keyOf = (what: string): string => keys[what] ?? '';
  const stateOf = async (key: string) =>
    JSON.parse((await run(folder, ['ledger', 'show', key, ...store, '--json'])).stdout);

  beforeAll(async () => {
    for (const account of ['one', 'two']) {
      mkdirSync(join(folder, account));
      writeFileSync(join(folder, account, 'tools.mjs'), tools(account));
    }
    writeFileSync(join(folder, 'c.json'), JSON.stringify({ bundledTools: false, toolsDirs: ['one'] }));
    writeFileSync(join(folder, 'shop.json'), JSON.stringify(document));
    writeFileSync(join(folder, 'result.json'), '{"id":"found"}');
    const served = await Served.start(folder, ['--config', 'c.json', ...store], {}, afterAll);
    for (const what of ['a', 'b', 'c', 'd']) {
      const { content, _meta } = await served.call('pay', { what });
      texts[what] = content[0].text;
      keys[what] = _meta['mcp-once/outcome'].operation;
    }
    const hang = { name: 'hang', arguments: { what: 'key.txt' } };
    served.send({ jsonrpc: '2.0', id: 'hang', method: 'tools/call', params: hang });
    await served.until(() => served.stderr.includes('it hangs'));
    // The note of the step is written beside the request.
    await eventually(async () => {
      const { stdout } = await run(folder, ['ledger', 'list', '--tool', 'hang', ...store, '--json']);
      expect((await stateOf(JSON.parse(stdout)[0].operation)).pendingSteps).toHaveLength(1);
    });
    served.child.kill('SIGKILL');
    await served.exited;
  });

  test('show names the step that a killed process was sending, with its upstream key', async () => {
    const { stdout } = await run(folder, ['ledger', 'list', '--tool', 'hang', ...store, '--json']);
    const [{ operation }] = JSON.parse(stdout);
    const shown = await stateOf(operation);
    expect(shown.pendingSteps).toEqual([{ name: 'book', upstreamKey: readFileSync(join(folder, 'key.txt'), 'utf8') }]);
    expect(shown).not.toHaveProperty('upstreamKeyWithoutStep');
  });

  test('the command in the text of an unknown outcome works as it is pasted, also in another folder', async () => {
    const [, command = ''] = /with: mcp-once (.*?) \(a file/.exec(texts.a ?? '') ?? [];
    const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
    const elsewhere = makeTemporaryFolder();
    const { code, stderr } = await run(elsewhere.path, words);
    elsewhere.remove();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(await stateOf(keyOf('a'))).toMatchObject({ state: 'succeeded' });
  });

  test('resolve takes the result of a success later, and undoes a success without one', async () => {
    for (const what of ['b', 'c']) {
      const { stdout } = await run(folder, ['ledger', 'resolve', keyOf(what), '--succeeded', ...store]);
      expect(stdout).toContain('resolve it again with --succeeded FILE or --failed');
    }
    const file = ['--succeeded', 'result.json', '--config', 'c.json'];
    expect(await run(folder, ['ledger', 'resolve', keyOf('b'), ...file, ...store])).toMatchObject({ code: 0 });
    expect(await stateOf(keyOf('b'))).not.toHaveProperty('resultNotKept');
    expect(await run(folder, ['ledger', 'resolve', keyOf('c'), '--failed', ...store])).toMatchObject({ code: 0 });
    expect(await stateOf(keyOf('c'))).toMatchObject({ state: 'failed' });
    expect((await run(folder, ['ledger', 'resolve', keyOf('b'), '--failed', ...store])).stderr).toContain(
      'there is nothing to resolve',
    );
  });

  test('commands take the first characters of a key', async () => {
    const all = Object.values(keys);
    const unique = keyOf('a').slice(0, 12);
    expect(await stateOf(unique)).toMatchObject({ operation: keyOf('a') });
    expect((await run(folder, ['ledger', 'forget', 'ffff-none', '--yes', ...store])).stderr).toContain(
      'has no operation ffff-none',
    );
    expect(new Set(all).size).toBe(4);
    expect((await run(folder, ['ledger', 'show', 'abc', ...store])).stderr).toContain('has no operation abc');
  });

  test('resolve judges a result by the tool of the same upstream only', async () => {
    const resolve = ['ledger', 'resolve', keyOf('d'), '--succeeded', 'result.json', ...store];
    const other = await run(folder, [...resolve, '--tools', 'two']);
    expect(other).toMatchObject({ code: 1, stdout: '' });
    expect(other.stderr).toContain(
      'acts on https://shop.example (live, account two), and the operation belongs to https://shop.example (live, account one)',
    );
    const named = await run(folder, [...resolve, '--openapi', 'shop.json', '--account', 'two']);
    expect(named.stderr).toContain('(live, account two), and the operation');
    const right = await run(folder, [...resolve, '--openapi', 'shop.json', '--account', 'one']);
    expect(right).toMatchObject({ code: 0, stderr: '' });
  });
});
