import { describe, expect, test } from 'vitest';
import type { Era } from '../support/e2e-http.ts';
import { paymentOf, unique, useStage } from '../support/e2e-stage.ts';

const stage = useStage();
const eras: readonly Era[] = ['2025', '2026'];

const payments = (description: string) => stage.sandbox.described('payment_intents', description);

describe('clients of both eras on one server', () => {
  /** What a client of each era heard that called the same at the same time. */
  const callAtOnce = async (guarded: boolean, description: string): Promise<string[]> => {
    const server = await stage.http({ guarded });
    const clients = await Promise.all(eras.map((era) => server.client(era)));
    const args = paymentOf(description);
    // Long enough that both are in flight at once.
    await stage.sandbox.fault({
      fault: 'delay',
      ms: 500,
      when: 'before_effect',
      match: { method: 'POST', path: '/v1/payment_intents', count: 2 },
    });
    const told = clients.map((client) => client.call('create_payment', args));
    return (await Promise.all(told)).map(({ words }) => words);
  };

  test('see the same tools', async () => {
    const server = await stage.http();
    const clients = await Promise.all(eras.map((era) => server.client(era)));
    const [older, newer] = await Promise.all(clients.map((client) => client.tools()));
    expect(older).toContain('create_payment');
    expect(newer).toEqual(older);
  });

  test('the same operation, called by a client of each era at the same time, executes once', async () => {
    const description = unique('both eras');
    expect((await callAtOnce(true, description)).sort()).toEqual(['executed', 'replayed']);
    expect(await payments(description)).toHaveLength(1);
  });

  test('control: without the ledger each of the two has its effect', async () => {
    const description = unique('both eras');
    expect(await callAtOnce(false, description)).toEqual(['executed', 'executed']);
    expect(await payments(description)).toHaveLength(2);
  });
});
