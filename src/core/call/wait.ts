import { pause } from '../clock.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { EndedStatus, OperationRecord, StoredRecord } from '../ledger/record.ts';
import type { EngineParts, ToolCall } from './types.ts';

/** How often a waiter reads the record even without being woken, in ms. */
const pollMs = 1_000;

export type Waited =
  /** The operation has ended. */
  | { readonly type: 'ended'; readonly record: OperationRecord; readonly ended: EndedStatus }
  /** The record has changed: ask the ledger again. */
  | { readonly type: 'changed' }
  /** The operation ended, and later ones have replaced its outcome in the record. */
  | { readonly type: 'superseded'; readonly held: StoredRecord }
  | { readonly type: 'timeout'; readonly record: OperationRecord }
  | { readonly type: 'left' };

/**
 * Waits until the operation in `held` is no longer in flight, until `deadlineMs` (monotonic), or until the caller leaves.
 * Subscribes before it reads, so that it misses no settle. Pins generation and attempt. Claims nothing.
 */
export async function waitForOutcome(
  engine: EngineParts,
  ledger: Ledger,
  held: StoredRecord,
  call: ToolCall,
  deadlineMs: number,
): Promise<Waited> {
  const { clock } = engine;
  const startedMs = clock.monotonicMs();
  const bell = new Bell();
  const unwatch = await ledger.store.watch(held.record.key, () => bell.ring());
  try {
    for (;;) {
      const now = await ledger.read(held.record.key);
      const seen = now ? look(held.record, now) : ({ type: 'changed' } as const);
      if (seen) return seen;
      if (call.signal.aborted) return { type: 'left' };
      const leftMs = deadlineMs - clock.monotonicMs();
      if (leftMs <= 0) return { type: 'timeout', record: now?.record ?? held.record };
      const lapseMs = now ? ledger.leases.leftMs(now) : 0;
      if (lapseMs === 0) return { type: 'changed' };
      await Promise.race([bell.next(), pause(clock, Math.min(leftMs, lapseMs, pollMs), call.signal)]);
      call.onWait?.(clock.monotonicMs() - startedMs);
    }
  } finally {
    unwatch();
  }
}

/** Compares a record with the pinned operation. Returns undefined while that is in flight. */
function look(pinned: OperationRecord, now: StoredRecord): Waited | undefined {
  const { record } = now;
  const { status } = record;
  const same = record.generation === pinned.generation && record.attempt === pinned.attempt;
  if (same) {
    if (status.state === 'in_flight') return undefined;
    if (status.state === 'unknown' || status.state === 'waiting') return { type: 'changed' };
    // Nothing was dispatched, so it has no outcome. The next call may claim it.
    if (status.state === 'failed' && !status.dispatched) return { type: 'changed' };
    return { type: 'ended', record, ended: status };
  }
  const { previous } = record;
  if (previous?.generation === pinned.generation && previous.attempt === pinned.attempt) {
    if (previous.ended.state === 'failed' && !previous.ended.dispatched) return { type: 'changed' };
    return { type: 'ended', record: { ...pinned, status: previous.ended, steps: record.steps }, ended: previous.ended };
  }
  // A recovery found that the pinned attempt had no effect and began the next one.
  if (record.generation === pinned.generation) return { type: 'changed' };
  return { type: 'superseded', held: now };
}

/** Remembers one ring until `next` is called. */
class Bell {
  #rung = false;
  #listener: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#listener?.();
  }

  next(): Promise<void> {
    return new Promise((resolve) => {
      const finish = (): void => {
        this.#rung = false;
        this.#listener = undefined;
        resolve();
      };
      if (this.#rung) finish();
      else this.#listener = finish;
    });
  }
}
