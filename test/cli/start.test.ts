import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { freePort } from '../guard/servers.ts';
import { run as runProcess } from '../support/cli-process.ts';
import { hasRedisServer, startRedis } from '../support/redis.ts';
import { runHere as run } from '../support/run-here.ts';
import { temporaryFolder } from '../support/temporary.ts';

/** Stores that cannot be used, with the beginning of the error. */
const bad: Readonly<Record<string, (folder: string) => Promise<{ store: string; error: string }>>> = {
  'a Redis that is down': async () => {
    const port = await freePort();
    return { store: `redis://127.0.0.1:${port}`, error: `Redis at redis://127.0.0.1:${port} refuses connections` };
  },
  'a directory': async (folder) => {
    mkdirSync(join(folder, 'dir'));
    return { store: 'sqlite:dir', error: `The ledger file ${join(folder, 'dir')} cannot be opened` };
  },
  'a file of something else': async (folder) => {
    writeFileSync(join(folder, 'diary.txt'), 'Dear diary, this is no database. '.repeat(200));
    return { store: 'sqlite:diary.txt', error: `The file ${join(folder, 'diary.txt')} is not a ledger` };
  },
};

describe.each(Object.entries(bad))('%s', (_, make) => {
  test('ends config check and serve with code 1, and the error comes first', async () => {
    const folder = temporaryFolder();
    const { store, error } = await make(folder);
    const subject = { MCP_ONCE_SUBJECT: 'ada' };
    const check = await run(folder, ['config', 'check', '--store', store], subject);
    expect({ code: check.code, first: check.stderr.split('\n')[0] }).toEqual({
      code: 1,
      first: expect.stringContaining(`mcp-once: ${error}`),
    });
    const served = runProcess(folder, ['serve', '--store', store], { ...subject, MCP_ONCE_LOG_LEVEL: 'error' });
    expect(served).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(`mcp-once: ${error}`) });
    const http = await run(folder, ['serve', '--http', '0', '--store', store], subject);
    expect(http).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(`mcp-once: ${error}`) });
  });
});

describe('config check', () => {
  test('creates no ledger, and warns of a client of your own without its variables', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'tools'));
    writeFileSync(
      join(folder, 'tools', 'shop.mjs'),
      `import { defineClient, defineTool, z } from 'mcp-once';
       const client = defineClient({ name: 'shop', env: z.object({ SHOP_TOKEN: z.string() }), open: () => 1,
         upstream: () => ({ origin: 'o', mode: 'live', account: 'a' }) });
       export const get = defineTool({ name: 'get_order', title: 'T', description: 'D', effect: 'read', client,
         input: z.object({}), output: z.object({}), run: async () => ({}) });`,
    );
    const { code, stderr } = await run(folder, ['config', 'check', '--tools', 'tools', '--store', 'sqlite:l.sqlite']);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: 'mcp-once: The client "shop": SHOP_TOKEN is missing. Until then its tools are refused: get_order.\n',
    });
  });

  test.runIf(hasRedisServer)('warns of a Redis without persistence, and of no other', async () => {
    const subject = { MCP_ONCE_SUBJECT: 'ada' };
    for (const appendonly of [false, true]) {
      const redis = await startRedis({ appendonly });
      const { code, stderr } = await run(temporaryFolder(), ['config', 'check', '--store', redis.url], subject);
      await redis.stop();
      expect(code).toBe(0);
      expect(stderr.includes('keeps its data in memory only')).toBe(!appendonly);
    }
  });
});

test('serve warns of settings for HTTP that have no effect', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'c.json'), JSON.stringify({ http: { listen: '127.0.0.1:4000' }, store: 'memory:' }));
  const { code, stderr } = runProcess(folder, ['serve', '--config', 'c.json']);
  expect(code).toBe(0);
  expect(stderr).toContain('the configuration sets "http", which has no effect over stdin and stdout: add --http');
});

test('an uncaught exception of a tool ends the server, and the log has its message and stack', () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'tools'));
  const file = join(folder, 'tools', 'late.mjs');
  writeFileSync(
    file,
    `import { defineTool, z } from 'mcp-once';
     export const late = defineTool({
       name: 'late', title: 'Late', description: 'Late.', effect: 'read',
       input: z.object({}), output: z.object({}), run: () => ({}),
     });
     setTimeout(function thrower() { throw new Error('thrown late'); }, 1);`,
  );
  const { code, stderr } = runProcess(folder, ['serve', '--http', '0', '--tools', 'tools', '--store', 'memory:']);
  expect(code).toBe(1);
  const line = stderr.split('\n').find((each) => each.includes('uncaught exception')) ?? '{}';
  expect(JSON.parse(line)).toMatchObject({
    msg: 'uncaught exception: thrown late',
    stack: expect.stringMatching(/^Error: thrown late\n\s+at .*thrower .*late\.mjs/),
  });
});
