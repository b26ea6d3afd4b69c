import { LedgerUnavailable } from '../../src/core/errors.ts';
import type { Store } from '../../src/core/ledger/stores/store.ts';

/** The fault of one request to the store. */
export type StoreFault = 'none' | 'before' | 'after';

/**
 * A store behind an unreliable connection. A request may be lost (`before`), or its response may be lost after the store
 * did the work (`after`). `dead` is the connection of a killed process: it never responds.
 */
export function faultyStore(store: Store, nextFault: () => StoreFault, dead: () => boolean): Store {
  const through = async <T>(run: () => Promise<T>): Promise<T> => {
    if (dead()) return new Promise<T>(() => {});
    const fault = nextFault();
    if (fault === 'before') throw new LedgerUnavailable('the request was lost');
    const answer = await run();
    if (dead()) return new Promise<T>(() => {});
    if (fault === 'after') throw new LedgerUnavailable('the answer was lost');
    return answer;
  };
  return {
    kind: store.kind,
    shared: store.shared,
    keyv: store.keyv,
    putIfAbsent: (...given) => through(() => store.putIfAbsent(...given)),
    compareAndSet: (...given) => through(() => store.compareAndSet(...given)),
    get: (...given) => through(() => store.get(...given)),
    delete: (...given) => through(() => store.delete(...given)),
    scan: () => store.scan(),
    sweep: () => store.sweep(),
    watch: (...given) => through(() => store.watch(...given)),
    close: () => store.close(),
  };
}
