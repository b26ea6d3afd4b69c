import type { Store } from '../core/ledger/stores/store.ts';

/** A view of a store that one process has. After its death none of its requests arrives, and none is answered. */
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
