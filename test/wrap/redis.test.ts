import { afterAll, beforeAll, expect, test } from 'vitest';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { outcomeOf, ownProcess, RawClient, scripted, stage, wrapArgs } from './support/wrap.ts';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis({ own: true, appendonly: true });
});
afterAll(() => redis.stop());

/** Starts one proxy per server, each of several in a process of its own. They share only Redis. */
function proxies(count: number, more: Record<string, string>, subject = 'someone') {
  const env = { MCP_ONCE_SUBJECT: subject, ...more };
  const args = wrapArgs(redis.url, [scripted]);
  return Promise.all(
    Array.from({ length: count }, async () => {
      const client = count > 1 ? ownProcess(args, env) : new RawClient(args, env);
      await client.initialize();
      return client;
    }),
  );
}

const call = async (client: RawClient, args: Record<string, unknown>) =>
  outcomeOf((await client.call('effect', args)).result);

test('executes once for concurrent and later calls through three proxies on one Redis', async () => {
  const { env, effects } = stage();
  const clients = await proxies(3, env);
  const told = await Promise.all(clients.map((client) => call(client, { what: 'r' })));
  expect(told.map((each) => each?.code)).toEqual(['succeeded', 'succeeded', 'succeeded']);
  expect(told.filter((each) => each?.replayed)).toHaveLength(2);
  const [late] = await proxies(1, env);
  expect(late && (await call(late, { what: 'r' }))).toMatchObject({ replayed: true });
  expect(effects()).toEqual(['r']);
});

test('never repeats the call of a killed proxy in the others', async () => {
  const { env, effects } = stage();
  const [first, ...others] = await proxies(3, env);
  first?.send({ id: 99, method: 'tools/call', params: { name: 'effect', arguments: { what: 'k', mode: 'hang' } } });
  await expect.poll(effects).toEqual(['k']);
  first?.child.kill('SIGKILL');
  const told = await Promise.all(others.map((client) => call(client, { what: 'k', mode: 'hang' })));
  expect(told.map((each) => each?.code)).toEqual(['outcome_unknown', 'outcome_unknown']);
  expect(effects()).toEqual(['k']);
});

test('executes once for each of two subjects on one Redis', async () => {
  const { env, effects } = stage();
  const [mine] = await proxies(1, env, 'one');
  const [theirs] = await proxies(1, env, 'other');
  for (const client of [mine, theirs]) expect(client && (await call(client, { what: 'p' }))?.replayed).toBe(false);
  expect(effects()).toEqual(['p', 'p']);
});

test('control: executes three times in three servers without the proxy', async () => {
  const { env, direct, effects } = stage();
  const clients = [direct(env), direct(env), direct(env)];
  await Promise.all(clients.map((client) => client.initialize()));
  await Promise.all(clients.map((client) => client.call('effect', { what: 'r' })));
  expect(effects()).toHaveLength(3);
});

test('executes nothing without Redis, and still passes reads', async () => {
  const { env, effects } = stage();
  const [client] = await proxies(1, env);
  await client?.ask('tools/list', {});
  await redis.kill();
  expect(client && (await call(client, { what: 'g' }))).toMatchObject({ code: 'ledger_unavailable' });
  const read = await client?.call('get_thing', {});
  expect(read?.result.content[0].text).toBe('done thing');
  expect(effects()).toEqual([]);
  await redis.restart();
});
