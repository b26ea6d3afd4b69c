import { describe, expect, test } from 'vitest';
import { fingerprintOf } from '../../../src/core/key/canonical-json.ts';
import { type DeriveKeyInput, deriveKey } from '../../../src/core/key/derive-key.ts';
import { openMemoryStore } from '../../../src/core/ledger/stores/memory.ts';
import type { Tool } from '../../../src/core/tool/types.ts';
import { resultOf, testEngine } from '../../support/engine.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { createThing, setThing } from '../../support/tools.ts';
import { Upstream } from '../../support/upstream.ts';

const scope = { tenant: 'default', subject: 'local' };
const day = 86_400_000;

interface Earlier {
  readonly tool: (upstream: Upstream) => Tool;
  readonly args: Record<string, unknown>;
  /** What the earlier version hashed besides. */
  readonly declared: (args: Record<string, unknown>) => Pick<DeriveKeyInput, 'identity' | 'resource'>;
  readonly windowMs: number;
}

const kinds: Readonly<Record<string, Earlier>> = {
  'arguments that were not folded': {
    tool: (upstream) => createThing(upstream, 'refuse', { identity: () => undefined }),
    args: { item: ' a' },
    declared: () => ({}),
    windowMs: day,
  },
  'an identity that was not folded': {
    tool: (upstream) => createThing(upstream, 'refuse', { identity: ({ item }) => ({ item }) }),
    args: { item: ' a' },
    declared: ({ item }) => ({ identity: { item } }),
    windowMs: day,
  },
  'a resource that was not folded': {
    tool: (upstream) => setThing(upstream),
    args: { item: ' a' },
    declared: ({ item }) => ({ resource: { item } }),
    windowMs: 120_000,
  },
};

/** Puts an operation into a ledger, under the key that a version without folding gave to it. */
async function storedBefore({ tool, args, declared }: Earlier) {
  const clock = new ManualClock();
  const upstream = new Upstream();
  const tools = [tool(upstream)];
  const store = openMemoryStore({ now: () => clock.wallMs() });
  const { ledger, engine, call } = testEngine({ tools, store, clock, keysSince: clock.wallMs() });
  const [{ name, client, class: toolClass, windowMs }] = tools as [Tool];
  const at = engine.clients.upstream(client);
  const fingerprint = fingerprintOf(args, {});
  const derived = deriveKey({ tool: name, scope, upstream: at, fingerprint, ...declared(args) });
  const claimed = await ledger.claim({
    ...{ key: derived.key, fingerprint: derived.fingerprint, source: derived.source },
    ...{ tool: name, scope, upstream: at, arguments: args, occurrence: 1, windowMs },
    ...{ retentionMs: 7 * day, supersedes: toolClass === 'state' },
  });
  if (claimed.type !== 'claimed') throw new Error(`expected a claim, got ${claimed.type}`);
  const status = { state: 'succeeded', settledAt: clock.wallMs(), result: { id: 'earlier' } } as const;
  await claimed.claim.settle(status, [], false);
  return { name, clock, upstream, call };
}

describe.each(Object.entries(kinds))('an operation with %s', (_kind, earlier) => {
  test('is found for one window after the upgrade', async () => {
    const { name, upstream, call } = await storedBefore(earlier);
    expect(resultOf(await call(name, earlier.args))).toMatchObject({ replayed: true, result: { id: 'earlier' } });
    expect(upstream.effects).toHaveLength(0);
  });

  test('is not looked for once the window is over', async () => {
    const { name, clock, upstream, call } = await storedBefore(earlier);
    await clock.advance(earlier.windowMs + 1_000);
    expect(resultOf(await call(name, earlier.args)).replayed).toBe(false);
    expect(upstream.effects).toHaveLength(1);
  });
});
