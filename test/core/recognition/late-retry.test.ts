import { expect, test } from 'vitest';
import { z } from 'zod';
import { SessionMemory } from '../../../src/core/recognition/session.ts';
import { defineTool } from '../../../src/core/tool/define-tool.ts';
import { resultOf, testEngine } from '../../support/engine.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { Upstream, upstreamClient } from '../../support/upstream.ts';

/** A session that writes one resource, and receives the answers that it is told to. */
function session() {
  const clock = new ManualClock();
  const upstream = new Upstream();
  const tool = defineTool({
    name: 'set_status',
    title: 'Set status',
    description: 'Sets a status.',
    effect: 'update',
    input: z.strictObject({ status: z.string() }),
    output: z.object({ id: z.string() }),
    client: upstreamClient(upstream),
    resource: () => 'ticket',
    run: async (input, { client, step }) => {
      const { id } = await step('set', (key) => client.send(key, input));
      return { id };
    },
  });
  const { call } = testEngine({ tools: [tool], clock });
  const memory = new SessionMemory(clock);
  const set = async (status: string, how: { lost?: boolean; token?: string | undefined } = {}) => {
    const args = { status, ...(how.token === undefined ? {} : { repeat_token: how.token }) };
    const outcome = resultOf(await call('set_status', args, { session: memory }));
    if (!how.lost && outcome.operation) memory.of(undefined).noteDelivered(outcome.operation);
    return outcome;
  };
  const written = () => upstream.effects.map(({ body }) => (body as { status: string }).status);
  return { set, written, clock };
}

test('a late retry of a write whose answer was lost gets its result, although a later write replaced it', async () => {
  const { set, written } = session();
  const first = await set('open', { lost: true });
  await set('done');
  const retry = await set('open');
  expect(retry).toMatchObject({ replayed: true, result: first.result });
  expect(written()).toEqual(['open', 'done']);
});

test('the token of such a replay executes the write once more, once', async () => {
  const { set, written } = session();
  await set('open', { lost: true });
  await set('done');
  const { repeatToken: token } = await set('open');
  expect((await set('open', { token })).replayed).toBe(false);
  expect((await set('open', { token })).replayed).toBe(true);
  expect(written()).toEqual(['open', 'done', 'open']);
});

test('A, B, A executes three times where the answers arrived, or the retry was answered', async () => {
  const arrived = session();
  for (const status of ['A', 'B', 'A']) await arrived.set(status);
  expect(arrived.written()).toEqual(['A', 'B', 'A']);
  const retried = session();
  await retried.set('A', { lost: true });
  for (const status of ['B', 'A', 'A']) await retried.set(status);
  expect(retried.written()).toEqual(['A', 'B', 'A']);
});

test('a retry after the window executes', async () => {
  const { set, written, clock } = session();
  await set('open', { lost: true });
  await set('done');
  await clock.advance(3 * 60_000);
  await set('open');
  expect(written()).toEqual(['open', 'done', 'open']);
});
