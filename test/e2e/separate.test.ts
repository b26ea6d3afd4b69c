import { describe, expect, test } from 'vitest';
import { isSoak } from '../support/soak.ts';
import type { ServerProcess } from './support/server.ts';
import { paymentOf, testKey, unique, until, useStage } from './support/stage.ts';

const stage = useStage();

const payments = (description: string) => stage.sandbox.described('payment_intents', description);

describe('the same arguments of another subject or for another upstream', () => {
  /** Starts servers on one ledger whose operations are separate. */
  const elsewhere: readonly (readonly [string, Record<string, string>])[] = [
    ['the first tenant', {}],
    ['another tenant', { MCP_ONCE_TENANT: 'acme' }],
    ['another subject', { MCP_ONCE_SUBJECT: 'grace' }],
    ['a tenant named as that subject', { MCP_ONCE_TENANT: 'grace' }],
    ['another account', { STRIPE_SECRET_KEY: 'sk_test_another' }],
    ['the same account, live', { STRIPE_SECRET_KEY: testKey.replace('test', 'live') }],
    ['an account that a restricted key names', { STRIPE_SECRET_KEY: 'rk_test_e2e' }],
  ];
  const callEach = async (guarded: boolean, description: string, places = elsewhere): Promise<string[][]> => {
    const args = paymentOf(description);
    const servers = await Promise.all(places.map(([, env]) => stage.server({ guarded, env })));
    const each = async (server: ServerProcess) => [
      await server.heard('create_payment', args),
      await server.heard('create_payment', args),
    ];
    return Promise.all(servers.map(each));
  };

  test('are separate operations, each with its own repeats', async () => {
    const description = unique('separate');
    expect(await callEach(true, description)).toEqual(elsewhere.map(() => ['executed', 'replayed']));
    expect(await payments(description)).toHaveLength(elsewhere.length);
  });

  test('control: without the ledger, each have an effect', async () => {
    const description = unique('separate');
    const places = isSoak ? elsewhere : elsewhere.slice(0, 2);
    expect(await callEach(false, description, places)).toEqual(places.map(() => ['executed', 'executed']));
    expect(await payments(description)).toHaveLength(2 * places.length);
  });

  test('have the same subject from the environment and from the file', async () => {
    const description = unique('separate');
    const args = paymentOf(description);
    const env = { MCP_ONCE_TENANT: 'acme', MCP_ONCE_SUBJECT: 'grace', MCP_ONCE_LOG_LEVEL: 'error' };
    const [server, other] = await Promise.all([
      stage.server({ env }),
      stage.server({ env: { MCP_ONCE_LOG_LEVEL: 'silent' }, config: { tenant: 'acme', subject: 'grace' } }),
    ]);
    expect(await server.heard('create_payment', args)).toBe('executed');
    expect(await other.heard('create_payment', args)).toBe('replayed');
    expect(await payments(description)).toHaveLength(1);
  });
});

describe('update_customer', () => {
  const setNames = async (guarded: boolean, names: readonly string[]) => {
    const customer = await stage.sandbox.customer(testKey);
    // Servers alternate, since the ledger and not a process must know the latest write.
    const servers = [await stage.shared({ guarded }), await stage.shared({ name: 'other', guarded })];
    const heard: (string | undefined)[] = [];
    for (const [index, name] of names.entries()) {
      heard.push(await servers[index % 2]?.heard('update_customer', { customer, name }));
    }
    const effects = await stage.sandbox.effectsOn(customer);
    return { heard, updates: effects.filter((action) => action === 'customer.updated').length };
  };

  test('executes A, B, A three times', async () => {
    expect(await setNames(true, ['A', 'B', 'A'])).toEqual({ heard: ['executed', 'executed', 'executed'], updates: 3 });
  });

  test('executes A, A once', async () => {
    expect(await setNames(true, ['A', 'A'])).toEqual({ heard: ['executed', 'replayed'], updates: 1 });
  });

  test('executes A, B, B, A three times, since only the latest call can be repeated', async () => {
    const { heard, updates } = await setNames(true, ['A', 'B', 'B', 'A']);
    expect(heard).toEqual(['executed', 'executed', 'replayed', 'executed']);
    expect(updates).toBe(3);
  });

  test('control: without the ledger, executes A, A twice', async () => {
    expect(await setNames(false, ['A', 'A'])).toEqual({ heard: ['executed', 'executed'], updates: 2 });
  });
});

describe('the end of a window', () => {
  const config = { tools: { create_payment: { window: '2s' } } };

  test('makes the same call another operation, under another upstream key', async () => {
    const description = unique('window');
    const args = paymentOf(description);
    const server = await stage.server({ config });
    const since = await stage.sandbox.newest();
    const first = await server.call('create_payment', args);
    expect([first.words, await server.heard('create_payment', args)]).toEqual(['executed', 'replayed']);
    expect(await payments(description)).toEqual([first.result.id]);
    let last = first;
    await until(async () => {
      last = await server.call('create_payment', args);
      return last.words === 'executed';
    });
    expect(last.outcome).toMatchObject({ operation: first.outcome.operation, generation: 2 });
    expect(await server.heard('create_payment', args)).toBe('replayed');
    expect(await payments(description)).toEqual([first.result.id, last.result.id]);
    const requests = await stage.sandbox.requests('POST', /^\/v1\/payment_intents$/, since);
    expect(new Set(requests.map((request) => request.idempotency_key)).size).toBe(2);
    expect(requests).toHaveLength(2);
  });

  test('control: without the ledger, is not needed for a second effect', async () => {
    const description = unique('window');
    const args = paymentOf(description);
    const server = await stage.shared({ guarded: false });
    expect(await server.heard('create_payment', args)).toBe('executed');
    expect(await server.heard('create_payment', args)).toBe('executed');
    expect(await payments(description)).toHaveLength(2);
  });
});
