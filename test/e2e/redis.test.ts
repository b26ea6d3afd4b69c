import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasRedisServer, startRedis, type TestRedis } from '../support/redis.ts';
import { isSoak } from '../support/soak.ts';
import type { Told } from './support/server.ts';
import { invoiceFor, type ServerOptions, testKey, unique, until, useStage } from './support/stage.ts';

const stage = useStage({ config: { lease: '2s', wait: '20s' } });

const invoicePath = '^/v1/invoices$';

let customer: string;
beforeAll(async () => {
  customer = await stage.sandbox.customer(testKey);
});

const invoices = (memo: string) => stage.sandbox.described('invoices', memo);

const on = (redis: TestRedis, options: ServerOptions = {}) =>
  stage.server({ ...options, env: { ...options.env, MCP_ONCE_STORE: redis.url, MCP_ONCE_SUBJECT: 'e2e' } });

/** Withholds the answer of the next invoice. */
const withhold = () =>
  stage.sandbox.fault({ fault: 'hang', when: 'after_effect', match: { method: 'POST', path: invoicePath } });

describe('servers that share a Redis', () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  /** A control has one process in `npm test`. */
  const processesOf = (guarded: boolean) => (guarded || isSoak ? 3 : 1);
  const atOnce = async (guarded: boolean, memo: string): Promise<Told[]> => {
    const args = invoiceFor(customer, memo);
    const starts = Array.from({ length: processesOf(guarded) }, () => on(redis, { guarded }));
    const servers = await Promise.all(starts);
    const calls = servers.flatMap((server) => Array.from({ length: 5 }, () => server.call('create_invoice', args)));
    return Promise.all(calls);
  };

  test('execute concurrent calls in three processes once and give all of them the result', async () => {
    const memo = unique('redis');
    const told = await atOnce(true, memo);
    const words = told.map((each) => each.words).sort();
    expect(words).toEqual(['executed', ...Array.from({ length: 14 }, () => 'replayed')]);
    const [made, ...more] = await invoices(memo);
    expect(more).toEqual([]);
    expect(new Set(told.map(({ result }) => result.id))).toEqual(new Set([made]));
  });

  test('control: without the ledger, execute all', async () => {
    const memo = unique('redis');
    await atOnce(false, memo);
    expect(await invoices(memo)).toHaveLength(5 * processesOf(false));
  });

  test.each([
    ['recover the operation of a server that is killed in the middle (SIGKILL)', true],
    ['control: without the ledger, make two invoices after a kill in the middle', false],
  ])('%s', async (_, guarded) => {
    const memo = unique('redis');
    const args = invoiceFor(customer, memo);
    const [first, second] = await Promise.all([on(redis, { guarded }), on(redis, { guarded })]);
    const since = await stage.sandbox.newest();
    await withhold();
    const calling = first.heard('create_invoice', args);
    await stage.sandbox.arrival(invoicePath, since);
    await until(async () => (await invoices(memo)).length === 1);
    expect(await first.kill()).toEqual({ code: null, signal: 'SIGKILL' });
    expect(await calling).toBe('no answer');
    const told = await second.call('create_invoice', args);
    expect(told.words).toBe(guarded ? 'recovered (resend)' : 'executed');
    const made = await invoices(memo);
    expect(made).toContain(told.result.id);
    expect(made).toHaveLength(guarded ? 1 : 2);
  });
});

describe.skipIf(!hasRedisServer)('a Redis that fails', () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis({ own: true, appendonly: true });
  });
  afterAll(() => redis.stop());

  test('lets the operation settle and its repeat replay after a kill and restart in the middle', async () => {
    const memo = unique('redis');
    const args = invoiceFor(customer, memo);
    const [first, second] = await Promise.all([on(redis), on(redis)]);
    const since = await stage.sandbox.newest();
    await withhold();
    const calling = first.call('create_invoice', args);
    await stage.sandbox.arrival(invoicePath, since);
    await redis.kill();
    const refused = await second.call('create_invoice', args);
    expect(refused.words).toBe('ledger_unavailable');
    expect(refused.text).toContain('Nothing was executed');
    await redis.restart();
    await stage.sandbox.release();
    const told = await calling;
    const repeated = await callUntilKnown(second, args);
    expect(repeated.result).toEqual(told.result);
    expect(await invoices(memo)).toEqual([told.result.id]);
    expect(told.result.total).toBeGreaterThan(0);
  });

  test('control: without the ledger, prevents no second invoice', async () => {
    const memo = unique('redis');
    const args = invoiceFor(customer, memo);
    const server = await on(redis, { guarded: false });
    await redis.kill();
    expect([await server.heard('create_invoice', args), await server.heard('create_invoice', args)]).toEqual([
      'executed',
      'executed',
    ]);
    expect(await invoices(memo)).toHaveLength(2);
    await redis.restart();
  });

  test('ends the start of a server with its error while it is down, and serves once it is up', async () => {
    const memo = unique('redis');
    const args = invoiceFor(customer, memo);
    const control = await on(redis, { guarded: false });
    await redis.kill();
    await expect(on(redis)).rejects.toThrow(/refuses connections/);
    expect(await control.heard('create_invoice', args)).toBe('executed');
    await redis.restart();
    const server = await on(redis);
    await callUntilKnown(server, args);
    expect(await server.heard('create_invoice', args)).toBe('replayed');
    expect(await invoices(memo)).toHaveLength(2);
  });
});

/** Calls again while the ledger is unavailable, as the answer asks. */
async function callUntilKnown(server: Awaited<ReturnType<typeof on>>, args: Parameters<typeof server.call>[1]) {
  let told = await server.call('create_invoice', args);
  await until(async () => {
    if (told.words === 'ledger_unavailable') told = await server.call('create_invoice', args);
    return told.outcome.code === 'succeeded';
  });
  return told;
}
