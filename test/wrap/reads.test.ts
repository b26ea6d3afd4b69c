import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { outcomeOf, RawClient, stage, wrapArgs } from './support/wrap.ts';

const changing = fileURLToPath(new URL('./support/changing.mjs', import.meta.url));
const text = { type: 'string' };
const tools = [
  { name: 'execute_sql', inputSchema: { type: 'object', properties: { sql: text } } },
  {
    name: 'manage_users',
    inputSchema: { type: 'object', properties: { action: { enum: ['list', 'create'] }, name: text } },
  },
  { name: 'call_api', inputSchema: { type: 'object', properties: { verb: text, place: text } } },
  {
    name: 'aggregate',
    inputSchema: { type: 'object', properties: { collection: text, pipeline: { type: 'array' } } },
    annotations: { readOnlyHint: true },
  },
];

async function start() {
  const { folder, store, env, effects } = stage();
  const [listed, config] = [join(folder, 'tools.json'), join(folder, 'config.json')];
  writeFileSync(listed, JSON.stringify(tools));
  writeFileSync(config, JSON.stringify({ wrap: { tools: { call_api: { reads: { '/verb': ['GET'] } } } } }));
  const client = new RawClient(wrapArgs(store, [changing], ['--config', config]), { ...env, LISTED: listed });
  await client.initialize();
  await client.ask('tools/list', {});
  return { client, effects };
}

test.each([
  ['execute_sql', { sql: 'SELECT balance FROM accounts' }, { sql: 'DELETE FROM accounts' }],
  ['manage_users', { action: 'list' }, { action: 'create', name: 'ada' }],
  ['call_api', { verb: 'GET', place: '/a' }, { verb: 'POST', place: '/a' }],
  [
    'aggregate',
    {
      collection: 'orders',
      pipeline: [{ $match: { a: 1 } }, { $group: { _id: null, all: { $mergeObjects: '$$ROOT' } } }],
    },
    { collection: 'orders', pipeline: [{ $match: { a: 1 } }, { $out: 'copy' }] },
  ],
])('a call of %s that only reads runs each time, and one that writes runs once', async (name, read, write) => {
  const { client, effects } = await start();
  for (let count = 0; count < 2; count += 1) {
    const { result } = await client.call(name, read);
    expect(outcomeOf(result)).toBeUndefined();
  }
  expect(effects()).toHaveLength(2);
  expect(outcomeOf((await client.call(name, write)).result)).toMatchObject({ replayed: false });
  expect(outcomeOf((await client.call(name, write)).result)).toMatchObject({ replayed: true });
  expect(effects()).toHaveLength(3);
});
