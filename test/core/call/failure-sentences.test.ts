import { expect, test } from 'vitest';
import { refusalMessage } from '../../../src/core/call/messages.ts';
import { NotExecuted, z } from '../../../src/index.ts';
import { refusalOf, testEngine } from '../../support/engine.ts';
import { createThing } from '../../support/tools.ts';
import { Upstream } from '../../support/upstream.ts';

/** Calls a tool whose run throws. */
async function failing(run: () => never): Promise<string> {
  const { call } = testEngine({ tools: [createThing(new Upstream(), 'refuse', { run: async () => run() })] });
  return refusalMessage(refusalOf(await call('create_thing', { item: 'a' })));
}

test('an own tool that is rate limited names the wait, and ends each sentence once', async () => {
  const message = await failing(() => {
    throw new NotExecuted('Rate limit exceeded. Retry after 3 seconds.');
  });
  expect(message).toBe(
    'create_thing: the operation failed: Rate limit exceeded. Retry after 3 seconds. It had no effect. ' +
      'This is temporary: call again in 3 s with the same arguments: the operation then runs again.',
  );
});

test('an own tool that is declined does not advise the same call', async () => {
  const message = await failing(() => {
    throw new NotExecuted('the card was declined');
  });
  expect(message).toMatch(/would be declined again/);
  expect(message).not.toMatch(/safe to call again/);
});

test.each(['the invoice is not a draft: its status is open', 'the payment is already refunded'])(
  'an own tool refused by a lasting state ("%s") does not advise the same call',
  async (why) => {
    const message = await failing(() => {
      throw new NotExecuted(why);
    });
    expect(message).toMatch(/Read the current state, then decide: the same call fails until that changes\.$/);
    expect(message).not.toMatch(/safe to call again/);
  },
);

test('an own tool that cannot read an answer says so without the JSON of zod', async () => {
  const message = await failing(() => z.object({ id: z.string() }).parse({}) as never);
  expect(message).toMatch(/a value that the tool received is not valid: id /);
  expect(message).not.toMatch(/[[{]|invalid_type/);
});
