import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { connect, type Message, main, RawClient, scripted, stage, textOf } from './support/wrap.ts';

interface Entry {
  readonly command?: string;
  readonly args?: readonly string[];
  readonly env?: Record<string, string>;
}

const outcome = (message: Message) => message.result?._meta?.['mcp-once/outcome'];

/** Writes a configuration with these servers, and returns the command line that wraps them. */
function configured(servers: (effects: (name: string) => Record<string, string>) => Record<string, Entry>) {
  const staged = stage();
  const effectsOf = (name: string) => ({
    EFFECTS: join(staged.folder, name),
    STARTS: join(staged.folder, `${name}.starts`),
  });
  const entries = Object.entries(servers(effectsOf)).map(([name, { command = process.execPath, ...rest }]) => [
    name,
    { command, ...rest },
  ]);
  const file = join(staged.folder, 'config.json');
  writeFileSync(
    file,
    JSON.stringify({ store: staged.store, logLevel: 'warn', mcpServers: Object.fromEntries(entries) }),
  );
  return { ...staged, args: [main, 'wrap', '--config', file], file: (name: string) => join(staged.folder, name) };
}

const two = (effects: (name: string) => Record<string, string>) => ({
  one: { args: [scripted], env: effects('one') },
  other: { args: [scripted], env: { ...effects('other'), TOOLS: 'more,evenMore' } },
});

const lines = (file: string): string[] => readFileSync(file, 'utf8').trim().split('\n');

test('shows two servers as one, with merged capabilities and instructions and prefixed tools', async () => {
  const { args } = configured(two);
  const client = new RawClient(args);
  const { result } = await client.initialize();
  expect(result.capabilities).toMatchObject({ tools: { listChanged: true }, unknown: { b: 2 } });
  expect(result.instructions).toMatch(/^one \(tools one_\.\.\.\):\nBe careful\.\n\nother/);
  const first = (await client.ask('tools/list', {})).result;
  const second = (await client.ask('tools/list', { cursor: first.nextCursor })).result;
  const third = (await client.ask('tools/list', { cursor: second.nextCursor })).result;
  const names = [first, second, third].map(({ tools }) => tools.map(({ name }: Message) => name));
  expect(names).toEqual([
    ['one_effect', 'one_get_thing', 'other_effect', 'other_get_thing'],
    ['one_pay', 'other_pay', 'other_more'],
    ['other_evenMore'],
  ]);
  expect(third.nextCursor).toBeUndefined();
  expect((await client.ask('tools/list', { cursor: 'none' })).error.code).toBe(-32602);
});

test('executes the same call once at each of two servers', async () => {
  const { args, file } = configured(two);
  const client = new RawClient(args);
  await client.initialize();
  const told = [];
  for (const name of ['one_effect', 'other_effect', 'one_effect', 'other_effect']) {
    told.push(await client.call(name, { what: 'w' }));
  }
  expect(told.map((each) => outcome(each).replayed)).toEqual([false, false, true, true]);
  expect([lines(file('one')), lines(file('other'))]).toEqual([['w'], ['w']]);
  expect((await client.call('other_get_thing', {})).result).toMatchObject({ structuredContent: { what: 'thing' } });
  expect((await client.call('nobody_effect', {})).error.message).toMatch(/Nothing was executed/);
});

test('delivers responses of the client to two servers that use the same request id', async () => {
  const { args } = configured(two);
  const client = new RawClient(args);
  await client.initialize({ capabilities: { elicitation: {} } });
  const calls = ['one', 'other'].map((name) => client.call(`${name}_effect`, { what: name, mode: 'ask' }));
  const asked = () => client.heard.filter(({ method }) => method === 'elicitation/create');
  await expect.poll(asked).toHaveLength(2);
  const [first, second] = asked();
  expect(first.id).not.toBe(second.id);
  client.send({ id: first.id, result: { action: 'accept' } });
  client.send({ id: second.id, result: { action: 'decline' } });
  const texts = (await Promise.all(calls)).map((each) => each.result.content[0].text.split(': ')[1]);
  expect(texts.sort()).toEqual(['accept', 'decline']);
});

test('omits a server that does not start, and keeps one while the other dies', async () => {
  const { args, file } = configured((effects) => ({
    ...two(effects),
    absent: { command: '/nowhere/at-all' },
    quits: { args: [scripted], env: { ...effects('quits'), BEHAVE: 'exit' } },
  }));
  const client = new RawClient(args);
  const { result } = await client.initialize();
  expect(result.serverInfo.title).toBe('one, other');
  const executing = client.call('other_effect', { what: 'for 300', mode: 'slow' });
  const died = await client.call('one_effect', { what: 'd', mode: 'die' });
  expect(outcome(died)).toMatchObject({ code: 'outcome_unknown' });
  expect(outcome(await client.call('other_effect', { what: 'x' }))).toMatchObject({ code: 'succeeded' });
  expect(outcome(await client.call('one_effect', { what: 'after' }))).toMatchObject({ code: 'succeeded' });
  expect(outcome(await executing)).toMatchObject({ code: 'succeeded' });
  expect(lines(file('one'))).toEqual(['d', 'after']);
  expect(lines(file('other'))).toEqual(['for 300', 'x']);
  expect(lines(file('other.starts'))).toHaveLength(1);
  expect(client.heard).toContainEqual({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' });
});

test('distinguishes names that would collide or are too long', async () => {
  const long = 'x'.repeat(70);
  const { args } = configured((effects) => ({
    a: { args: [scripted], env: { ...effects('a'), TOOLS: `b_c,${long}` } },
    a_b: { args: [scripted], env: { ...effects('a_b'), TOOLS: 'c' } },
  }));
  const client = await connect(args);
  const names: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.listTools(cursor === undefined ? {} : { cursor });
    names.push(...page.tools.map(({ name }) => name));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  expect(new Set(names).size).toBe(names.length);
  expect(names.every((name) => /^[A-Za-z0-9_-]{1,64}$/.test(name))).toBe(true);
  const made = names.filter((name) => name.startsWith('a_b_c'));
  expect(made).toHaveLength(2);
  const told = await Promise.all(made.map((name) => client.callTool({ name, arguments: {} })));
  expect(told.map(textOf).sort()).toEqual(['done b_c', 'done c']);
});
