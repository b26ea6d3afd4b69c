import type { Principal, Refusal } from './types.ts';

/** How many entries may be held at once. */
export interface LimitSettings {
  readonly perSubject: number;
  readonly perTenant: number;
  /** All together, which also bounds the memory that counting takes. */
  readonly total: number;
}

/** Refuses an entry, and says whose limit was reached. */
export type LimitReached = Refusal & { readonly holder: 'subject' | 'tenant' | 'server' };

type LimitEntry = { readonly type: 'entered'; readonly release: () => void } | LimitReached;

/** Counts entries per subject, per tenant and in total. */
export interface Limits {
  /** Takes an entry, or refuses it at a limit. An entry must be released; releasing it again has no effect. */
  enter(principal: Principal): LimitEntry;
}

/** Creates limits that never queue, so that no caller waits for another one. */
export function createLimits(settings: LimitSettings): Limits {
  const subjects = new Counter();
  const tenants = new Counter();
  let total = 0;
  return {
    enter: (principal) => {
      const subject = JSON.stringify([principal.tenant, principal.subject]);
      if (subjects.of(subject) >= settings.perSubject)
        return refused(429, 'subject', 'Too many calls of this subject are in flight.');
      if (tenants.of(principal.tenant) >= settings.perTenant) {
        return refused(429, 'tenant', 'Too many calls of this tenant are in flight.');
      }
      if (total >= settings.total) return refused(503, 'server', 'Too many calls are in flight.');
      subjects.add(subject);
      tenants.add(principal.tenant);
      total += 1;
      let isHeld = true;
      const release = (): void => {
        if (!isHeld) return;
        isHeld = false;
        subjects.remove(subject);
        tenants.remove(principal.tenant);
        total -= 1;
      };
      return { type: 'entered', release };
    },
  };
}

/** Keeps positive counts only, so that its memory is bounded by the entries held. */
export class Counter {
  readonly #counts = new Map<string, number>();

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  add(name: string): void {
    this.#counts.set(name, this.of(name) + 1);
  }

  remove(name: string): void {
    const left = this.of(name) - 1;
    if (left > 0) this.#counts.set(name, left);
    else this.#counts.delete(name);
  }
}

function refused(status: number, holder: LimitReached['holder'], message: string): LimitReached {
  const headers = { 'retry-after': '1' };
  return { type: 'refused', status, headers, holder, message: `${message} Nothing was executed.` };
}
