import { pause, within } from '../clock.ts';
import { describeError } from '../errors.ts';
import { markerOf } from '../key/derive-key.ts';
import type { Claim } from '../ledger/claim.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { KeptStep, OperationRecord, StoredRecord } from '../ledger/record.ts';
import { emit } from '../observe/events.ts';
import type { LookupAnswer, Recovery, Tool } from '../tool/types.ts';
import { describeFault } from './describe-fault.ts';
import { LeaseKeeper } from './lease.ts';
import { openClient } from './open-client.ts';
import { laterWriteExists } from './resource.ts';
import { keepable } from './result.ts';
import { type RunResult, runAttempt } from './run-attempt.ts';
import { detached, type Executed, late, settle } from './settle.ts';
import { becomesAlias } from './twins.ts';
import type { Engine } from './types.ts';

/** Pauses before each `resend`, in ms. */
const resendPausesMs: readonly number[] = [0, 1_000];
/** How many take-overs send again before asking comes first. */
const resendsMax = 3;
/** The bound of one lookup, in ms. */
const lookupMs = 30_000;
/** How long the message of an unknown outcome may become. */
const messageCharsMax = 1_000;
/** The hint to a caller whose operation a further recovery may tell of, in ms. */
const askAgainMs = 5_000;
/** How far the provider's memory may be overrated by a clock that was set back, in ms. */
const clockSlackMs = 3_600_000;
/** How much earlier than the first claim an effect may seem to be: a clock in the wrong time zone, in ms. */
const lookupSlackMs = 26 * 3_600_000;

/** What one recovery of the list came to. */
type Step =
  | { readonly type: 'ended'; readonly result: RunResult }
  /** It cannot tell: the next recovery of the list is tried. */
  | { readonly type: 'next'; readonly result: RunResult }
  /** It will be able to tell later. */
  | { readonly type: 'wait'; readonly result: RunResult; readonly retryAfterMs: number };

interface Recovering {
  readonly engine: Engine;
  readonly ledger: Ledger;
  readonly tool: Tool;
  readonly claim: Claim;
  readonly client: unknown;
}

/**
 * Recovers an operation that this process did not execute: its lease lapsed, or its outcome was
 * settled as unknown. Uses the record's own tool and arguments, whoever asks.
 * @returns undefined when the record changed meanwhile: ask the ledger again.
 */
export async function recover(engine: Engine, ledger: Ledger, held: StoredRecord): Promise<Executed | undefined> {
  if (await becomesAlias(ledger, held)) return undefined;
  const { record } = held;
  const tool = engine.catalog.find(record.tool);
  const why =
    record.status.state === 'unknown' ? record.status.message : 'whoever executed it ended before settling it';
  if (tool === undefined || tool.recovery[0] === 'refuse') return refuse(engine, ledger, held, why);
  const elsewhere = whyElsewhere(engine, tool, record);
  if (elsewhere !== undefined) return refuse(engine, ledger, held, `${why}; ${elsewhere}`);
  if (engine.closing.aborted) return refuse(engine, ledger, held, why, { retryAfterMs: askAgainMs });
  const claim = await ledger.takeOver(held);
  if (!claim) return undefined;
  return detached(engine, async () => {
    const keeper = new LeaseKeeper(engine, claim);
    try {
      const last = unknownResult(engine, claim.record.steps, why);
      // Whoever drains does not wait for what began only now.
      if (engine.closing.aborted) return await settle(engine, claim, last, { retryAfterMs: askAgainMs });
      return await recoverClaim(engine, ledger, tool, claim, last);
    } finally {
      keeper.stop();
    }
  });
}

/**
 * Why a tool cannot tell of an operation, undefined where it can: one that has come in the place of the tool that executed
 * it may act on another upstream. What it finds there says nothing, and what it sends there would be a second effect.
 */
function whyElsewhere({ clients }: Engine, { name, client }: Tool, { upstream: there }: OperationRecord) {
  try {
    const here = clients.upstream(client);
    const isThere = here.origin === there.origin && here.mode === there.mode && here.account === there.account;
    return isThere ? undefined : `${name} acts on another upstream now`;
  } catch (error) {
    return describeError(error);
  }
}

/** Nothing is executed, and nothing taken over: the owner, if it lives, may still settle the true outcome. */
async function refuse(
  engine: Engine,
  ledger: Ledger,
  held: StoredRecord,
  why: string,
  told: { retryAfterMs?: number } = {},
) {
  if (!(await ledger.markUnknown(held, why))) return undefined;
  const status = { state: 'unknown', settledAt: engine.clock.wallMs(), message: why } as const;
  return { record: { ...held.record, status }, lost: false, ...told };
}

/** Tries the tool's recoveries in order under a claim that we hold, and settles what comes of it. */
export async function recoverClaim(
  engine: Engine,
  ledger: Ledger,
  tool: Tool,
  claim: Claim,
  first: RunResult,
): Promise<Executed> {
  let last = first;
  try {
    const client = await openClient(engine, tool);
    const recovering = { engine, ledger, tool, claim, client };
    for (const recovery of inOrder(recovering)) {
      emit({ type: 'recover', operation: claim.record.key, tool: tool.name, recovery });
      const step = await recoverBy(recovery, recovering, last);
      if (step.type === 'ended') return await settle(engine, claim, step.result, { recovered: recovery });
      last = step.result;
      if (step.type === 'wait') return await settle(engine, claim, last, { retryAfterMs: step.retryAfterMs });
      if (last.cutOff || claim.lost) return settle(engine, claim, last);
    }
  } catch (error) {
    const reason = `recovering it failed: ${describeFault(error, claim.record.key)}`;
    last = unknownResult(engine, last.steps, withReason(last, reason));
  }
  return settle(engine, claim, last, mayTellLater(engine, tool, claim) ? { retryAfterMs: askAgainMs } : {});
}

/** Whether asking again may tell more, without a person: the upstream may have been away, or busy with it. */
function mayTellLater(engine: Engine, tool: Tool, claim: Claim): boolean {
  return tool.recovery.some((recovery) =>
    recovery === 'resend' ? remembered(engine, tool, claim) : recovery !== 'refuse',
  );
}

/**
 * The tool's own order; but once nothing sent can still arrive, or sending again has told nothing often
 * enough, asking comes first: each send puts off by as much what asking can tell for good.
 */
function inOrder(recovering: Recovering): readonly Recovery[] {
  const { recovery } = recovering.tool;
  const mayResend = settlesInMs(recovering) > 0 && recovering.claim.record.recoveries <= resendsMax;
  if (!recovery.includes('reconcile') || mayResend) return recovery;
  return ['reconcile', ...recovery.filter((each) => each !== 'reconcile')];
}

function recoverBy(recovery: Recovery, recovering: Recovering, last: RunResult): Promise<Step> {
  switch (recovery) {
    case 'resend':
      return resend(recovering, last);
    case 'natural':
      return natural(recovering, last);
    case 'reconcile':
      return reconcile(recovering, last);
    case 'refuse':
      return Promise.resolve({ type: 'next', result: last });
  }
}

/** Sends again with the same upstream key and the stored arguments, while the provider's memory lasts. */
async function resend(recovering: Recovering, last: RunResult): Promise<Step> {
  const { engine, tool, claim } = recovering;
  let result = last;
  for (const pauseMs of resendPausesMs) {
    if (!remembered(engine, tool, claim)) break;
    if (pauseMs > 0) await pause(engine.clock, pauseMs, engine.ending);
    const step = await runAgain(recovering, result, false);
    if (step.type === 'ended' || step.result.cutOff || claim.lost) return step;
    result = step.result;
  }
  return { type: 'next', result };
}

/** With a tenth of the memory (an hour at the most) to spare, for clocks that were set back. */
function remembered(engine: Engine, tool: Tool, claim: Claim): boolean {
  const memoryMs = tool.client?.memoryMs ?? 0;
  const spareMs = Math.min(memoryMs / 10, clockSlackMs);
  return engine.clock.wallMs() - claim.record.startedAt < memoryMs - spareMs;
}

/** Runs an operation again that is idempotent by nature, unless something was written after it. */
async function natural(recovering: Recovering, last: RunResult): Promise<Step> {
  const { ledger, tool, claim } = recovering;
  if (await laterWriteExists(ledger, tool, claim.record)) return { type: 'next', result: last };
  return runAgain(recovering, last, true);
}

async function runAgain(recovering: Recovering, last: RunResult, isNatural: boolean): Promise<Step> {
  const { engine, tool, claim, client } = recovering;
  if (!(await claim.noteRun(last.steps))) return { type: 'next', result: last };
  const result = await runAttempt(engine, tool, claim, client, {
    natural: isNatural,
    canAsk: true,
    onLate: late(engine, claim),
  });
  return result.status.state === 'unknown' ? { type: 'next', result } : { type: 'ended', result };
}

/** Asks the upstream. Runs the operation only when nothing of it is there and nothing can still arrive. */
async function reconcile(recovering: Recovering, last: RunResult): Promise<Step> {
  const { engine, tool, claim, client } = recovering;
  const answer = await lookUp(recovering, last.steps);
  switch (answer.status) {
    case 'found': {
      const status = { state: 'succeeded', settledAt: engine.clock.wallMs() } as const;
      const { kept, ...unkept } = keepable(tool, answer.result, engine.settings);
      const result = {
        status: { ...status, ...kept },
        steps: last.steps,
        mayHaveTakenEffect: false,
        cutOff: false,
        ...unkept,
      };
      return { type: 'ended', result };
    }
    case 'unclear':
      return { type: 'next', result: unknownResult(engine, last.steps, withReason(last, answer.reason)) };
    case 'absent':
    case 'partial': {
      const retryAfterMs = settlesInMs(recovering);
      if (retryAfterMs > 0) return { type: 'wait', result: last, retryAfterMs };
      const found = answer.status === 'partial' ? answer.steps : {};
      if (!(await claim.nextAttempt(mergeSteps(last.steps, found, claim.record.attempt)))) {
        return { type: 'next', result: last };
      }
      const options = { natural: false, canAsk: true, onLate: late(engine, claim) };
      const result = await runAttempt(engine, tool, claim, client, options);
      return result.status.state === 'unknown'
        ? { type: 'wait', result, retryAfterMs: askAgainMs }
        : { type: 'ended', result };
    }
  }
}

async function lookUp({ engine, tool, claim, client }: Recovering, kept: readonly KeptStep[]): Promise<LookupAnswer> {
  const { key, generation, createdAt } = claim.record;
  const abort = new AbortController();
  const unclear = (reason: string): LookupAnswer => ({ status: 'unclear', reason });
  if (!tool.lookup) return unclear('it cannot be looked up');
  const looking = tool.lookup(structuredClone(claim.record.arguments), {
    client,
    marker: markerOf({ key, generation, createdAt }),
    sinceMs: createdAt - lookupSlackMs,
    steps: Object.fromEntries(kept.map(({ name, result }) => [name, result])),
    signal: abort.signal,
    log: engine.log,
  });
  try {
    return await within(engine.clock, looking, lookupMs, () => unclear('looking it up took too long'));
  } catch (error) {
    return unclear(`looking it up failed: ${describeError(error)}`);
  } finally {
    abort.abort();
    looking.catch(() => undefined);
  }
}

/**
 * How long a request of a dead owner may still land and stay unseen, in ms from now. Where other
 * machines share the store, whose clocks may differ, this process has to have watched for as long itself.
 */
function settlesInMs({ engine, ledger, tool, claim }: Recovering): number {
  const { key, ranAt } = claim.record;
  const neededMs = engine.settings.maxRunMs + tool.lookupLagMs;
  const passedMs = engine.clock.wallMs() - ranAt;
  const seenMs = ledger.store.shared ? ledger.leases.seenForMs(key, ranAt) : neededMs;
  return Math.max(0, neededMs - Math.min(passedMs, seenMs));
}

function mergeSteps(kept: readonly KeptStep[], found: Readonly<Record<string, unknown>>, attempt: number): KeptStep[] {
  const names = new Set(kept.map((step) => step.name));
  const added = Object.entries(found).filter(([name]) => !names.has(name));
  return [...kept, ...added.map(([name, result]) => ({ name, attempt, effect: true, result }))];
}

function unknownResult(engine: Engine, steps: readonly KeptStep[], message: string): RunResult {
  const status = { state: 'unknown', settledAt: engine.clock.wallMs(), message } as const;
  return { status, steps, mayHaveTakenEffect: true, cutOff: false };
}

/** Each reason once: the message stays in the record, and the same recovery may be tried again and again. */
function withReason(last: RunResult, reason: string): string {
  const message = messageOf(last);
  return message.includes(reason) ? message : `${message}; ${reason}`.slice(0, messageCharsMax);
}

function messageOf(result: RunResult): string {
  return 'message' in result.status ? result.status.message : 'its outcome is not known';
}
