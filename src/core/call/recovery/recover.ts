import type { Claim } from '../../ledger/claim.ts';
import { LeaseKeeper } from '../../ledger/lease.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { OperationRecord, StoredRecord } from '../../ledger/record.ts';
import { emit } from '../../observe/events.ts';
import type { Recovery, Tool } from '../../tool/types.ts';
import { openClient } from '../bounded-run.ts';
import { clauseOf, describeFault, describeForCaller } from '../faults.ts';
import type { RunResult } from '../run-attempt.ts';
import { detached, type Executed, settle } from '../settle.ts';
import { becomesAlias } from '../twins.ts';
import type { EngineParts } from '../types.ts';
import { arrivesWithinMs, reconcile } from './reconcile.ts';
import { doubtIn, type Recovering, type RecoveryStep, unknownResult, withReason } from './recovery-step.ts';
import { remembersKey, resend, runNaturally } from './resend.ts';

/** After how many take-overs a lookup comes before sending again. */
const resendsMax = 3;
/** When a caller may ask again for an outcome that a further recovery may find, in ms. */
const askAgainMs = 5_000;

/**
 * Recovers an operation that this process did not execute: its lease lapsed, or its outcome is unknown. Uses the
 * record's own tool and arguments, whichever call asks.
 * @returns undefined when the record changed meanwhile, so that the caller reads the ledger again
 */
export async function recover(engine: EngineParts, ledger: Ledger, held: StoredRecord): Promise<Executed | undefined> {
  if (await becomesAlias(ledger, held)) return undefined;
  const { record } = held;
  const tool = engine.catalog.find(record.tool);
  const why =
    record.status.state === 'unknown' ? record.status.message : 'the process that executed it ended before it settled';
  if (tool === undefined || tool.recovery[0] === 'refuse') return leaveUnknown(engine, ledger, held, why);
  const elsewhere = whyElsewhere(engine, tool, record);
  if (elsewhere !== undefined) return leaveUnknown(engine, ledger, held, `${why}; ${elsewhere}`);
  if (engine.closing.aborted) return leaveUnknown(engine, ledger, held, why, { retryAfterMs: askAgainMs });
  const claim = await ledger.takeOver(held);
  if (!claim) return undefined;
  return detached(engine, async () => {
    const keeper = new LeaseKeeper(engine.clock, claim);
    try {
      const last = unknownResult(engine, claim.record.steps, why, record.status);
      // A drain does not wait for a recovery that begins only now.
      if (engine.closing.aborted) return await settle(engine, claim, last, { retryAfterMs: askAgainMs });
      return await recoverClaim(engine, ledger, tool, claim, last);
    } finally {
      keeper.stop();
    }
  });
}

/**
 * Returns why a tool cannot recover an operation, or undefined where it can. A tool that replaced the one that executed
 * the operation may act on another upstream. A lookup there says nothing, and a resend there would be a second effect.
 */
function whyElsewhere({ clients }: EngineParts, { name, client }: Tool, { upstream: there }: OperationRecord) {
  try {
    const here = clients.upstream(client);
    const isThere = here.origin === there.origin && here.mode === there.mode && here.account === there.account;
    return isThere ? undefined : `${name} acts on another upstream now`;
  } catch (error) {
    return clauseOf(describeForCaller(error));
  }
}

/** Executes nothing and takes nothing over: the owner, if it lives, may still settle the true outcome. */
async function leaveUnknown(
  engine: EngineParts,
  ledger: Ledger,
  held: StoredRecord,
  why: string,
  retry: { readonly retryAfterMs?: number } = {},
): Promise<Executed | undefined> {
  if (!(await ledger.markUnknown(held, why))) return undefined;
  const settledAt = engine.clock.wallMs();
  const status = { state: 'unknown', settledAt, message: why, ...doubtIn(held.record.status) } as const;
  return { record: { ...held.record, status }, lost: false, ...retry };
}

/** Tries the tool's recoveries in order under a claim of this process, and settles the result. */
export async function recoverClaim(
  engine: EngineParts,
  ledger: Ledger,
  tool: Tool,
  claim: Claim,
  first: RunResult,
): Promise<Executed> {
  let last = first;
  try {
    const client = await openClient(engine, tool);
    const recovering = { engine, ledger, tool, claim, client };
    for (const recovery of recoveriesInOrder(recovering)) {
      emit({ type: 'recover', operation: claim.record.key, tool: tool.name, recovery });
      const step = await recoverBy(recovery, recovering, last);
      if (step.type === 'ended') return await settle(engine, claim, step.result, { recovered: recovery });
      last = step.result;
      if (step.type === 'wait') return await settle(engine, claim, last, { retryAfterMs: step.retryAfterMs });
      if (claim.lost) return settle(engine, claim, last);
      if (last.cutOff) return settle(engine, claim, last, whenToAsk(engine, ledger, tool, claim));
    }
  } catch (error) {
    const reason = `recovering it failed: ${describeFault(error, claim.record.key)}`;
    last = unknownResult(engine, last.steps, withReason(last, reason), last.status);
  }
  const isOpen = mayBeFoundLater(ledger, tool, claim) && !doubtIn(last.status).keyUsed;
  return settle(engine, claim, last, isOpen ? { retryAfterMs: askAgainMs } : {});
}

/**
 * Returns when a caller may ask again about a run that was cut off. The next call recovers it where the tool can. A run that
 * was too long may still end by itself, in this process.
 */
export function whenToAsk(engine: EngineParts, ledger: Ledger, tool: Tool, claim: Claim) {
  const isOpen = mayBeFoundLater(ledger, tool, claim) || !engine.ending.aborted;
  return isOpen ? { retryAfterMs: askAgainMs } : {};
}

/** Whether a later recovery may find the outcome without a person: the upstream may have been away or busy. */
function mayBeFoundLater(ledger: Ledger, tool: Tool, claim: Claim): boolean {
  return tool.recovery.some((recovery) =>
    recovery === 'resend' ? remembersKey(ledger, tool, claim) : recovery !== 'refuse',
  );
}

/**
 * Returns the tool's recoveries in its own order. The lookup moves to the front when nothing sent can still arrive, or
 * when sending again did not help often enough: each resend delays the time when a lookup is conclusive.
 */
function recoveriesInOrder(recovering: Recovering): readonly Recovery[] {
  const { recovery } = recovering.tool;
  const mayResend = arrivesWithinMs(recovering) > 0 && recovering.claim.record.recoveries <= resendsMax;
  if (!recovery.includes('reconcile') || mayResend) return recovery;
  return ['reconcile', ...recovery.filter((each) => each !== 'reconcile')];
}

function recoverBy(recovery: Recovery, recovering: Recovering, last: RunResult): Promise<RecoveryStep> {
  switch (recovery) {
    case 'resend':
      return resend(recovering, last);
    case 'natural':
      return runNaturally(recovering, last);
    case 'reconcile':
      return reconcile(recovering, last);
    case 'refuse':
      return Promise.resolve({ type: 'next', result: last });
  }
}
