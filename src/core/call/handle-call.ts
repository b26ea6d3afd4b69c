import { describeError, LedgerUnavailable, OutcomeNotRead } from '../errors.ts';
import type { Claim } from '../ledger/claim.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ClaimRequest } from '../ledger/new-record.ts';
import type { StoredRecord } from '../ledger/record.ts';
import { emit } from '../observe/events.ts';
import { untilAborted } from '../promises.ts';
import { execute, giveUp } from './execute.ts';
import { describeFault, refusalOfFault } from './faults.ts';
import { type Outcome, type RefusalOutcome, refusal } from './outcome.ts';
import {
  outcomeOfEnded,
  outcomeOfReplay,
  refusalOfConflict,
  refusalOfInFlight,
  refusalOfSuperseded,
  refusalOfUnknown,
} from './outcome-of-record.ts';
import { prepare } from './prepare.ts';
import { askingDirectly } from './questions/direct-question.ts';
import {
  outcomeOfWaiting,
  refusalOfClosedQuestion,
  refusalOfOtherReply,
  takeReplies,
} from './questions/input-question.ts';
import { askWhetherRepeat, decideRepeat, outcomeOfDeclined } from './questions/repeat-question.ts';
import { registerWrite } from './recovery/latest-write.ts';
import { recover } from './recovery/recover.ts';
import { runUnguarded } from './run-unguarded.ts';
import type { Executed } from './settle.ts';
import { followTwin } from './twins.ts';
import type { EngineParts, GuardedCall, ToolCall } from './types.ts';
import { waitForOutcome } from './wait.ts';

/** How often one call asks the ledger before it gives up. Each round has either waited or lost a race. */
const roundsMax = 100;
/** When a call that finds no room in the ledger may try again, in ms. */
const fullRetryMs = 3_600_000;

/** W3C Trace Context, `traceparent` (3.2): version, trace id, parent id, flags. */
const traceparent = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/;
const traceparentCharsMax = 512;

/**
 * Handles one tool call: prepare it (tool, arguments, key), claim its operation, execute it, settle and answer.
 * Rejects only for faults that are not expected.
 */
export async function handleCall(engine: EngineParts, call: ToolCall): Promise<Outcome> {
  const answering = askingDirectly(engine, call, (each) => answerCall(engine, each));
  const outcome = await answering.catch((error: unknown) => refusalOfFault(error, call.tool));
  reportOutcome(call, outcome);
  return outcome;
}

async function answerCall(engine: EngineParts, call: ToolCall): Promise<Outcome> {
  const prepared = await prepare(engine, call);
  switch (prepared.type) {
    case 'refused':
      return prepared.outcome;
    case 'unguarded': {
      const outcome = await untilLeft(call, runUnguarded(engine, prepared.tool, prepared.arguments));
      return outcome === 'aborted' ? refusal(call.tool, { type: 'caller_left', isGuarded: false }) : outcome;
    }
    case 'declined':
      return outcomeOfDeclined(engine, await engine.ledger(), prepared.guarded);
    case 'guarded':
      return answerGuarded(engine, prepared.guarded);
  }
}

/** One guarded call on its way through the ledger. */
interface Claiming {
  readonly engine: EngineParts;
  readonly ledger: Ledger;
  readonly guarded: GuardedCall;
  /** Until when the call waits for another one, by the monotonic clock. */
  readonly deadlineMs: number;
}

async function answerGuarded(engine: EngineParts, guarded: GuardedCall): Promise<Outcome> {
  const ledger = await engine.ledger();
  const deadlineMs = engine.clock.monotonicMs() + engine.settings.waitMs;
  const claiming: Claiming = { engine, ledger, guarded, deadlineMs };
  let { request } = guarded;
  if (guarded.answers) {
    const { question, responses } = guarded.answers;
    const taken = await takeReplies(engine, ledger, guarded, question, responses);
    if (taken.type === 'outcome') return taken.outcome;
    request = { ...request, replies: taken.replies };
  }
  return (await refusalWhenFull(claiming, request)) ?? claimUntilAnswered(claiming, request);
}

/** An operation that is in the ledger already is answered, however full the ledger is. */
async function refusalWhenFull({ engine, ledger, guarded }: Claiming, { key }: ClaimRequest) {
  const holder = await engine.quota?.full(guarded.call.scope);
  if (holder === undefined || (await ledger.store.get(key)) !== undefined) return undefined;
  return refusal(guarded.call.tool, { type: 'too_many_records', holder }, { retryAfterMs: fullRetryMs });
}

/** The result of one round of asking the ledger. */
type Round =
  | { readonly type: 'outcome'; readonly outcome: Outcome }
  /** The ledger has to be asked again. `hasSent`: this call has sent something for the operation. */
  | { readonly type: 'again'; readonly request: ClaimRequest; readonly hasSent: boolean };

async function claimUntilAnswered(claiming: Claiming, first: ClaimRequest): Promise<Outcome> {
  let request = first;
  let hasSent = false;
  for (let count = 0; count < roundsMax; count += 1) {
    const taken = claimOnce(claiming, request);
    const round: Round = await (hasSent ? taken.catch(rethrowAfterSending) : taken);
    if (round.type === 'outcome') return round.outcome;
    request = round.request;
    hasSent ||= round.hasSent;
  }
  const fault = new LedgerUnavailable(`the record changed ${roundsMax} times during one call`);
  return hasSent ? rethrowAfterSending(fault) : Promise.reject(fault);
}

/** Once a call has sent something, a fault of the ledger must not say that nothing was executed. */
function rethrowAfterSending(error: unknown): never {
  throw error instanceof LedgerUnavailable ? new OutcomeNotRead(describeError(error), { cause: error }) : error;
}

async function claimOnce(claiming: Claiming, request: ClaimRequest): Promise<Round> {
  const { engine, ledger, guarded } = claiming;
  emit({ type: 'claim', operation: request.key, tool: request.tool });
  const claimed = await ledger.claim(request);
  const asks = claimed.type === 'replay' && guarded.asksBeforeRepeat;
  const found = asks ? await decideRepeat(engine, ledger, guarded, claimed.held) : claimed;
  switch (found.type) {
    case 'claimed':
      return executeClaim(claiming, request, found.claim);
    case 'alias':
      return { type: 'again', request: { ...request, key: found.of }, hasSent: false };
    case 'replay':
      return { type: 'outcome', outcome: await outcomeOfReplay(engine, guarded, found.held.record) };
    case 'ask':
      return { type: 'outcome', outcome: await askWhetherRepeat(engine, guarded, found.last) };
    case 'waiting':
      return { type: 'outcome', outcome: await outcomeOfWaiting(engine, guarded, found.held.record) };
    case 'stale':
      return { type: 'outcome', outcome: refusalOfClosedQuestion(guarded) };
    case 'conflict':
      return { type: 'outcome', outcome: await outcomeOfConflict(claiming, request, found.held) };
    case 'in_flight':
    case 'in_flight_other':
      return waitForOther(claiming, request, found.held, found.type === 'in_flight');
    case 'recover':
      return recoverHeld(claiming, request, found.held);
  }
}

async function executeClaim(claiming: Claiming, request: ClaimRequest, claim: Claim): Promise<Round> {
  const { engine, ledger, guarded } = claiming;
  const { call, tool } = guarded;
  if (isNewRecord(claim)) engine.quota?.note(call.scope);
  const twin = await registerClaim(engine, ledger, guarded, claim);
  if (twin !== undefined) return { type: 'again', request: { ...request, key: twin }, hasSent: false };
  const executed = await untilLeft(call, execute(engine, ledger, tool, claim, call));
  return roundOfExecuted(claiming, request, executed);
}

function isNewRecord({ record }: Claim): boolean {
  return record.generation === 1 && record.attempt === 1;
}

/**
 * Registers a claim before it may be executed: with its twins, and as the latest write of its resource.
 * @returns the key of the twin to follow instead; undefined when this claim is the one to execute
 */
async function registerClaim(engine: EngineParts, ledger: Ledger, guarded: GuardedCall, claim: Claim) {
  const { tool, derived } = guarded;
  try {
    // A call that answers a question continues an operation that has the latch already.
    const hasLatch = derived.latchKey === undefined || guarded.answers !== undefined;
    const twin = hasLatch ? undefined : await followTwin(ledger, claim, derived.latchKey);
    if (twin === undefined) await registerWrite(ledger, tool, claim);
    return twin;
  } catch (error) {
    void giveUp(engine, claim, describeFault(error, claim.record.key));
    throw error;
  }
}

async function recoverHeld(claiming: Claiming, request: ClaimRequest, held: StoredRecord): Promise<Round> {
  const { engine, ledger, guarded } = claiming;
  const recovered = await untilLeft(guarded.call, recover(engine, ledger, held));
  if (recovered === undefined) return { type: 'again', request, hasSent: false };
  return roundOfExecuted(claiming, request, recovered);
}

async function roundOfExecuted(
  { engine, guarded }: Claiming,
  request: ClaimRequest,
  executed: Executed | 'aborted',
): Promise<Round> {
  if (executed === 'aborted') return { type: 'outcome', outcome: callerLeft(guarded.call) };
  const outcome = await outcomeOfExecuted(engine, guarded, executed).catch(rethrowAfterSending);
  return outcome ? { type: 'outcome', outcome } : { type: 'again', request, hasSent: true };
}

/** Returns the outcome of what this call executed or recovered; undefined when the ledger has to be asked again. */
async function outcomeOfExecuted(
  engine: EngineParts,
  guarded: GuardedCall,
  executed: Executed,
): Promise<Outcome | undefined> {
  const { record, recovered, retryAfterMs, unkept } = executed;
  const { status } = record;
  const { request } = guarded;
  // The process that took the operation over decides its outcome, but a success stays true.
  if (executed.lost && status.state !== 'succeeded') return undefined;
  switch (status.state) {
    case 'in_flight':
      return undefined;
    case 'unknown':
      return refusalOfUnknown(record, status.message, retryAfterMs);
    default:
      // The recovered operation may be another call's. Then this call's own turn comes now.
      if (record.fingerprint !== request.fingerprint || record.tool !== request.tool) return undefined;
      if (status.state === 'waiting') return outcomeOfWaiting(engine, guarded, record);
      return outcomeOfEnded(engine, guarded, record, status, { replayed: false, recovered, unkept });
  }
}

function outcomeOfConflict(
  { engine, guarded }: Claiming,
  { replies }: ClaimRequest,
  { record }: StoredRecord,
): Promise<RefusalOutcome> | RefusalOutcome {
  return replies ? refusalOfOtherReply(guarded, record) : refusalOfConflict(engine, guarded, record);
}

async function waitForOther(
  claiming: Claiming,
  request: ClaimRequest,
  held: StoredRecord,
  isSame: boolean,
): Promise<Round> {
  const { engine, ledger, guarded, deadlineMs } = claiming;
  const { call } = guarded;
  const waited = await waitForOutcome(engine, ledger, held, call, deadlineMs);
  switch (waited.type) {
    case 'left':
      return { type: 'outcome', outcome: callerLeft(call) };
    case 'timeout': {
      const what = isSame ? 'same_operation' : 'other_write';
      return { type: 'outcome', outcome: refusalOfInFlight(waited.record, waited.record.leaseMs / 2, what) };
    }
    case 'changed':
      return { type: 'again', request, hasSent: false };
    case 'superseded':
      if (!isSame) return { type: 'again', request, hasSent: false };
      return { type: 'outcome', outcome: refusalOfSuperseded(waited.held.record) };
    case 'ended': {
      if (!isSame) return { type: 'again', request, hasSent: false };
      const outcome = await outcomeOfEnded(engine, guarded, waited.record, waited.ended, { replayed: true });
      return { type: 'outcome', outcome };
    }
  }
}

function callerLeft({ tool }: ToolCall): RefusalOutcome {
  return refusal(tool, { type: 'caller_left', isGuarded: true });
}

/** Waits for an execution until the caller leaves. The execution continues, and `onExecution` receives it. */
function untilLeft<T>(call: ToolCall, running: Promise<T>): Promise<T | 'aborted'> {
  call.onExecution?.(running);
  return untilAborted(running, call.signal);
}

/** Emits the event that says how a call ended. */
function reportOutcome(call: ToolCall, outcome: Outcome): void {
  const traceId = traceIdOf(call.meta);
  const operation = outcome.operation?.key;
  emit({
    type: 'answered',
    tenant: call.scope.tenant,
    subject: call.scope.subject,
    tool: call.tool,
    code: codeOf(outcome),
    replayed: outcome.type === 'result' && outcome.replayed,
    ...(operation === undefined ? {} : { operation }),
    ...(traceId === undefined ? {} : { traceId }),
  });
}

function codeOf(outcome: Outcome): string {
  switch (outcome.type) {
    case 'result':
      return 'succeeded';
    case 'input_required':
      return 'input_required';
    case 'refusal':
      return outcome.code;
  }
}

/**
 * Reads the trace id of a call from `_meta.traceparent` (MCP 2026-07-28, trace context; SEP-414), for the log. It is not
 * part of any key, because each repeat has another one.
 */
export function traceIdOf(meta: Readonly<Record<string, unknown>>): string | undefined {
  const { traceparent: text } = meta;
  return typeof text === 'string' && text.length <= traceparentCharsMax ? traceparent.exec(text)?.[1] : undefined;
}
