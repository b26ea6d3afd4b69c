import type { Store } from '../core/ledger/stores/store.ts';

/** One process's view of a store. After `die`, its requests neither reach the store nor get an answer. */
export interface MortalStore {
  readonly store: Store;
  die(): void;
}

/** Makes a view of a store that several simulated processes share. */
export function mortalStore(shared: Store): MortalStore {
  let isDead = false;
  const never = new Promise<never>(() => {});
  const store = new Proxy(shared, {
    get: (target, name) => {
      // The shared store outlives its processes.
      if (name === 'close') return async () => {};
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => (isDead && name !== 'watch' ? never : member.apply(target, args));
    },
  });
  return {
    store,
    die: () => {
      isDead = true;
    },
  };
}
