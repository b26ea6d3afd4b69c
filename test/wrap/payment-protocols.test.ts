import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { outcomeOf, RawClient, stage, wrapArgs } from './support/wrap.ts';

const shop = fileURLToPath(new URL('./support/shop.mjs', import.meta.url));

async function start(more: Record<string, string> = {}) {
  const { store, env, effects } = stage();
  const client = new RawClient(wrapArgs(store, [shop]), { ...env, ...more });
  await client.initialize();
  const { result } = await client.ask('tools/list', {});
  const shown = new Map<string, Record<string, unknown>>(
    result.tools.map((tool: { name: string; inputSchema: Record<string, unknown> }) => [tool.name, tool.inputSchema]),
  );
  return { client, shown, orders: () => effects().map((line) => JSON.parse(line)) };
}

const agent = { profile: 'https://platform.example/profiles/agent.json' };
const now = () => new Date().toISOString();
const signed = (id: string) => ({
  x402Version: 2,
  accepted: { scheme: 'exact', amount: '10000' },
  payload: { signature: `0x${randomUUID().replaceAll('-', '')}`, authorization: { nonce: randomUUID() } },
  extensions: { 'payment-identifier': { info: { required: false, id } } },
});

/** The arguments and `_meta` of one try. Each try has a new key, time and signature. */
const tries = {
  complete_checkout: () => ({
    arguments: {
      meta: { 'ucp-agent': agent, 'idempotency-key': randomUUID() },
      id: 'chk_1',
      checkout: { payment: {} },
    },
  }),
  complete_checkout_session: () => ({
    arguments: {
      meta: {
        api_version: '2026-01-30',
        idempotency_key: randomUUID(),
        request_id: `req_${randomUUID()}`,
        timestamp: now(),
        signature: randomUUID().repeat(2),
      },
      id: 'cs_1',
      payload: { payment_data: { token: 'spt_1' } },
    },
  }),
  pay_with_identifier: () => ({ arguments: { resource: '/report', payment: signed(`pay_${randomUUID()}`) } }),
  buy_report: () => ({ arguments: { name: 'q3' }, _meta: { 'x402/payment': signed(`pay_${randomUUID()}`) } }),
  ap2_complete_checkout: () => ({
    arguments: { payment_token: 'tok_1', checkout_mandate_id: 'chk_mandate_1', checkout_nonce: randomUUID() },
  }),
} as const;
type Protocol = keyof typeof tries;
const call = (client: RawClient, name: Protocol) => client.ask('tools/call', { name, ...tries[name]() });

describe.each(Object.keys(tries) as Protocol[])('%s', (name) => {
  test('replays a repeat with a fresh key, nonce, time and signature', async () => {
    const { client, orders } = await start();
    expect(outcomeOf((await call(client, name)).result)).toMatchObject({ code: 'succeeded', replayed: false });
    expect(outcomeOf((await call(client, name)).result)).toMatchObject({ code: 'succeeded', replayed: true });
    expect(orders()).toHaveLength(1);
  });
});

describe.each(['complete_checkout', 'complete_checkout_session', 'pay_with_identifier'] as const)('%s', (name) => {
  test('hides the key from the model and fills in the derived one, the same after a crash', async () => {
    const { client, shown, orders } = await start({ DIES: '1' });
    expect(JSON.stringify(shown.get(name))).not.toMatch(/idempotency|"id":\{"type":"string","minLength":16/);
    const given = tries[name]();
    const { result } = await client.ask('tools/call', { name, ...given });
    expect(outcomeOf(result)).toMatchObject({ code: 'succeeded' });
    const [order] = orders();
    expect(orders()).toHaveLength(1);
    expect(order.key).toMatch(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(JSON.stringify(given)).not.toContain(order.key);
  });

  test('accepts a call without the key, and keeps the other members of its object', async () => {
    const { client, orders } = await start();
    const given = JSON.parse(
      JSON.stringify(tries[name]().arguments, (member, value) =>
        /^idempotency|^payment-identifier/.test(member) ? undefined : value,
      ),
    );
    expect(outcomeOf((await client.call(name, given)).result)).toMatchObject({ code: 'succeeded' });
    expect(orders()[0].args).toMatchObject(given);
    expect(orders()[0].key).toMatch(/^[0-9a-f-]{36}$/);
  });
});

test('an object that is no object is refused with its place, and nothing is executed', async () => {
  const { client, orders } = await start();
  const { result, error } = await client.call('complete_checkout', { meta: 5, id: 'chk_1', checkout: {} });
  expect(JSON.stringify(result ?? error)).toMatch(/meta/);
  expect(orders()).toEqual([]);
});

test('a payment of x402 follows the answer that asks for it, and carries the derived identifier', async () => {
  const { client, orders } = await start();
  const asked = await client.call('buy_report', { name: 'q3' });
  expect(asked.result).toMatchObject({ isError: true, structuredContent: { x402Version: 2 } });
  const { arguments: args, _meta } = tries.buy_report();
  const paid = await client.call('buy_report', args, { _meta });
  expect(outcomeOf(paid.result)).toMatchObject({ code: 'succeeded', replayed: false });
  expect(orders()).toHaveLength(1);
  expect(orders()[0].meta['x402/payment']).toMatchObject({
    payload: _meta['x402/payment'].payload,
    extensions: { 'payment-identifier': { info: { required: false, id: expect.stringMatching(/^[0-9a-f-]{36}$/) } } },
  });
});
