import { pause } from '../../clock.ts';
import type { Claim } from '../../ledger/claim.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { Tool } from '../../tool/types.ts';
import type { RunResult } from '../run-attempt.ts';
import { laterWriteExists } from './latest-write.ts';
import { joinedDoubt, type Recovering, type RecoveryStep, runUnderRecovery } from './recovery-step.ts';

/** Pauses before each resend, in ms. */
const resendPausesMs: readonly number[] = [0, 1_000];
/** How much of the provider's memory is not relied on, in case a clock was set back, in ms. */
const clockSlackMs = 3_600_000;

/** Sends again with the same upstream key and the stored arguments, while the provider remembers the key. */
export async function resend(recovering: Recovering, last: RunResult): Promise<RecoveryStep> {
  const { engine, ledger, tool, claim } = recovering;
  let result = last;
  for (const pauseMs of resendPausesMs) {
    if (!remembersKey(ledger, tool, claim)) break;
    if (pauseMs > 0) await pause(engine.clock, pauseMs, engine.ending);
    const step = await runAgain(recovering, result, false);
    if (step.type === 'ended' || step.result.cutOff || claim.lost) return step;
    result = step.result;
  }
  return { type: 'next', result };
}

/** Whether the provider still remembers the upstream key, with a tenth of its memory (an hour at most) to spare. */
export function remembersKey(ledger: Ledger, tool: Tool, claim: Claim): boolean {
  const memoryMs = tool.client?.memoryMs ?? 0;
  const spareMs = Math.min(memoryMs / 10, clockSlackMs);
  return ledger.time.startedForMs(claim.record) < memoryMs - spareMs;
}

/** Runs a naturally idempotent operation again, unless a later write to the same resource may exist. */
export async function runNaturally(recovering: Recovering, last: RunResult): Promise<RecoveryStep> {
  const { ledger, tool, claim } = recovering;
  if (await laterWriteExists(ledger, tool, claim.record)) return { type: 'next', result: last };
  return runAgain(recovering, last, true);
}

async function runAgain(recovering: Recovering, last: RunResult, isNatural: boolean): Promise<RecoveryStep> {
  if (!(await recovering.claim.noteRun(last.steps))) return { type: 'next', result: last };
  const result = await runUnderRecovery(recovering, isNatural);
  if (result.status.state !== 'unknown') return { type: 'ended', result };
  const { answered: _, keyUsed: __, ...status } = result.status;
  return { type: 'next', result: { ...result, status: { ...status, ...joinedDoubt(last.status, result.status) } } };
}
