import { defineClient, defineTool, z } from 'mcp-once';
import { type TestToolOptions, testTool } from 'mcp-once/testing';
import { expect, onTestFinished, test } from 'vitest';

const client = (keyMemory?: string) =>
  defineClient({
    name: 'shop',
    env: z.object({ SHOP_URL: z.url() }),
    open: ({ SHOP_URL }) => SHOP_URL,
    upstream: ({ SHOP_URL }) => ({ origin: SHOP_URL, mode: 'test', account: 'main' }),
    ...(keyMemory ? { keyMemory: keyMemory as '24h' } : {}),
  });
const parts = {
  name: 'order',
  title: 'Order',
  description: 'Orders.',
  effect: 'create',
  input: z.strictObject({ item: z.string() }),
  output: z.object({ id: z.string() }),
} as const;
const send = async (url: unknown, key: string, body: object) => {
  const headers = { 'idempotency-key': key, 'content-type': 'application/json' };
  const response = await fetch(String(url), { method: 'POST', headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return (await response.json()) as { id: string };
};
const refusing = defineTool({
  ...parts,
  client: client(),
  run: (input, ctx) => ctx.step('order', (key) => send(ctx.client, key, input)),
});
const resending = defineTool({
  ...parts,
  client: client('24h'),
  recovery: 'resend',
  run: (input, ctx) => ctx.step('order', (key) => send(ctx.client, key, input)),
});

async function shop(tool = refusing, options: TestToolOptions = {}) {
  const under = await testTool(tool, { env: (url) => ({ SHOP_URL: url }), ...options });
  onTestFinished(() => under.close());
  return under;
}
const input = { item: 'book' };

test('a repeat is replayed, and executes again after the window', async () => {
  const under = await shop();
  expect(await under.call(input)).toEqual({ code: 'succeeded', result: { id: '1' }, replayed: false });
  expect(await under.call(input)).toMatchObject({ result: { id: '1' }, replayed: true });
  under.pass('25h');
  expect(await under.call(input)).toMatchObject({ result: { id: '2' }, replayed: false });
  expect(under.effects.map(({ body }) => body)).toEqual([input, input]);
});

test('a lost answer leaves doubt, or is recovered with a key', async () => {
  const without = await shop();
  without.next('answer_lost');
  expect((await without.call(input)).code).toBe('outcome_unknown');
  expect(without.effects).toHaveLength(1);
  const under = await shop(resending, { keyHeader: 'Idempotency-Key' });
  under.next('answer_lost');
  expect(await under.call(input)).toMatchObject({ code: 'succeeded', result: { id: '1' } });
  expect({ effects: under.effects.length, requests: under.requests.length }).toEqual({ effects: 1, requests: 2 });
});

test('two servers at once execute once', async () => {
  const under = await shop();
  const [one, other] = await under.twiceAtOnce(input);
  expect([one.replayed, other.replayed].sort()).toEqual([false, true]);
  expect(one.result).toEqual(other.result);
  expect(under.effects).toHaveLength(1);
});

test.each([true, false])('a killed server is recovered where the upstream knows keys (acted: %s)', async (acts) => {
  const under = await shop(resending, { keyHeader: 'idempotency-key' });
  expect(await under.killed(input, acts)).toMatchObject({ code: 'succeeded', recovered: 'resend' });
  expect(under.effects).toHaveLength(1);
  expect(await under.call(input)).toMatchObject({ replayed: true });
  const without = await shop();
  expect((await without.killed(input, acts)).code).toBe('outcome_unknown');
  expect(without.effects).toHaveLength(acts ? 1 : 0);
});

test('control: without the guard a repeat has a second effect', async () => {
  const under = await shop(refusing, { guarded: false });
  await under.call(input);
  await under.call(input);
  expect(under.effects).toHaveLength(2);
});

test('what is not a tool is refused', async () => {
  await expect(testTool({} as never)).rejects.toThrow(/needs a tool that defineTool made/);
});
