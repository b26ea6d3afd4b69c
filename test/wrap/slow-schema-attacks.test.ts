import { describe, expect, test } from 'vitest';
import { craftedServers } from './support/crafted.ts';
import type { Message } from './support/wrap.ts';

const slow = '^([a-z0-9]+-?)+$';
const slowText = `${'a'.repeat(48)}!`;
const firstText = (message: Message) => message.result?.content?.[0]?.text;
const outcome = (message: Message) => message.result?._meta?.['mcp-once/outcome'];
const good = { tools: [{ name: 'note', inputSchema: { type: 'object' } }] };

/** Returns a value that its schema checks in 8ⁿ steps. */
function nested(depth: number): Message {
  return depth === 0 ? {} : { a: nested(depth - 1) };
}

const branches = Array.from({ length: 8 }, () => ({ properties: { a: { $ref: '#/$defs/n' } }, required: ['b'] }));
const same = { type: 'array', items: { enum: Array.from({ length: 20_000 }, (_, index) => ({ index })) } };

const levels = Array.from({ length: 30 }, (_, level) => {
  const next = { $ref: `#/$defs/S${level + 1}` };
  return [`S${level}`, { anyOf: [next, next, next] }];
});
const multiplied = { ...Object.fromEntries(levels), S30: { type: 'object' } };

const attacks: [string, Message, Message][] = [
  ['a pattern', { properties: { text: { type: 'string', pattern: slow } } }, { text: slowText }],
  ['a pattern of names', { patternProperties: { [slow]: { type: 'string' } } }, { [slowText]: 'x' }],
  ['alternatives', { properties: { a: { $ref: '#/$defs/n' } }, $defs: { n: { anyOf: branches } } }, nested(40)],
  ['branches in branches', { properties: { a: { $ref: '#/$defs/S0' } }, $defs: multiplied }, { a: { b: [null] } }],
  [
    'unique items',
    { properties: { a: { uniqueItems: true } } },
    { a: Array.from({ length: 20_000 }, (_, b) => ({ b })) },
  ],
  ['many values', { properties: { a: same } }, { a: Array.from({ length: 20_000 }, (_, b) => ({ b })) }],
];

// An attack that blocked the proxy would never answer: the test would end by its time limit.
describe('a schema of a wrapped server that takes very long', () => {
  test.each(attacks)('delays nothing and swallows no call: %s', async (_name, schema, args) => {
    const tool = { name: 'effect', inputSchema: { type: 'object', ...schema } };
    const { client, effects } = await craftedServers({ evil: { tools: [tool] }, good });
    await client.ask('tools/list', {});
    const calling = client.call('evil_effect', args);
    const other = client.call('good_note', {});
    expect((await client.ask('ping')).result).toEqual({});
    expect(firstText(await other)).toBe('done');
    expect(firstText(await calling)).toBe('done');
    expect(outcome(await client.call('evil_effect', args)).replayed).toBe(true);
    expect(effects('evil')).toEqual(['effect']);
  });

  test('says in the log which tool is not validated for a while', async () => {
    const tool = { name: 'effect', inputSchema: { type: 'object', properties: { text: { pattern: slow } } } };
    const { client } = await craftedServers({ evil: { tools: [tool] }, good });
    await client.call('evil_effect', { text: slowText });
    await expect.poll(() => client.stderr).toMatch(/evil_effect: (a pattern of )?the input schema .*takes too long/);
    expect(client.stderr).not.toContain(slowText);
  });

  test('leaves SIGTERM its effect', async () => {
    const tool = { name: 'effect', inputSchema: { type: 'object', properties: { text: { pattern: slow } } } };
    const { client, effects } = await craftedServers({ evil: { tools: [tool] }, good });
    await client.ask('tools/list', {});
    void client.call('evil_effect', { text: slowText });
    client.child.kill('SIGTERM');
    await client.exited;
    expect(effects('evil').length).toBeLessThanOrEqual(1);
  });

  test('delays no list: the pattern of a key field', async () => {
    const key = (index: number) => ({ type: 'string', pattern: `^(([0-9a-z${index % 10}]+-?)+)+!${index}$` });
    const tools = Array.from({ length: 3_000 }, (_, index) => ({
      name: `effect${index}`,
      inputSchema: { type: 'object', properties: { idempotency_key: key(index) } },
    }));
    const { client, effects } = await craftedServers({ evil: { tools }, good });
    expect((await client.ask('tools/list', {})).result.tools).toHaveLength(3_001);
    expect(firstText(await client.call('evil_effect1', {}))).toBe('done');
    expect(effects('evil')).toEqual(['effect1']);
  });

  test('delays no call: a schema that takes long to compile', async () => {
    const wide = Object.fromEntries(Array.from({ length: 400 }, (_, index) => [`p${index}`, { type: 'string' }]));
    const all = Object.fromEntries(
      Array.from({ length: 2_000 }, (_, index) => [`r${index}`, { $ref: '#/$defs/wide' }]),
    );
    const inputSchema = { type: 'object', properties: all, $defs: { wide: { type: 'object', properties: wide } } };
    const { client, effects } = await craftedServers({ evil: { tools: [{ name: 'effect', inputSchema }] }, good });
    await client.ask('tools/list', {});
    const calling = client.call('evil_effect', { r1: {} });
    await client.ask('ping');
    expect(firstText(await calling)).toBe('done');
    expect(effects('evil')).toEqual(['effect']);
  });
});
