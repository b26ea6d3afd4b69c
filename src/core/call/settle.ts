import { within } from '../clock.ts';
import { describeError, faultFields, McpOnceError } from '../errors.ts';
import type { Claim } from '../ledger/claim.ts';
import type { OperationRecord } from '../ledger/record.ts';
import { emit } from '../observe/events.ts';
import type { RunResult } from './run-attempt.ts';
import { noteThings } from './things.ts';
import type { EngineParts } from './types.ts';

/** How long the caller waits until its outcome is settled, in ms. */
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
 * the true outcome anyway. The process tries for as long as it lives, and answers repeats from what it knows.
 */
export async function settle(
  engine: EngineParts,
  claim: Claim,
  result: RunResult,
  details: Pick<Executed, 'recovered' | 'retryAfterMs'> = {},
): Promise<Executed> {
  const ended = { ...claim.record, status: result.status, steps: [...result.steps] };
  const unkept = 'unkept' in result ? { unkept: result.unkept } : {};
  const executed = { record: ended, lost: false, ...unkept, ...details };
  const settling = detached(engine, () => settleWithRetry(engine, claim, result, executed));
  const waited = await within(engine.clock, settling, settleWaitMs, () => true);
  return { ...executed, lost: !waited };
}

/** @returns false when the claim is lost */
async function settleWithRetry(
  engine: EngineParts,
  claim: Claim,
  result: RunResult,
  executed: Executed,
): Promise<boolean> {
  const { key: operation, tool, scope } = claim.record;
  const { tenant, subject } = scope;
  // Before the outcome: a crash in between leads to a recovery, which comes here again.
  if (result.status.state === 'succeeded') await noteThings(engine, claim, result.status);
  const lastsMs = lifeOf(engine, tool, result);
  const { status, steps, mayHaveTakenEffect, pending } = result;
  let isSettled = true;
  const isDone = async (): Promise<boolean> => {
    try {
      isSettled = await claim.settle(status, steps, mayHaveTakenEffect, pending, lastsMs);
      if (isSettled) emit({ type: 'settled', operation, tenant, subject, tool, state: status.state });
      return true;
    } catch (error) {
      emit({ type: 'ledger_fault', operation, message: describeError(error) });
      // Reading an unreadable record again does not help.
      return error instanceof McpOnceError && error.code === 'record_unreadable';
    }
  };
  if ((await isDone()) || (await engine.unsettled.keep(executed, isDone, engine.ending))) return isSettled;
  engine.log.warn(`${tool}: the outcome of ${operation} could not be written to the ledger: ${status.state}`, {
    operation,
    tool,
    state: status.state,
  });
  return true;
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
    const record = { ...claim.record, status: result.status, steps: [...result.steps] };
    void detached(engine, () => settleWithRetry(engine, claim, result, { record, lost: false }));
  };
}
