import { describe, expect, test } from 'vitest';
import { type CraftedServer, craftedServers } from './support/crafted.ts';
import type { Message } from './support/wrap.ts';

const inputSchema = { type: 'object' };
const outcome = (message: Message) => message.result?._meta?.['mcp-once/outcome'];
const good = { tools: [{ name: 'get_note', inputSchema, annotations: { readOnlyHint: true } }] };
/** Numbers of levels. */
const deep = [600, 5_000, 100_000];
const deepAnswer = '{"content":[{"type":"text","text":"done"}],"structuredContent":{"deep":"NESTED"}}';

describe.each([
  ['alone', false],
  ['beside another server', true],
])('an answer of a server %s that is nested too deep', (_name, isBeside) => {
  const tools = [
    { name: 'effect', inputSchema },
    { name: 'get_thing', inputSchema, annotations: { readOnlyHint: true } },
  ];
  const start = (server: CraftedServer) => craftedServers(isBeside ? { evil: server, good } : { evil: server });
  const own = (name: string): string => (isBeside ? `evil_${name}` : name);

  test('gives a guarded call its true outcome', async () => {
    const { client, effects } = await start({ tools, answers: { 'tools/call': deepAnswer } });
    for (const levels of deep) {
      const before = effects('evil').length;
      const first = await client.call(own('effect'), { levels });
      expect(JSON.stringify(first), `${levels}`).toMatch(/nested deeper than|cannot be written as JSON/);
      const again = await client.call(own('effect'), { levels });
      expect(outcome(again)?.code).toBe(outcome(first)?.code);
      expect(outcome(first)?.code).not.toBe('outcome_unknown');
      expect(effects('evil').slice(before), `${levels}`).toEqual(['effect']);
      expect((await client.ask('ping')).result).toEqual({});
    }
  });

  test('gives an unguarded call an error', async () => {
    const { client, effects } = await start({ tools, answers: { 'tools/call': deepAnswer } });
    for (const levels of deep) {
      const before = effects('evil').length;
      const answer = await client.call(own('get_thing'), { levels });
      expect(answer.error.message, `${levels}`).toMatch(/nested deeper than 500 levels.* The call was executed/);
      expect(effects('evil').slice(before), `${levels}`).toEqual(['get_thing']);
      expect((await client.call(own('get_thing'), { levels: 400 })).result.content).toHaveLength(1);
    }
  });

  test('leaves a tool out of the list, and the others in it', async () => {
    const schema = `{"type":"object","default":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;
    const list = `{"tools":[{"name":"deep","inputSchema":${schema}},{"name":"effect","inputSchema":{"type":"object"}}]}`;
    const { client, effects } = await start({ answers: { 'tools/list': list } });
    const { tools: listed } = (await client.ask('tools/list', {})).result;
    expect(listed.map(({ name }: Message) => name).filter((name: string) => name !== 'good_get_note')).toEqual([
      own('effect'),
    ]);
    expect(outcome(await client.call(own('effect'), {}))).toMatchObject({ code: 'succeeded' });
    expect(effects('evil')).toEqual(['effect']);
  });

  test('answers a message of the client that is nested too deep', async () => {
    const { client, effects } = await start({ tools });
    const args = `{"deep":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;
    for (const name of ['effect', 'get_thing']) {
      const params = `{"name":"${own(name)}","arguments":${args}}`;
      client.child.stdin?.write(`{"jsonrpc":"2.0","id":"${name}","method":"tools/call","params":${params}}\n`);
      const answer = await client.until(({ id }) => id === name);
      expect(JSON.stringify(answer)).toMatch(/Nothing was executed|invalid_input/);
    }
    expect(effects('evil')).toEqual([]);
  });
});

describe('a flood of list_changed', () => {
  test.each([
    ['one server', {}],
    ['several servers', { good }],
  ])('leads to one request of the client at a time: %s', async (_name, others) => {
    const evil = {
      tools: [{ name: 'get_thing', inputSchema, annotations: { readOnlyHint: true } }],
      flood: 10_000,
      capabilities: { tools: { listChanged: true }, prompts: { listChanged: true } },
      answers: { 'prompts/list': '{"prompts":[]}' },
    };
    const { client } = await craftedServers({ evil, ...others });
    const prefix = 'good' in others ? 'evil_' : '';
    const told = (kind: string): number =>
      client.heard.filter(({ method }) => method === `notifications/${kind}/list_changed`).length;
    await client.ask('tools/list', {});
    await client.call(`${prefix}get_thing`, { flood: 'tools' });
    expect(told('tools')).toBe(1);
    await client.call(`${prefix}get_thing`, { flood: 'prompts' });
    expect([told('tools'), told('prompts')]).toEqual([1, 1]);
    await client.ask('tools/list', {});
    await client.call(`${prefix}get_thing`, { flood: 'tools' });
    expect([told('tools'), told('prompts')]).toEqual([2, 1]);
  });

  test('does not change how a tool is guarded', async () => {
    const key = { type: 'object', properties: { idempotency_key: { type: 'string' } } };
    const { client, effects } = await craftedServers({
      evil: { tools: [{ name: 'pay', inputSchema: key }], changesWithList: true },
    });
    expect(outcome(await client.call('pay', {}))).toMatchObject({ code: 'succeeded' });
    expect(effects('evil')).toEqual(['pay with a key']);
  });
});

describe('hidden characters', () => {
  const bad = 'Reads\u202e a\x1b[31m file\u200b.\u{e0041}';
  const text = 'Reads a[31m file.';
  const server = {
    capabilities: { tools: {}, prompts: {}, resources: {} },
    tools: [
      {
        name: 'get_thing',
        title: bad,
        description: bad,
        annotations: { title: bad, readOnlyHint: true },
        inputSchema: { type: 'object', properties: { what: { title: bad, description: bad, enum: [bad] } } },
        outputSchema: { type: 'object', description: bad },
      },
      { name: 'effect', title: bad, description: bad, inputSchema: { type: 'object', description: bad } },
    ],
    answers: {
      initialize: { instructions: bad, serverInfo: { name: 'x', version: '1', title: bad } },
      'prompts/list': JSON.stringify({
        prompts: [{ name: 'p', title: bad, description: bad, arguments: [{ name: 'a', description: bad }] }],
      }),
      'resources/list': JSON.stringify({ resources: [{ uri: 'x:y', name: bad, title: bad, description: bad }] }),
      'resources/templates/list': JSON.stringify({
        resourceTemplates: [{ uriTemplate: 'x:{y}', name: bad, description: bad }],
      }),
    },
  };

  test.each([
    ['one server', {}],
    ['several servers', { good }],
  ])('are removed from what a model or a person reads: %s', async (_name, others) => {
    const { client } = await craftedServers({ evil: server, ...others });
    const initialized = client.heard.find(({ result }) => result?.serverInfo !== undefined);
    expect(initialized.result.instructions).toContain(text);
    expect(JSON.stringify(initialized)).not.toContain('\u202e');
    for (const method of ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list']) {
      const { result } = await client.ask(method, {});
      const shown = JSON.stringify(result).replaceAll(JSON.stringify([bad]), '');
      expect(shown).toContain(text);
      expect(shown).not.toMatch(/[\u202e\u200b\u{e0041}]|\\u001b/u);
    }
    // A value stays as it is: the server expects it.
    const { tools } = (await client.ask('tools/list', {})).result;
    expect(tools[0].inputSchema.properties.what.enum).toEqual([bad]);
  });
});
