import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../src/core/call/outcome.ts';
import { refusal } from '../../src/core/call/outcome.ts';
import { SessionMemory } from '../../src/core/recognition/session.ts';
import { Deliveries } from '../../src/server/deliveries.ts';
import { ManualClock } from '../support/manual-clock.ts';

const upstream = { origin: 'https://api.example.com', mode: 'live', account: 'a' };
const operation = { key: 'k', tool: 't', generation: 1, attempt: 1, firstExecutedAt: '2026-01-01T00:00:00.000Z' };
const conflict = { type: 'conflict', sharedBy: 'wording', first: 'ended' } as const;

function deliveries() {
  const session = new SessionMemory(new ManualClock());
  const seen = new Deliveries(session);
  const earlier = (conversation?: string) =>
    session.of(conversation).factsOf({ key: 'k', generation: 1, upstream, twinMs: 1 }).earlier;
  const hasLost = () => session.of(undefined).hasLost('k');
  return { seen, earlier, hasLost };
}

describe('an answer', () => {
  const result = { type: 'result', tool: {}, result: {}, replayed: false, operation } as unknown as Outcome;

  test('counts as delivered once it is written, in its conversation only', () => {
    const { seen, earlier } = deliveries();
    seen.expect(1, result, { 'openai/session': 'one' });
    expect(earlier('one')).toBe('not_delivered');
    seen.written(1);
    expect([earlier('one'), earlier('two'), earlier()]).toEqual(['delivered', 'not_delivered', 'not_delivered']);
  });

  test('does not count when its caller left before or cancelled after it was written', () => {
    const { seen, earlier } = deliveries();
    seen.expect(1, result, {});
    seen.forget(1);
    seen.written(1);
    expect(earlier()).toBe('not_delivered');
    seen.expect(2, result, {});
    seen.written(2);
    expect(earlier()).toBe('delivered');
    seen.forget(2);
    expect(earlier()).toBe('not_delivered');
  });

  test('is lost when its caller left or cancelled, until an answer about the operation arrives', () => {
    const { seen, hasLost } = deliveries();
    expect(hasLost()).toBeUndefined();
    seen.expect(1, result, {});
    seen.forget(1);
    expect(hasLost()).toBe(true);
    seen.expect(2, refusal('t', conflict, { operation }), {});
    expect(hasLost()).toBe(true);
    seen.written(2);
    expect(hasLost()).toBe(false);
    seen.forget(2);
    expect(hasLost()).toBe(true);
    seen.expect(3, result, {});
    seen.written(3);
    expect(hasLost()).toBe(false);
    seen.forget(2);
    expect(hasLost()).toBe(false);
  });

  test('is lost when its connection was closed before it was there', () => {
    const { seen, hasLost, earlier } = deliveries();
    seen.closed(1);
    seen.expect(1, result, {});
    seen.written(1);
    expect([hasLost(), earlier()]).toEqual([true, 'not_delivered']);
  });

  test.each<[string, Outcome, string]>([
    [
      'a conflict that encloses the first result',
      refusal('t', conflict, { operation, firstResult: {} }),
      'not_delivered',
    ],
    ['a conflict without it', refusal('t', conflict, { operation }), 'not_delivered'],
    ['a call in flight', refusal('t', { type: 'in_flight', what: 'same_operation' }, { operation }), 'not_delivered'],
    ['an unknown outcome', refusal('t', { type: 'outcome_unknown', detail: 'x' }, { operation }), 'not_delivered'],
  ])('about %s counts as %3$s', (_, outcome, expected) => {
    const { seen, earlier } = deliveries();
    seen.expect(1, outcome, {});
    seen.written(1);
    expect(earlier()).toBe(expected);
  });
});
