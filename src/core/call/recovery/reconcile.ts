import { within } from '../../clock.ts';
import { markerOf } from '../../key/derive-key.ts';
import type { KeptStep } from '../../ledger/record.ts';
import type { LookupAnswer } from '../../tool/types.ts';
import { clauseOf, describeForCaller } from '../faults.ts';
import { keepable } from '../result.ts';
import type { RunResult } from '../run-attempt.ts';
import {
  doubtIn,
  type Recovering,
  type RecoveryStep,
  runUnderRecovery,
  unknownResult,
  withReason,
} from './recovery-step.ts';

/** How long one lookup may take, in ms. */
const lookupMs = 30_000;
/** When a caller may ask again after an attempt that ended without an outcome, in ms. */
const askAgainMs = 5_000;
/** How much earlier than the first claim an effect may be dated: a clock in the wrong time zone, in ms. */
const lookupSlackMs = 26 * 3_600_000;

/** Looks the operation up at the upstream. Runs it only when it is not there and nothing sent can still arrive. */
export async function reconcile(recovering: Recovering, last: RunResult): Promise<RecoveryStep> {
  const { engine } = recovering;
  const answer = await lookUp(recovering, last.steps);
  switch (answer.status) {
    case 'found':
      return { type: 'ended', result: foundResult(recovering, last.steps, answer.result) };
    case 'unclear':
      return { type: 'next', result: unknownResult(engine, last.steps, withReason(last, answer.reason), last.status) };
    case 'absent':
      return runWhatIsMissing(recovering, last, {});
    case 'partial':
      return runWhatIsMissing(recovering, last, answer.steps);
  }
}

function foundResult({ engine, tool }: Recovering, steps: readonly KeptStep[], result: unknown): RunResult {
  const { kept, ...unkept } = keepable(tool, result, engine.settings);
  const status = { state: 'succeeded', settledAt: engine.clock.wallMs(), ...kept } as const;
  return { status, steps, mayHaveTakenEffect: false, cutOff: false, ...unkept };
}

/** Begins the next attempt, which skips the steps that were found. */
async function runWhatIsMissing(
  recovering: Recovering,
  last: RunResult,
  found: Readonly<Record<string, unknown>>,
): Promise<RecoveryStep> {
  const { engine, claim } = recovering;
  // The request that used the key may have taken effect, although nothing has the marker.
  if (doubtIn(last.status).keyUsed) {
    const reason = 'its key came with another request before, whose effect the lookup did not find';
    return { type: 'next', result: unknownResult(engine, last.steps, withReason(last, reason), last.status) };
  }
  const retryAfterMs = arrivesWithinMs(recovering);
  if (retryAfterMs > 0) return { type: 'wait', result: last, retryAfterMs };
  const steps = withFoundSteps(last.steps, found, claim.record.attempt);
  if (!(await claim.nextAttempt(steps))) return { type: 'next', result: last };
  const result = await runUnderRecovery(recovering, false);
  if (result.status.state === 'unknown') return { type: 'wait', result, retryAfterMs: askAgainMs };
  return { type: 'ended', result };
}

async function lookUp({ engine, tool, claim, client }: Recovering, kept: readonly KeptStep[]): Promise<LookupAnswer> {
  const { createdAt, markedAt = createdAt } = claim.record;
  // An operation whose record was lost has the same key and marker, for as long as the upstream remembers the key.
  const lostMs = Math.min(tool.client?.memoryMs ?? 0, createdAt - markedAt);
  const abort = new AbortController();
  const unclear = (reason: string): LookupAnswer => ({ status: 'unclear', reason });
  if (!tool.lookup) return unclear('it cannot be looked up');
  const looking = tool.lookup(structuredClone(claim.record.arguments), {
    client,
    marker: markerOf(claim.record),
    sinceMs: createdAt - Math.max(lookupSlackMs, lostMs),
    steps: Object.fromEntries(kept.map(({ name, result }) => [name, result])),
    signal: abort.signal,
    log: engine.log,
  });
  try {
    return await within(engine.clock, looking, lookupMs, () => unclear('looking it up took too long'));
  } catch (error) {
    return unclear(`looking it up failed: ${clauseOf(describeForCaller(error))}`);
  } finally {
    abort.abort();
    looking.catch(() => undefined);
  }
}

/**
 * Returns how long a request of a dead owner may still arrive unseen, in ms from now. The wall clock of a process may be
 * ahead, so only time counts that this process has watched itself, or that the clock of the machine has measured.
 */
export function arrivesWithinMs({ engine, ledger, tool, claim }: Recovering): number {
  const neededMs = engine.settings.maxRunMs + tool.lookupLagMs;
  const passedMs = Math.max(ledger.leases.seenForMs(claim.record), ledger.time.ranForMs(claim.record));
  return Math.max(0, neededMs - passedMs);
}

function withFoundSteps(
  kept: readonly KeptStep[],
  found: Readonly<Record<string, unknown>>,
  attempt: number,
): KeptStep[] {
  const names = new Set(kept.map((step) => step.name));
  const added = Object.entries(found).filter(([name]) => !names.has(name));
  return [...kept, ...added.map(([name, result]) => ({ name, attempt, effect: true, result }))];
}
