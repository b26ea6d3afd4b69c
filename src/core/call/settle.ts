import { pause, within } from '../clock.ts';
import { describeError, McpOnceError } from '../errors.ts';
import type { Claim } from '../ledger/claim.ts';
import type { OperationRecord } from '../ledger/record.ts';
import { emit } from '../observe/events.ts';
import type { RunResult } from './run-attempt.ts';
import type { Engine } from './types.ts';

/** How long settling is tried, in ms, and how long the caller waits for it. */
const settleTriesMs = 60_000;
const settleWaitMs = 5_000;

/** How an execution ended, for its caller. */
export interface Executed {
  readonly record: OperationRecord;
  /** How an unknown outcome was made known. */
  readonly recovered?: string;
  readonly retryAfterMs?: number;
  /** The result of a success that is too large for the ledger: this caller has it all the same. */
  readonly unkept?: unknown;
  /** True when somebody else took the operation over, and its record is the place to look. */
  readonly lost: boolean;
}

/** Runs something that has to end although nobody may wait for it any more. */
export function detached<T>(engine: Engine, run: () => Promise<T>): Promise<T> {
  const running = run();
  const tracked = running.then(
    () => undefined,
    (error) => engine.log.warn(`an execution ended in a fault: ${describeError(error)}`),
  );
  engine.running.add(tracked);
  void tracked.then(() => engine.running.delete(tracked));
  return running;
}

/**
 * Writes the outcome, with back-off while the ledger is away. The caller waits for that only so
 * long: it gets its true outcome anyway, and the lapsed lease leads to recovery.
 */
export async function settle(
  engine: Engine,
  claim: Claim,
  result: RunResult,
  told: Pick<Executed, 'recovered' | 'retryAfterMs'> = {},
): Promise<Executed> {
  const ended = { ...claim.record, status: result.status, steps: [...result.steps] };
  const settling = detached(engine, () => settleWithRetry(engine, claim, result));
  const waited = await within(engine.clock, settling, settleWaitMs, () => true);
  const unkept = 'unkept' in result ? { unkept: result.unkept } : {};
  return { record: ended, lost: !waited, ...unkept, ...told };
}

async function settleWithRetry(engine: Engine, claim: Claim, result: RunResult): Promise<boolean> {
  const { clock } = engine;
  const { key: operation, tool, scope } = claim.record;
  const { tenant, subject } = scope;
  const startedMs = clock.monotonicMs();
  for (let delayMs = 50; ; delayMs = Math.min(delayMs * 2, 5_000)) {
    try {
      const settled = await claim.settle(result.status, result.steps, result.mayHaveTakenEffect, result.pending);
      if (settled) emit({ type: 'settled', operation, tenant, subject, tool, state: result.status.state });
      return settled;
    } catch (error) {
      emit({ type: 'ledger_fault', operation, message: describeError(error) });
      // A record that cannot be read does not become readable by asking again.
      if (error instanceof McpOnceError && error.code === 'record_unreadable') return true;
      if (clock.monotonicMs() - startedMs > settleTriesMs || engine.ending.aborted) return true;
      await pause(clock, delayMs, engine.ending);
    }
  }
}

/** A run that was cut off may still tell the true outcome: `unknown` keeps the token for it. */
export function late(engine: Engine, claim: Claim): (result: RunResult) => void {
  return (result) => {
    if (result.status.state === 'unknown') return;
    void detached(engine, () => settleWithRetry(engine, claim, result));
  };
}
