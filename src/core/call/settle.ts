import { pause, within } from '../clock.ts';
import { describeError, faultFields, McpOnceError } from '../errors.ts';
import type { Claim } from '../ledger/claim.ts';
import type { OperationRecord } from '../ledger/record.ts';
import { emit } from '../observe/events.ts';
import type { RunResult } from './run-attempt.ts';
import { noteThings } from './things.ts';
import type { EngineParts } from './types.ts';

/** How long settling is tried, and how long the caller waits for it, in ms. */
const settleTriesMs = 60_000;
const settleWaitMs = 5_000;

/** The result of an execution, for its caller. */
export interface Executed {
  readonly record: OperationRecord;
  /** The recovery that found out an unknown outcome. */
  readonly recovered?: string;
  readonly retryAfterMs?: number;
  /** A result that is too large for the ledger. Only this caller gets it. */
  readonly unkept?: unknown;
  /** True when another process took the operation over, so that its record has the outcome. */
  readonly lost: boolean;
}

/** Runs work that has to end even when its caller has left. */
export function detached<T>(engine: EngineParts, run: () => Promise<T>): Promise<T> {
  const running = run();
  const tracked = running.then(
    () => undefined,
    (error) => engine.log.warn(`an execution ended in a fault: ${describeError(error)}`, faultFields(error)),
  );
  engine.running.add(tracked);
  void tracked.then(() => engine.running.delete(tracked));
  return running;
}

/**
 * Writes the outcome, with back-off while the ledger is not available. The caller waits a bounded time for that: it gets
 * the true outcome anyway, and the lapsed lease leads to a recovery.
 */
export async function settle(
  engine: EngineParts,
  claim: Claim,
  result: RunResult,
  details: Pick<Executed, 'recovered' | 'retryAfterMs'> = {},
): Promise<Executed> {
  const ended = { ...claim.record, status: result.status, steps: [...result.steps] };
  const settling = detached(engine, () => settleWithRetry(engine, claim, result));
  const waited = await within(engine.clock, settling, settleWaitMs, () => true);
  const unkept = 'unkept' in result ? { unkept: result.unkept } : {};
  return { record: ended, lost: !waited, ...unkept, ...details };
}

async function settleWithRetry(engine: EngineParts, claim: Claim, result: RunResult): Promise<boolean> {
  const { clock } = engine;
  const { key: operation, tool, scope } = claim.record;
  const { tenant, subject } = scope;
  const startedMs = clock.monotonicMs();
  // Before the outcome: a crash in between leads to a recovery, which comes here again.
  if (result.status.state === 'succeeded') await noteThings(engine, claim, result.status);
  const lastsMs = lifeOf(engine, tool, result);
  for (let delayMs = 50; ; delayMs = Math.min(delayMs * 2, 5_000)) {
    try {
      const settled = await claim.settle(
        result.status,
        result.steps,
        result.mayHaveTakenEffect,
        result.pending,
        lastsMs,
      );
      if (settled) emit({ type: 'settled', operation, tenant, subject, tool, state: result.status.state });
      return settled;
    } catch (error) {
      emit({ type: 'ledger_fault', operation, message: describeError(error) });
      // Reading an unreadable record again does not help.
      if (error instanceof McpOnceError && error.code === 'record_unreadable') return true;
      if (clock.monotonicMs() - startedMs > settleTriesMs || engine.ending.aborted) return true;
      await pause(clock, delayMs, engine.ending);
    }
  }
}

/** Returns how long the result of a success can be used. A fault in the tool's code counts as no end. */
function lifeOf(engine: EngineParts, name: string, { status }: RunResult): number | undefined {
  const tool = engine.catalog.find(name);
  if (status.state !== 'succeeded' || status.stub !== undefined || tool?.usableMs === undefined) return undefined;
  try {
    return tool.usableMs(structuredClone(status.result), engine.clock.wallMs());
  } catch (error) {
    engine.log.warn(`${name}: the end of its result is not known: ${describeError(error)}`);
    return undefined;
  }
}

/** Returns a function that settles the true outcome of a cut-off run. The state `unknown` keeps the claim token for it. */
export function settleLate(engine: EngineParts, claim: Claim): (result: RunResult) => void {
  return (result) => {
    if (result.status.state === 'unknown') return;
    void detached(engine, () => settleWithRetry(engine, claim, result));
  };
}
