import { describe, expect, test } from 'vitest';
import type { Arguments, CallOptions, ServerProcess } from './support/server.ts';
import { paymentOf, unique, useStage } from './support/stage.ts';

const stage = useStage();

const payments = (description: string) => stage.sandbox.described('payment_intents', description);

function pay(server: ServerProcess, args: Arguments, options?: CallOptions) {
  return server.call('create_payment', args, options);
}

const hostKeyMeta = 'mcp-once/idempotency-key';
/** The two places for a host program's own key. */
const inMeta = (key: unknown): CallOptions => ({ meta: { [hostKeyMeta]: key } });
const inParams = (key: unknown): CallOptions => ({ params: { idempotencyKey: key } });

describe('an identical call that is meant twice', () => {
  test('executes once for each token of a replay, and replays a token that is used again', async () => {
    const description = unique('meant');
    const args = paymentOf(description);
    const [server, other] = [await stage.shared(), await stage.shared({ name: 'other' })];
    const first = await pay(server, args);
    // Only a caller that has seen a replay knows a token.
    expect(first.outcome.repeatToken).toBeUndefined();
    const replay = await pay(server, args);
    const { repeatToken: token } = replay.outcome;
    expect([replay.words, replay.result]).toEqual(['replayed', first.result]);

    const second = await pay(other, { ...args, repeat_token: token });
    expect(second.words).toBe('executed');
    const again = await pay(server, { ...args, repeat_token: token });
    expect([again.words, again.result]).toEqual(['replayed', second.result]);
    expect(await payments(description)).toEqual([first.result.id, second.result.id]);

    const third = await pay(other, { ...args, repeat_token: again.outcome.repeatToken });
    expect(third.words).toBe('executed');
    expect(await payments(description)).toEqual([first.result.id, second.result.id, third.result.id]);
    // Without a token the call still means the first operation.
    expect((await pay(other, args)).result).toEqual(first.result);
    expect(await payments(description)).toHaveLength(3);
  });

  test('executes once for one token in two processes at the same time', async () => {
    const description = unique('meant');
    const args = paymentOf(description);
    const [server, other] = [await stage.shared(), await stage.shared({ name: 'other' })];
    await pay(server, args);
    const { repeatToken } = (await pay(server, args)).outcome;
    const told = await Promise.all(
      [server, other, server, other].map((each) => pay(each, { ...args, repeat_token: repeatToken })),
    );
    expect(told.map(({ words }) => words).sort()).toEqual(['executed', 'replayed', 'replayed', 'replayed']);
    expect(await payments(description)).toHaveLength(2);
  });

  test('is refused without execution for a token that is invented, changed or from another operation', async () => {
    const [description, elsewhere] = [unique('meant'), unique('meant')];
    const [args, others] = [paymentOf(description), paymentOf(elsewhere)];
    const server = await stage.shared();
    for (const each of [args, args, others, others]) await pay(server, each);
    const token = String((await pay(server, args)).outcome.repeatToken);
    const changed = token.at(-2) === 'A' ? 'B' : 'A';
    const tokens = [
      'again, please',
      token.replace(/^r1\.1\./, 'r1.2.'),
      token.slice(0, -2) + changed + token.at(-1),
      (await pay(server, others)).outcome.repeatToken,
    ];
    for (const forged of tokens) {
      const told = await pay(server, { ...args, repeat_token: forged });
      expect(told.words, forged).toBe('invalid_repeat_token');
      expect(told.text).toContain('Nothing was executed');
    }
    expect(await pay(server, { ...args, repeat_token: 5 })).toMatchObject({ words: 'invalid_input' });
    expect(await payments(description)).toHaveLength(1);
    expect(await payments(elsewhere)).toHaveLength(1);
    expect((await pay(server, { ...args, repeat_token: token })).words).toBe('executed');
  });

  test('control: without the ledger, charges with each of four calls', async () => {
    const description = unique('meant');
    const args = paymentOf(description);
    const server = await stage.shared({ guarded: false });
    for (let calls = 0; calls < 4; calls += 1) expect((await pay(server, args)).words).toBe('executed');
    expect(await payments(description)).toHaveLength(4);
  });
});

describe("the host program's own key", () => {
  test.each([
    ['in _meta', inMeta],
    ['in params.idempotencyKey', inParams],
  ])('names the operation by %s: one effect for one key, two for two keys', async (_, withKey) => {
    const description = unique('host key');
    const args = paymentOf(description);
    const [server, other] = [await stage.shared(), await stage.shared({ name: 'other' })];
    const [one, two] = [unique('key'), unique('key')];
    const told = [
      await pay(server, args, withKey(one)),
      await pay(other, args, withKey(one)),
      await pay(other, args, withKey(two)),
      await pay(server, args, withKey(two)),
      await pay(server, args),
    ];
    expect(told.map(({ words }) => words)).toEqual(['executed', 'replayed', 'executed', 'replayed', 'executed']);
    expect(told[1]?.result).toEqual(told[0]?.result);
    // A host sends another key to mean a second operation, so it gets no token.
    expect(told[1]?.outcome.repeatToken).toBeUndefined();
    expect(await payments(description)).toEqual([told[0]?.result.id, told[2]?.result.id, told[4]?.result.id]);
  });

  test('has one meaning wherever it stands', async () => {
    const description = unique('host key');
    const args = paymentOf(description);
    const server = await stage.shared();
    const key = unique('key');
    expect((await pay(server, args, inParams(key))).words).toBe('executed');
    expect((await pay(server, args, inMeta(key))).words).toBe('replayed');
    expect(await payments(description)).toHaveLength(1);
  });

  test('answers other arguments with a conflict that names them and encloses the first result', async () => {
    const [description, otherwise] = [unique('host key'), unique('host key')];
    const args = paymentOf(description);
    const server = await stage.shared();
    const key = unique('key');
    const first = await pay(server, args, inMeta(key));
    const told = await pay(server, { ...args, amount: 5, description: otherwise }, inMeta(key));
    expect(told.words).toBe('idempotency_conflict (amount, description)');
    expect(told.outcome.firstResult).toEqual(first.result);
    expect(told.outcome.repeatToken).toBeUndefined();
    expect(await payments(description)).toHaveLength(1);
    expect(await payments(otherwise)).toHaveLength(0);
  });

  test.each<[string, unknown, RegExp]>([
    ['empty', '', /empty/],
    ['of 256 characters', 'x'.repeat(256), /over 255/],
    ['a number', 5, /not a string/],
    ['null', null, /not a string/],
    ['with a line break', 'a\nb', /control character/],
  ])('is refused without execution: %s', async (_, key, why) => {
    const description = unique('bad key');
    const args = paymentOf(description);
    const server = await stage.shared();
    for (const options of [inMeta(key), inParams(key)]) {
      const told = await pay(server, args, options);
      expect(told.words).toBe('invalid_input');
      expect(told.text).toMatch(why);
      expect(told.text).toContain('Nothing was executed');
    }
    expect(await payments(description)).toHaveLength(0);
    expect((await pay(server, args, inMeta(unique('key').padEnd(255, 'x')))).words).toBe('executed');
    expect(await payments(description)).toHaveLength(1);
  });

  test('control: without keys and ledger, charges twice for one key', async () => {
    const description = unique('host key');
    const args = paymentOf(description);
    const server = await stage.shared({ guarded: false });
    for (const options of [inMeta('one key'), inParams('one key')]) {
      expect((await pay(server, args, options)).words).toBe('executed');
    }
    expect(await payments(description)).toHaveLength(2);
  });
});
