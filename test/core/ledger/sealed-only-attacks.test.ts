import { describe, expect, onTestFinished, test } from 'vitest';
import { encryptionKeysOf } from '../../../src/config/encryption-keys.ts';
import { createEngine, openLedger } from '../../../src/core/engine.ts';
import { codecFor, type EntryCodec, plainCodec } from '../../../src/core/ledger/codec.ts';
import { openMemoryStore } from '../../../src/core/ledger/stores/memory.ts';
import type { Store } from '../../../src/core/ledger/stores/store.ts';
import { createCatalog } from '../../../src/core/tool/catalog.ts';
import { ClientPool } from '../../../src/core/tool/client-pool.ts';
import { keysText } from '../../support/encryption.ts';
import { refusalOf, resultOf, testEngine } from '../../support/engine.ts';
import { createThing, setThing } from '../../support/tools.ts';
import { Upstream } from '../../support/upstream.ts';

const minute = 60_000;
const keys = encryptionKeysOf(keysText('k'));
const lenient = codecFor(keys);
const strict = codecFor(keys, { sealedOnly: true });

function processWith(upstream: Upstream, store: Store, codec: EntryCodec) {
  return testEngine({ tools: [createThing(upstream, 'refuse'), setThing(upstream)], store, codec });
}

async function entriesOf(store: Store) {
  const entries: { key: string; value: string }[] = [];
  for await (const entry of store.scan()) entries.push(entry);
  return entries;
}

/** Replaces each entry by a plain one with another result, as somebody with access to the store can. */
async function forge(store: Store): Promise<void> {
  for (const { key, value } of await entriesOf(store)) {
    const entry = lenient.decode(key, value);
    const forged =
      entry.kind === 'operation' && entry.status.state === 'succeeded'
        ? { ...entry, status: { ...entry.status, result: { id: 'forged' } } }
        : entry;
    expect(await store.compareAndSet(key, value, plainCodec.encode(key, forged), minute)).toBe(true);
  }
}

describe('a plain record that somebody has written to an encrypted ledger', () => {
  test.each(['create_thing', 'set_thing'])(
    'refuses a call of %s with sealedOnly, and executes nothing',
    async (tool) => {
      const upstream = new Upstream();
      const store = openMemoryStore();
      const { call } = processWith(upstream, store, strict);
      resultOf(await call(tool, { item: 'a' }));
      await forge(store);
      const refused = refusalOf(await call(tool, { item: 'a' }));
      expect(refused.code).toBe('record_unreadable');
      expect(refused.message).toMatch(
        /is not encrypted, and sealedOnly accepts only encrypted ones.*Nothing was executed/,
      );
      expect(upstream.effects).toHaveLength(1);
    },
  );

  test('is replayed without sealedOnly (control)', async () => {
    const store = openMemoryStore();
    const { call } = processWith(new Upstream(), store, lenient);
    resultOf(await call('create_thing', { item: 'a' }));
    await forge(store);
    expect(resultOf(await call('create_thing', { item: 'a' })).result).toEqual({ id: 'forged' });
  });

  test('cannot supply the secret that signs repeat tokens', async () => {
    const store = openMemoryStore();
    const known = 'a secret that somebody else knows, too';
    await store.putIfAbsent(
      'repeat-secret',
      plainCodec.encode('repeat-secret', { v: 1, kind: 'secret', secret: known }),
      minute,
    );
    const upstream = new Upstream();
    const engineWith = (sealedOnly: boolean) => {
      const engine = createEngine({
        catalog: createCatalog([createThing(upstream, 'refuse')]),
        clients: new ClientPool({}),
        settings: {
          waitMs: 1_000,
          maxRunMs: minute,
          recordRetentionMs: minute,
          resultBytesMax: 10_000,
          hostKeys: true,
          conversationScope: false,
          twinMs: 10_000,
          rewordedMs: 900_000,
        },
        ledger: () =>
          openLedger({
            store: async () => ({ ...bound(store), close: async () => undefined }),
            leaseMs: 500,
            unresolvedRetentionMs: minute,
            encryptionKeys: keys,
            sealedOnly,
          }),
      });
      onTestFinished(() => engine.close());
      return engine.handle({
        tool: 'create_thing',
        arguments: { item: 'a' },
        scope: { tenant: 't', subject: 's' },
        meta: {},
        signal: new AbortController().signal,
      });
    };
    expect(refusalOf(await engineWith(true)).code).toBe('ledger_unavailable');
    expect(upstream.effects).toHaveLength(0);
    resultOf(await engineWith(false));
  });
});

test('reads what it has sealed itself', async () => {
  const upstream = new Upstream();
  const store = openMemoryStore();
  const first = resultOf(await processWith(upstream, store, strict).call('create_thing', { item: 'a' }));
  const second = resultOf(await processWith(upstream, store, strict).call('create_thing', { item: 'a' }));
  expect([second.replayed, second.result]).toEqual([true, first.result]);
});

/** Returns the store's methods as functions, so that one of them can be replaced. */
function bound(store: Store): Store {
  return {
    kind: store.kind,
    shared: store.shared,
    keyv: store.keyv,
    putIfAbsent: (...given) => store.putIfAbsent(...given),
    compareAndSet: (...given) => store.compareAndSet(...given),
    get: (...given) => store.get(...given),
    delete: (...given) => store.delete(...given),
    scan: () => store.scan(),
    sweep: () => store.sweep(),
    watch: (...given) => store.watch(...given),
    close: () => store.close(),
  };
}
