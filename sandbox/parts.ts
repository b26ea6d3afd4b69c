import type { SqliteConnection } from '../src/core/ledger/stores/sqlite-driver.ts';
import { clockOffsetMs } from './database.ts';
import type { Call } from './endpoint.ts';
import type { Faults } from './faults.ts';
import type { Idempotency } from './idempotency.ts';
import { newId } from './ids.ts';
import type { Journal } from './journal.ts';
import { Objects } from './objects.ts';

/** The parts of a running sandbox. */
export interface Parts {
  readonly db: SqliteConnection;
  readonly journal: Journal;
  readonly idempotency: Idempotency;
  readonly faults: Faults;
  /** Whether `/_sandbox` may set faults and the clock. */
  readonly mayMisbehave: boolean;
  readonly origin: string;
  /** The base of the sandbox's clock, in milliseconds. */
  readonly now: () => number;
  readonly log: (line: string) => void;
  readonly closing: AbortSignal;
}

/** Returns the sandbox's time in milliseconds, equal in every process on the data file. */
export function clockMs(parts: Pick<Parts, 'db' | 'now'>): number {
  return Math.floor(parts.now() + clockOffsetMs(parts.db));
}

/** Makes the context of an endpoint for a request of this account. */
export function makeCall(
  parts: Parts,
  request: { account: string; livemode: boolean; requestId: string; key: string | undefined },
): Call {
  const nowMs = clockMs(parts);
  return {
    objects: new Objects(parts.db, request.account),
    account: request.account,
    livemode: request.livemode,
    nowMs,
    now: Math.floor(nowMs / 1000),
    origin: parts.origin,
    newId,
    effect(action, objectId) {
      parts.journal.effect({
        at_ms: nowMs,
        account: request.account,
        action,
        object: objectId,
        request_id: request.requestId,
        idempotency_key: request.key ?? null,
      });
    },
  };
}
