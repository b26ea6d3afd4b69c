import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/event.ts';
import { program } from '../support/program.ts';
import { hasRedisServer, startRedis, type TestRedis } from '../support/redis.ts';
import { makeTemporaryFolder } from '../support/temporary.ts';
import { ServerProcess } from './server.ts';
import { EffectUpstream } from './upstream.ts';

const hourMs = 3_600_000;
const folder = makeTemporaryFolder();
let upstream: EffectUpstream;
let redis: TestRedis | undefined;
const servers: ServerProcess[] = [];

beforeAll(async () => {
  // Later than a busy machine takes to start a server and to look the effect up.
  upstream = await EffectUpstream.start();
  redis = hasRedisServer ? await startRedis({ own: true }) : undefined;
});
afterAll(async () => {
  await Promise.all(servers.map((server) => server.end()));
  await upstream.close();
  await redis?.stop();
  folder.remove();
});

async function start(name: string, store: string, aheadMs: number, env = {}): Promise<ServerProcess> {
  const config = {
    subject: 'chaos',
    lease: '500ms',
    wait: '20s',
    tools: { 'order_*': { window: '2m' } },
  };
  const settings = { program, folder: folder.path, name, store, upstream: upstream.url, config, aheadMs, env };
  const server = await ServerProcess.start(settings);
  servers.push(server);
  return server;
}

const stores = [
  { kind: 'SQLite', url: (name: string) => `sqlite:${folder.path}/${name}.sqlite` },
  { kind: 'Redis', url: () => redis?.url ?? '' },
];

describe.each(stores)('with a ledger on $kind', ({ kind, url }) => {
  const isMissing = kind === 'Redis' && !hasRedisServer;

  test.skipIf(isMissing)(
    'a process whose clock is an hour ahead sends nothing while a request may still arrive',
    async () => {
      const item = `late, ${kind}`;
      const store = url('late');
      const [owner, other] = [await start(`owner-${kind}`, store, 0), await start(`ahead-${kind}`, store, hourMs)];
      upstream.plan(item, 'blocked');
      const left = owner.call('order_asked', { item }).catch(() => undefined);
      await eventually(() => expect(upstream.arrived(item)).toBe(1));
      await owner.end();
      const told = await other.call('order_asked', { item });
      expect(told.outcome).toMatchObject({ code: 'outcome_unknown', retryAfterMs: expect.any(Number) });
      expect(upstream.effectsOf(item)).toHaveLength(0);
      upstream.release();
      await eventually(() => expect(upstream.effectsOf(item)).toHaveLength(1));
      await left;
      expect((await other.call('order_asked', { item })).outcome).toMatchObject({ recovered: 'reconcile' });
      expect(upstream.arrived(item)).toBe(1);
    },
  );

  test.skipIf(isMissing).each([
    { name: 'ahead', firstMs: 0, secondMs: 150_000 },
    { name: 'behind', firstMs: 0, secondMs: -150_000 },
    { name: 'ahead of one that is a day behind', firstMs: -24 * hourMs, secondMs: 0 },
  ])(
    'a process whose clock is 150 s $name agrees about a window of two minutes',
    async ({ name, firstMs, secondMs }) => {
      const item = `window, ${kind}, ${name}`;
      const store = url('window');
      const [one, two] = [await start(`one-${kind}`, store, firstMs), await start(`two-${kind}`, store, secondMs)];
      const first = await one.call('order_once', { item });
      expect(first.outcome).toMatchObject({ code: 'succeeded', replayed: false });
      expect((await two.call('order_once', { item })).outcome).toMatchObject({ code: 'succeeded', replayed: true });
      expect((await one.call('order_once', { item })).outcome.replayed).toBe(true);
      expect(upstream.effectsOf(item)).toHaveLength(1);
    },
  );

  // After 400 days, the row of the record would have expired.
  test.skipIf(isMissing).each([
    { name: 'three minutes', stepMs: 180_000 },
    { name: '400 days', stepMs: 400 * 24 * hourMs },
  ])('a clock that is set forward by $name does not end a window of two minutes', async ({ name, stepMs }) => {
    const item = `step, ${kind}, ${name}`;
    const server = await start(`step-${kind}-${name}`, url(`step ${name}`), 0);
    await server.call('order_once', { item });
    await server.setAhead(stepMs);
    expect((await server.call('order_once', { item })).outcome.replayed).toBe(true);
    expect(upstream.effectsOf(item)).toHaveLength(1);
  });
});

test('control: without the clock of the machine, a process ahead ends a window of two minutes on SQLite', async () => {
  const env = { CHAOS_NO_MACHINE: '1' };
  const store = `sqlite:${folder.path}/control.sqlite`;
  const [one, two] = [await start('control-one', store, 0, env), await start('control-two', store, 150_000, env)];
  const item = 'control';
  await one.call('order_once', { item });
  expect((await two.call('order_once', { item })).outcome.replayed).toBe(false);
  expect(upstream.effectsOf(item)).toHaveLength(2);
});
