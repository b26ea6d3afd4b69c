import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Keyv } from 'keyv';
import { type Guard, type GuardOptions, guard, NotExecuted } from 'mcp-once';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { keysText } from '../support/encryption.ts';
import { hasRedisServer, startRedis } from '../support/redis.ts';

const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function openGuard(options: GuardOptions = {}): Promise<Guard> {
  const once = await guard({ store: 'memory:', drain: 0, logLevel: 'silent', ...options });
  closing.push(() => once.close());
  return once;
}

const call = { tool: 'create_invoice', arguments: { customer: 'ada' } };

describe('run', () => {
  it('executes once and replays the stored result', async () => {
    const once = await openGuard();
    let effects = 0;
    const execute = async ({ customer }: { customer: string }) => ({ customer, number: ++effects });
    const first = await once.run(call, execute);
    const again = await once.run(call, execute);
    expect(first).toMatchObject({ code: 'succeeded', replayed: false, result: { customer: 'ada', number: 1 } });
    expect(again).toMatchObject({ code: 'succeeded', replayed: true, result: { customer: 'ada', number: 1 } });
    if (again.code !== 'succeeded' || again.repeatToken === undefined) throw new Error('no token');
    const second = await once.run({ ...call, repeatToken: again.repeatToken }, execute);
    expect(second).toMatchObject({ replayed: false, result: { number: 2 } });
  });

  it('replays a call whose arguments differ in form or in ignored places', async () => {
    const once = await openGuard({ tools: { invite: { ignore: ['/memo', '/guests/*/note'] } } });
    const executed: unknown[] = [];
    const invite = (args: Record<string, unknown>) =>
      once.run({ tool: 'invite', arguments: args }, async (input) => executed.push(input));
    const first = { start: '2026-12-01T10:00:00+01:00', memo: 'a', guests: [{ email: 'Ada@X.com', note: 'b' }] };
    expect(await invite(first)).toMatchObject({ code: 'succeeded', replayed: false });
    const again = { guests: [{ email: 'ada@x.com' }], start: '2026-12-01T09:00:00Z', request_id: 'r-2', memo: 'c' };
    expect(await invite(again)).toMatchObject({ code: 'succeeded', replayed: true });
    expect(executed).toEqual([first]);
    expect(await invite({ ...first, start: '2026-12-01T10:00:00Z' })).toMatchObject({ replayed: false });
  });

  it('takes an undefined property as absent, at each depth', async () => {
    const once = await openGuard();
    const executed: unknown[] = [];
    const note = (args: Record<string, unknown>) =>
      once.run({ tool: 'create_note', arguments: args }, async (input) => executed.push(input));
    expect(await note({ title: 'x', due: undefined, tags: [{ name: 'a', color: undefined }] })).toMatchObject({
      code: 'succeeded',
      replayed: false,
    });
    expect(await note({ title: 'x', tags: [{ name: 'a' }] })).toMatchObject({ code: 'succeeded', replayed: true });
    expect(executed).toStrictEqual([{ title: 'x', tags: [{ name: 'a' }] }]);
  });

  it('refuses a pointer that is not valid', async () => {
    const refused = guard({ store: 'memory:', tools: { invite: { ignore: ['memo'] } } });
    await expect(refused).rejects.toThrow(/ignore.*begins with a slash/s);
  });

  it('refuses a call without a tool, and executes nothing', async () => {
    const once = await openGuard();
    let effects = 0;
    const misspelt = { tol: 'create_invoice', arguments: {} } as unknown as typeof call;
    await expect(once.run(misspelt, async () => ++effects)).rejects.toThrow(
      /does not name its tool.*Nothing was executed/,
    );
    expect(effects).toBe(0);
  });

  it('refuses a call without a function before it claims the operation', async () => {
    const once = await openGuard();
    const missing = undefined as unknown as () => number;
    await expect(once.run(call, missing)).rejects.toThrow(/needs the function.*Nothing was executed/);
    expect(await once.run(call, async () => 1)).toMatchObject({ code: 'succeeded', replayed: false });
  });

  it('takes a function that is not asynchronous, also one that throws', async () => {
    const once = await openGuard();
    expect(await once.run(call, () => 7)).toMatchObject({ code: 'succeeded', result: 7 });
    const refused = await once.run({ ...call, arguments: { customer: 'bo' } }, () => {
      throw new NotExecuted('closed');
    });
    expect(refused).toMatchObject({ code: 'operation_failed' });
  });

  it('executes again after NotExecuted, and not after another error', async () => {
    const once = await openGuard();
    let runs = 0;
    const lost = await once.run(call, async () => {
      runs += 1;
      throw new Error('reset');
    });
    expect(lost.code).toBe('outcome_unknown');
    expect((await once.run(call, async () => ++runs)).code).toBe('outcome_unknown');
    expect(runs).toBe(1);
    const other = { tool: 'create_invoice', arguments: { customer: 'bob' } };
    const refused = await once.run(other, async () => Promise.reject(new NotExecuted('closed')));
    expect(refused.code).toBe('operation_failed');
    expect(await once.run(other, async () => 'done')).toMatchObject({ result: 'done', replayed: false });
  });

  it("accepts the host's key, separates scopes, and does not guard a read", async () => {
    const once = await openGuard({ tools: { 'get_*': { effect: 'read' } } });
    let effects = 0;
    const execute = async () => ++effects;
    const keyed = { ...call, idempotencyKey: 'order-1' };
    await once.run(keyed, execute);
    await once.run(keyed, execute);
    expect(effects).toBe(1);
    expect((await once.run({ ...keyed, arguments: { customer: 'eve' } }, execute)).code).toBe('idempotency_conflict');
    await once.run({ ...call, scope: { subject: 'ada' } }, execute);
    await once.run({ ...call, scope: { subject: 'bob' } }, execute);
    expect(effects).toBe(3);
    await once.run({ ...call, tool: 'get_invoice' }, execute);
    await once.run({ ...call, tool: 'get_invoice' }, execute);
    expect(effects).toBe(5);
  });

  it('shares a SQLite file between guards, also after both are closed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mcp-once-guard-'));
    closing.push(() => rm(folder, { recursive: true, force: true }));
    const store = `sqlite:${join(folder, 'ledger.sqlite')}`;
    const [one, two] = [await openGuard({ store }), await openGuard({ store })];
    let effects = 0;
    const execute = async () => ++effects;
    const answers = await Promise.all([one.run(call, execute), two.run(call, execute), one.run(call, execute)]);
    expect(answers.map((each) => each.code === 'succeeded' && each.result)).toEqual([1, 1, 1]);
    await one.close();
    await two.close();
    const three = await openGuard({ store });
    expect(await three.run(call, execute)).toMatchObject({ replayed: true, result: 1 });
  });

  it('accepts an arbitrary Keyv instance with singleProcess only', async () => {
    const keyv = new Keyv();
    await expect(guard({ store: keyv })).rejects.toThrow(/singleProcess: true/);
    const once = await openGuard({ store: keyv, singleProcess: true });
    let effects = 0;
    await Promise.all([once.run(call, async () => ++effects), once.run(call, async () => ++effects)]);
    expect(effects).toBe(1);
  });

  it('refuses an unscoped call on a shared store, and executes nothing once it is closed', async () => {
    const shared = await openGuard({ store: 'redis://127.0.0.1:1' });
    await expect(shared.run(call, async () => 1)).rejects.toThrow(/scope of this operation is not known/);
    const once = await openGuard();
    await once.close();
    let effects = 0;
    const answer = await once.run(call, async () => ++effects);
    expect(answer.code).toMatch(/ledger_unavailable|operation_failed/);
    expect(effects).toBe(0);
  });
});

describe('run, with MCP_ONCE_ENCRYPTION_KEYS', () => {
  /** Everything in the folder of a guard's store, after an execution and its replay. */
  const storedWith = async (keys: string | undefined): Promise<string> => {
    vi.stubEnv('MCP_ONCE_ENCRYPTION_KEYS', keys);
    closing.push(async () => vi.unstubAllEnvs());
    const folder = await mkdtemp(join(tmpdir(), 'mcp-once-'));
    closing.push(() => rm(folder, { recursive: true }));
    const once = await openGuard({ store: `sqlite:${join(folder, 'ledger.sqlite')}` });
    const execute = async () => ({ number: 'a private result' });
    for (const replayed of [false, true]) expect(await once.run(call, execute)).toMatchObject({ replayed });
    const files = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'latin1')));
    return files.join();
  };

  it('encrypts everything it stores; without the variable, nothing', async () => {
    expect(await storedWith(keysText('k'))).not.toMatch(/a private result|create_invoice/);
    expect(await storedWith(undefined)).toMatch(/a private result/);
  });
});

describe.skipIf(!hasRedisServer && !process.env.REDIS_URL)('run, over Redis', () => {
  it('executes once for two guards, and separates subjects', async () => {
    const redis = await startRedis();
    closing.push(() => redis.stop());
    const [one, two] = [await openGuard({ store: redis.url }), await openGuard({ store: redis.url })];
    const arguments_ = { customer: `ada-${process.pid}-${Date.now()}` };
    let effects = 0;
    const execute = async () => ++effects;
    const mine = { tool: 'create_invoice', arguments: arguments_, scope: { subject: 'ada' } };
    const answers = await Promise.all([one.run(mine, execute), two.run(mine, execute)]);
    expect(answers.map(({ code }) => code)).toEqual(['succeeded', 'succeeded']);
    expect(effects).toBe(1);
    await two.run({ ...mine, scope: { subject: 'bob' } }, execute);
    expect(effects).toBe(2);
    await expect(one.run({ tool: 'create_invoice', arguments: arguments_ }, execute)).rejects.toThrow(/shared/);
    expect(effects).toBe(2);
  });
});
