import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import KeyvRedis from '@keyv/redis';
import { Keyv } from 'keyv';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { LedgerUnavailable } from '../../../../src/core/errors.ts';
import { decodeEnvelope, encodeEnvelope } from '../../../../src/core/ledger/stores/envelope.ts';
import { storeFromKeyv } from '../../../../src/core/ledger/stores/keyv.ts';
import { openStore } from '../../../../src/core/ledger/stores/open.ts';
import { openSqliteAdapter, openSqliteStore } from '../../../../src/core/ledger/stores/sqlite.ts';
import type { SqliteDriver } from '../../../../src/core/ledger/stores/sqlite-driver.ts';
import type { Store, StoreEntry } from '../../../../src/core/ledger/stores/store.ts';
import { eventually } from '../../../support/event.ts';
import { startRedis, type TestRedis } from '../../../support/redis.ts';
import { driversHere } from '../../../support/sqlite-drivers.ts';
import { makeTemporaryFolder } from '../../../support/temporary.ts';

/** One way to open a store, and to let time pass for its entries. */
interface Subject {
  readonly store: Store;
  /** Lets `ms` pass, on the injected clock or the real one. */
  pass(ms: number, stillThere: () => Promise<boolean>): Promise<void>;
  end(): Promise<void>;
}

const minute = 60_000;
let redis: TestRedis;

beforeAll(async () => {
  redis = await startRedis();
});

afterAll(async () => {
  await redis.stop();
});

/** Waits until the entry is absent, for stores with their own clock. */
const untilGone: Subject['pass'] = (_ms, stillThere) => eventually(async () => expect(await stillThere()).toBe(false));

function withClock(): { now: () => number; pass: Subject['pass'] } {
  let time = Date.now();
  return {
    now: () => time,
    pass: async (ms) => {
      time += ms;
    },
  };
}

async function onSqlite(driver?: SqliteDriver): Promise<Subject> {
  const folder = makeTemporaryFolder();
  const { now, pass } = withClock();
  const path = join(folder.path, 'ledger.sqlite');
  const store = await (driver ? openSqliteStore({ path, now, driver }) : openStore(`sqlite:${path}`, { now }));
  return { store, pass, end: async () => folder.remove() };
}

const subjects: Record<string, () => Promise<Subject>> = {
  sqlite: () => onSqlite(),
  ...Object.fromEntries(driversHere().map((driver) => [`sqlite by ${driver}`, () => onSqlite(driver)])),
  async 'sqlite through Keyv'() {
    const folder = makeTemporaryFolder();
    const { now, pass } = withClock();
    const adapter = await openSqliteAdapter({ path: join(folder.path, 'ledger.sqlite'), now });
    const store = await storeFromKeyv(new Keyv(adapter, { namespace: 'own' }));
    const end = async () => {
      await adapter.disconnect();
      folder.remove();
    };
    return { store, pass, end };
  },
  async redis() {
    const store = await openStore(redis.url, { namespace: `test-${randomUUID()}` });
    return { store, pass: untilGone, end: async () => undefined };
  },
  async 'redis through Keyv'() {
    const keyv = new Keyv(new KeyvRedis(redis.url), { namespace: `test-${randomUUID()}` });
    const store = await storeFromKeyv(keyv);
    return { store, pass: untilGone, end: () => keyv.disconnect() };
  },
  async memory() {
    const { now, pass } = withClock();
    return { store: await openStore('memory:', { now }), pass, end: async () => undefined };
  },
  async 'any Keyv'() {
    const store = await storeFromKeyv(new Keyv(), { singleProcess: true });
    return { store, pass: untilGone, end: async () => undefined };
  },
};

const envelope = (value: unknown) => encodeEnvelope(value);

async function entriesOf(store: Store): Promise<StoreEntry[]> {
  const entries: StoreEntry[] = [];
  for await (const entry of store.scan()) entries.push(entry);
  return entries.sort((one, other) => (one.key < other.key ? -1 : 1));
}

describe.each(Object.entries(subjects))('the store contract: %s', (_name, open) => {
  let subject: Subject;
  let store: Store;

  beforeEach(async () => {
    subject = await open();
    ({ store } = subject);
  });

  afterEach(async () => {
    await store.close();
    await subject.end();
  });

  test('stores one of 50 concurrent puts and returns its value to the others', async () => {
    const values = Array.from({ length: 50 }, (_, index) => envelope({ owner: index }));
    const answers = await Promise.all(values.map((value) => store.putIfAbsent('key', value, minute)));
    const winner = values[answers.indexOf(undefined)];
    expect(answers.filter((answer) => answer === undefined)).toHaveLength(1);
    expect(answers.filter((answer) => answer === winner)).toHaveLength(49);
    expect(await store.get('key')).toBe(winner);
  });

  test('applies one of 50 concurrent replacements of the same bytes', async () => {
    await store.putIfAbsent('key', envelope('start'), minute);
    const values = Array.from({ length: 50 }, (_, index) => envelope({ owner: index }));
    const answers = await Promise.all(
      values.map((value) => store.compareAndSet('key', envelope('start'), value, minute)),
    );
    expect(answers.filter(Boolean)).toHaveLength(1);
    expect(await store.get('key')).toBe(values[answers.indexOf(true)]);
  });

  test('returns undefined for an absent key', async () => {
    expect(await store.get('never')).toBeUndefined();
  });

  test('replaces only exactly the expected bytes', async () => {
    await store.putIfAbsent('key', envelope({ a: 1, b: 2 }), minute);
    expect(await store.compareAndSet('key', envelope({ b: 2, a: 1 }), envelope('other'), minute)).toBe(false);
    expect(await store.compareAndSet('key', envelope({ a: 1, b: 2, c: 3 }), envelope('other'), minute)).toBe(false);
    expect(await store.compareAndSet('absent', envelope({ a: 1 }), envelope('other'), minute)).toBe(false);
    expect(await store.get('key')).toBe(envelope({ a: 1, b: 2 }));
    expect(await store.get('absent')).toBeUndefined();
    expect(await store.compareAndSet('key', envelope({ a: 1, b: 2 }), envelope('next'), minute)).toBe(true);
    expect(await store.get('key')).toBe(envelope('next'));
  });

  test('deletes only exactly the expected bytes', async () => {
    await store.putIfAbsent('key', envelope(1), minute);
    expect(await store.delete('key', envelope(2))).toBe(false);
    expect(await store.get('key')).toBe(envelope(1));
    expect(await store.delete('key', envelope(1))).toBe(true);
    expect(await store.delete('key', envelope(1))).toBe(false);
    expect(await store.putIfAbsent('key', envelope(3), minute)).toBeUndefined();
  });

  test('treats an expired entry as absent for get, compare, delete and put', async () => {
    await store.putIfAbsent('put', envelope('old'), 60);
    await store.putIfAbsent('replaced', envelope('old'), 60);
    await store.putIfAbsent('deleted', envelope('old'), 60);
    await store.putIfAbsent('kept', envelope('kept'), minute);
    await subject.pass(60, async () => (await store.get('deleted')) !== undefined);
    expect(await store.get('put')).toBeUndefined();
    expect(await store.compareAndSet('replaced', envelope('old'), envelope('new'), minute)).toBe(false);
    expect(await store.delete('deleted', envelope('old'))).toBe(false);
    expect(await store.putIfAbsent('put', envelope('new'), minute)).toBeUndefined();
    expect(await store.get('put')).toBe(envelope('new'));
    expect(await entriesOf(store)).toEqual([
      { key: 'kept', value: envelope('kept') },
      { key: 'put', value: envelope('new') },
    ]);
  });

  test('gives a replaced entry a new time to live', async () => {
    // On a busy machine the entry may expire before it is replaced. Then it is put again.
    do await store.putIfAbsent('longer', envelope('old'), 60);
    while (!(await store.compareAndSet('longer', envelope('old'), envelope('new'), minute)));
    await store.putIfAbsent('shorter', envelope('old'), minute);
    await store.compareAndSet('shorter', envelope('old'), envelope('new'), 60);
    await subject.pass(60, async () => (await store.get('shorter')) !== undefined);
    expect(await store.get('longer')).toBe(envelope('new'));
    expect(await store.get('shorter')).toBeUndefined();
  });

  test('keeps an entry with an infinite time to live', async () => {
    await store.putIfAbsent('put', envelope('secret'), Number.POSITIVE_INFINITY);
    await store.putIfAbsent('replaced', envelope('old'), minute);
    await store.compareAndSet('replaced', envelope('old'), envelope('secret'), Number.POSITIVE_INFINITY);
    await store.putIfAbsent('mark', envelope('mark'), 60);
    await subject.pass(100 * 365 * 86_400_000, async () => (await store.get('mark')) !== undefined);
    expect(await store.get('put')).toBe(envelope('secret'));
    expect(await store.get('replaced')).toBe(envelope('secret'));
  });

  test('keeps live entries in a sweep', async () => {
    await store.putIfAbsent('short', envelope(1), 60);
    await store.putIfAbsent('long', envelope(2), minute);
    await subject.pass(60, async () => (await store.get('short')) !== undefined);
    await store.sweep();
    expect(await entriesOf(store)).toEqual([{ key: 'long', value: envelope(2) }]);
    expect(await store.sweep()).toBe(0);
  });

  test('wakes the watchers of a key only for a replacement with wake', async () => {
    const heard = vi.fn<() => void>();
    const other = vi.fn<() => void>();
    const woken = new Promise<void>((resolve) => heard.mockImplementation(resolve));
    await store.putIfAbsent('key', envelope(1), minute);
    await store.watch('key', heard);
    const endOther = await store.watch('other', other);
    await store.compareAndSet('key', envelope(1), envelope(2), minute);
    expect(await store.compareAndSet('key', envelope('stale'), envelope(2), minute, { wake: true })).toBe(false);
    expect(heard).not.toHaveBeenCalled();
    await store.compareAndSet('key', envelope(2), envelope(3), minute, { wake: true });
    await woken;
    endOther();
  });

  test('wakes no ended watch, but still wakes other watches of the key', async () => {
    const gone = vi.fn<() => void>();
    await store.putIfAbsent('key', envelope(1), minute);
    const end = await store.watch('key', gone);
    let woken: () => void = () => undefined;
    const heard = new Promise<void>((resolve) => {
      woken = resolve;
    });
    await store.watch('key', () => woken());
    end();
    end();
    await store.compareAndSet('key', envelope(1), envelope(2), minute, { wake: true });
    await heard;
    expect(gone).not.toHaveBeenCalled();
  });

  test('wakes a watch that was ended and started again', async () => {
    await store.putIfAbsent('key', envelope(1), minute);
    const end = await store.watch('key', () => undefined);
    end();
    let woken: () => void = () => undefined;
    const heard = new Promise<void>((resolve) => {
      woken = resolve;
    });
    await store.watch('key', () => woken());
    await store.compareAndSet('key', envelope(1), envelope(2), minute, { wake: true });
    await heard;
  });

  test('lists every live entry once in a scan over several pages', async () => {
    const keys = Array.from({ length: 620 }, (_, index) => `key-${String(index).padStart(4, '0')}`);
    await Promise.all(keys.map((key) => store.putIfAbsent(key, envelope(key), minute)));
    expect(await entriesOf(store)).toEqual(keys.map((key) => ({ key, value: envelope(key) })));
  });

  test('lets Keyv read values that the primitives wrote', async () => {
    await store.putIfAbsent('put', envelope({ state: 'claimed' }), minute);
    await store.putIfAbsent('replaced', envelope(1), minute);
    await store.compareAndSet('replaced', envelope(1), envelope({ state: 'settled' }), minute);
    expect(await store.keyv.get('put')).toEqual({ state: 'claimed' });
    expect(await store.keyv.get('replaced')).toEqual({ state: 'settled' });
    expect(await store.keyv.get('absent')).toBeUndefined();
  });

  test('sees the writes and deletes of Keyv', async () => {
    await store.keyv.set('key', { from: 'keyv' });
    const present = await store.putIfAbsent('key', envelope('other'), minute);
    expect(decodeEnvelope(present ?? '')).toEqual({ from: 'keyv' });
    expect(await store.compareAndSet('key', present ?? '', envelope('next'), minute)).toBe(true);
    expect(await store.keyv.get('key')).toBe('next');
    await store.keyv.delete('key');
    expect(await store.get('key')).toBeUndefined();
  });

  test.each([
    ['unicode', { text: 'Zürich 東京 🧾 \u0000 \ud800', ключ: ['é', 'e\u0301'] }],
    ['strings that begin with a colon', { a: ':', b: ':base64:aGk=', c: '::', d: [':x', { e: ':y' }], ':f': 'g:' }],
    ['a megabyte', { text: 'Rechnung №1 '.repeat(80_000) }],
    ['numbers, null and nesting', { a: 1.5, b: -0.1, c: null, d: [[], {}, [null]], e: true, f: '' }],
    ['a string alone', ':base64:'],
  ])('keeps every byte: %s', async (_what, value) => {
    const text = envelope(value);
    expect(await store.putIfAbsent('key', text, minute)).toBeUndefined();
    expect(await store.get('key')).toBe(text);
    expect(decodeEnvelope(text)).toEqual(value);
    expect(await store.keyv.get('key')).toEqual(value);
    const next = envelope([value]);
    expect(await store.compareAndSet('key', text, next, minute)).toBe(true);
    expect(await store.putIfAbsent('key', text, minute)).toBe(next);
    expect(await store.delete('key', next)).toBe(true);
  });

  test('rejects every call after it was closed', async () => {
    await store.putIfAbsent('key', envelope(1), minute);
    await store.close();
    await expect(store.get('key')).rejects.toThrow(LedgerUnavailable);
    await expect(store.putIfAbsent('key', envelope(1), minute)).rejects.toThrow(LedgerUnavailable);
    await expect(store.compareAndSet('key', envelope(1), envelope(2), minute)).rejects.toThrow(LedgerUnavailable);
    await expect(store.watch('key', () => undefined)).rejects.toThrow(LedgerUnavailable);
    await store.close();
  });
});
