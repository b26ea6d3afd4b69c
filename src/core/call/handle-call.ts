import { describeError, LedgerUnavailable, OutcomeNotRead } from '../errors.ts';
import { callIdOf } from '../key/call-ids.ts';
import type { Claim } from '../ledger/claim.ts';
import type { KnownFamily, Ledger } from '../ledger/ledger.ts';
import type { ClaimRequest } from '../ledger/new-record.ts';
import type { OperationRecord, Status, StoredRecord } from '../ledger/record.ts';
import type { RecordQuota } from '../ledger/record-quota.ts';
import { windowOver } from '../ledger/state-table.ts';
import { emit } from '../observe/events.ts';
import { untilAborted } from '../promises.ts';
import type { OperationVersion } from '../recognition/session.ts';
import { recognise } from '../recognition/table.ts';
import { execute, giveUp } from './execute.ts';
import { joinFamily, type Relative } from './family.ts';
import { describeFault, refusalOfFault } from './faults.ts';
import { noteObserved } from './observe.ts';
import { type Outcome, type RefusalOutcome, type RefusalReason, refusal } from './outcome.ts';
import {
  mayEnd,
  outcomeOfEnded,
  outcomeOfReplay,
  refusalOfConflict,
  refusalOfInFlight,
  refusalOfLostAnswer,
  refusalOfReworded,
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
import { earlierOf, hasErrorResult } from './session-facts.ts';
import type { Executed } from './settle.ts';
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
  const outcome = await answering.catch((error: unknown) => refusalOfFault(error, call.tool, engine));
  reportOutcome(call, outcome);
  if (call.hasRun?.() === false) await noteObserved(engine, call.tool, outcome);
  return outcome;
}

async function answerCall(engine: EngineParts, call: ToolCall): Promise<Outcome> {
  const prepared = await prepare(engine, call);
  switch (prepared.type) {
    case 'refused':
      return prepared.outcome;
    case 'unguarded': {
      const outcome = await untilLeft(call, runUnguarded(engine, prepared.tool, prepared.arguments));
      return outcome === 'aborted'
        ? refusal(call.tool, { type: 'caller_left', isGuarded: false })
        : withDropped(outcome, prepared.dropped);
    }
    case 'declined':
      return outcomeOfDeclined(engine, await engine.ledger(), prepared.guarded);
    case 'guarded':
      return withDropped(await answerFromKnown(engine, prepared.guarded), prepared.guarded.dropped);
  }
}

/** Adds the names of arguments that were not sent, so that the caller does not believe that they counted. */
function withDropped(outcome: Outcome, dropped: readonly string[] | undefined): Outcome {
  return dropped === undefined || outcome.type !== 'result' ? outcome : { ...outcome, dropped };
}

/** One guarded call on its way through the ledger. */
interface Claiming {
  readonly engine: EngineParts;
  readonly ledger: Ledger;
  readonly guarded: GuardedCall;
  /** Until when the call waits for another one, by the monotonic clock. */
  readonly deadlineMs: number;
}

/** Answers a repeat from what this process knows while the ledger is not available. */
async function answerFromKnown(engine: EngineParts, guarded: GuardedCall): Promise<Outcome> {
  try {
    return await answerGuarded(engine, guarded);
  } catch (error) {
    const known = engine.unsettled.get(guarded.request.key);
    if (!(error instanceof LedgerUnavailable) || known === undefined || guarded.again !== undefined) throw error;
    const { record, unkept } = known;
    const { status, fingerprint, tool } = record;
    const isSame = fingerprint === guarded.request.fingerprint && tool === guarded.request.tool;
    if (status.state !== 'succeeded' || !isSame || isMeant(engine, guarded, record)) throw error;
    return outcomeOfEnded(engine, guarded, record, status, { replayed: true, unkept });
  }
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
  const unanswered = request.supersedes ? guarded.memory?.unansweredWrite(request.key, request.fingerprint) : undefined;
  const replaced = unanswered && (await outcomeOfReplacedWrite(claiming, unanswered));
  if (replaced) return replaced;
  const full = engine.quota && (await refusalWhenFull(claiming, request, engine.quota));
  if (full !== undefined) return full;
  const { earlierKeys } = guarded;
  return claimUntilAnswered(claiming, earlierKeys ? await underItsEarlierKey(claiming, request, earlierKeys) : request);
}

/**
 * Answers a late retry of a write whose answer never reached the session, although the session has written the resource
 * again since. The record keeps the outcome of the write before the latest one.
 */
async function outcomeOfReplacedWrite(
  { engine, ledger, guarded }: Claiming,
  { key, generation: written }: OperationVersion,
): Promise<Outcome | undefined> {
  // A token says that the write is meant once more.
  const record = guarded.again === undefined ? (await ledger.read(key))?.record : undefined;
  const previous = record?.previous;
  if (!record || previous?.generation !== written) return undefined;
  const { generation, attempt, ended } = previous;
  if (ended.state !== 'succeeded' || windowOver(ended.settledAt, record.windowMs, ledger.time.nowFor(record)))
    return undefined;
  return outcomeOfEnded(engine, guarded, { ...record, generation, attempt, status: ended }, ended, { replayed: true });
}

/** For one window after an upgrade, an operation may be in the ledger under the key of an earlier version. */
async function underItsEarlierKey(
  { engine, ledger }: Claiming,
  request: ClaimRequest,
  earlierKeys: NonNullable<GuardedCall['earlierKeys']>,
): Promise<ClaimRequest> {
  const nowMs = engine.clock.wallMs();
  if (nowMs - (await engine.keysSince()) >= request.windowMs) return request;
  for (const earlier of earlierKeys()) {
    const held = await ledger.read(earlier.key);
    const { key, fingerprint } = earlier;
    if (held?.record.fingerprint === fingerprint) return { ...request, key, fingerprint };
  }
  return request;
}

/** An operation that is in the ledger already is answered, however full the ledger is. */
async function refusalWhenFull({ ledger, guarded }: Claiming, { key }: ClaimRequest, quota: RecordQuota) {
  const holder = await quota.full(guarded.call.scope);
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
  // Read beside the claim in a store across a network: a first call with free text then takes one round trip more, not two.
  const family = guarded.family && ledger.store.shared ? ledger.readFamily(guarded.family.key()) : undefined;
  family?.catch(() => undefined);
  const claimed = await ledger.claim(request);
  if (claimed.type === 'replay' && isMeant(engine, guarded, claimed.held.record)) {
    return executeAgain(claiming, request, claimed.held);
  }
  if (
    engine.unsettled.size > 0 &&
    'held' in claimed &&
    (await engine.unsettled.settleNow(request.key, claimed.held.record.token))
  ) {
    return { type: 'again', request, hasSent: false };
  }
  const asks = claimed.type === 'replay' && guarded.asksBeforeRepeat;
  const found = asks ? await decideRepeat(ledger, guarded, claimed.held) : claimed;
  switch (found.type) {
    case 'claimed':
      return executeClaim(claiming, request, found.claim, family);
    case 'alias':
      return { type: 'again', request: { ...request, key: found.of }, hasSent: false };
    case 'replay':
      guarded.memory?.noteCall(callIdOf(guarded.call.meta), found.held.record.key);
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
      return waitForOther(claiming, request, found.held, waitsFor(request, found.type));
    case 'recover':
      if (endsUnknown(guarded, found.held)) return executeAgain(claiming, request, found.held);
      return recoverHeld(claiming, request, found.held);
  }
}

/** Whether a call with the fingerprint of an ended operation means another one. */
function isMeant(engine: EngineParts, guarded: GuardedCall, record: OperationRecord): boolean {
  const { tool, again, derived, isNumbered } = guarded;
  if (again !== undefined) return again.kind === 'repeat' && again.generation === record.generation;
  if (record.status.state !== 'succeeded' || tool.class === 'off') return false;
  if (derived.source === 'host' || isNumbered) return false;
  const facts = earlierOf(engine, guarded, record);
  return recognise({ relation: 'same', class: tool.class, deletes: tool.effect === 'delete', ...facts }) === 'execute';
}

/** Whether the caller has checked that the operation took no effect, and says so with its token. */
function endsUnknown({ again, tool }: GuardedCall, { record }: StoredRecord): boolean {
  return again?.kind === 'unknown' && again.generation === record.generation && mayEnd(tool, record);
}

/** Executes the next generation of an operation, unless another call has just done so. */
async function executeAgain(claiming: Claiming, request: ClaimRequest, held: StoredRecord): Promise<Round> {
  const claim = await claiming.ledger.claimAgain(held, request);
  if (!claim) return { type: 'again', request, hasSent: false };
  const { guarded } = claiming;
  const family = guarded.family && { ...guarded.family, isMeant: true };
  return executeClaim({ ...claiming, guarded: { ...guarded, family } }, request, claim);
}

async function executeClaim(
  claiming: Claiming,
  request: ClaimRequest,
  claim: Claim,
  family?: Promise<KnownFamily | undefined>,
): Promise<Round> {
  const { engine, ledger, guarded } = claiming;
  const { call, tool } = guarded;
  if (isNewRecord(claim)) engine.quota?.note(call.scope);
  const relative = await registerClaim(claiming, claim, family);
  if (relative !== undefined) return answerRelative(claiming, request, claim, relative);
  const running = notedExecution(guarded, claim, execute(engine, ledger, tool, claim, call));
  const executed = await untilLeft(call, running);
  if (executed === 'aborted') guarded.memory?.noteLost(claim.record);
  return roundOfExecuted(claiming, request, executed);
}

/** Whether an execution counts as a write. An error result counts as none, so that a repeat of an earlier call is replayed. */
function hadEffect(status: Status): boolean {
  return status.state !== 'failed' && !hasErrorResult(status);
}

/** Notes an execution in the session's memory, also when its caller has left. */
function notedExecution({ memory, tool, call }: GuardedCall, claim: Claim, running: Promise<Executed>) {
  if (memory === undefined) return running;
  const { key, upstream, source, generation, fingerprint } = claim.record;
  const place = memory.begin();
  memory.noteKnown(claim.record);
  memory.noteCall(callIdOf(call.meta), key);
  return running.then((executed) => {
    // The caller learns that the outcome is unknown, and may try again in other words.
    if (executed.record.status.state === 'unknown') memory.noteLost(claim.record);
    if (!hadEffect(executed.record.status)) return executed;
    // A tool that says what it undoes ends the window of that operation, and of no other.
    const deletes = tool.effect === 'delete' && (tool.undoes === undefined || tool.undoesMore?.() === true);
    memory.noteWrite({ key, upstream, deletes, place });
    if (source === 'latest') memory.noteResourceWrite({ key, generation, fingerprint });
    return executed;
  });
}

function isNewRecord({ record }: Claim): boolean {
  return record.generation === 1 && record.attempt === 1;
}

/**
 * Registers a claim before it may be executed: in its family, and as the latest write of its resource.
 * @returns the earlier operation that the call may repeat; undefined when this claim is the one to execute
 */
async function registerClaim(
  { engine, ledger, guarded }: Claiming,
  claim: Claim,
  family: Promise<KnownFamily | undefined> | undefined,
): Promise<Relative | undefined> {
  try {
    // A call that answers a question continues an operation that is in its family already.
    const hasFamily = guarded.family !== undefined && guarded.answers === undefined;
    const relative = hasFamily ? await joinFamily(engine, ledger, guarded, claim, family) : undefined;
    if (relative === undefined) await registerWrite(ledger, guarded.tool, claim);
    // The wording of this call leads to its operation even when the family has forgotten it.
    const isElsewhere = guarded.family?.isMeant === true && guarded.ownKey !== claim.record.key;
    if (isElsewhere) await ledger.leadTo(guarded.ownKey, claim.record);
    return relative;
  } catch (error) {
    void giveUp(engine, claim, describeFault(error, claim.record.key));
    throw error;
  }
}

/** Gives a claim back whose call may repeat an earlier operation of its family, and answers with that one. */
async function answerRelative(
  claiming: Claiming,
  request: ClaimRequest,
  claim: Claim,
  relative: Relative,
): Promise<Round> {
  const { engine } = claiming;
  const { held } = relative;
  await giveUp(engine, claim, `it may repeat the operation ${held.record.key}`);
  switch (relative.type) {
    case 'same': {
      const { key, fingerprint } = held.record;
      return { type: 'again', request: { ...request, key, fingerprint }, hasSent: false };
    }
    case 'ask':
      return relative.isUnclear
        ? askAboutLost(claiming, held.record, relative.alsoLost)
        : askAboutReworded(claiming, held.record);
    case 'wait':
      if (relative.isUnclear) return waitForLost(claiming, request, held);
      if (held.record.status.state === 'waiting') return askAboutReworded(claiming, held.record);
      return held.record.status.state === 'in_flight' && claiming.ledger.leases.leftMs(held) > 0
        ? waitForOther(claiming, request, held, 'reworded')
        : recoverHeld(claiming, request, held);
  }
}

async function askAboutReworded({ engine, guarded }: Claiming, record: OperationRecord): Promise<Round> {
  return { type: 'outcome', outcome: await refusalOfReworded(engine, guarded, record) };
}

/**
 * Asks whether the call repeats an operation whose answer was lost.
 *
 * @param alsoLost further operations to name. Without it, the call has waited for the operation, and is noted as asked now.
 */
async function askAboutLost(
  { engine, guarded }: Claiming,
  record: OperationRecord,
  alsoLost?: readonly OperationRecord[],
): Promise<Round> {
  const { memory, ownKey, call } = guarded;
  if (alsoLost === undefined) memory?.noteAsked(ownKey, { ...record, similarity: 0 });
  const outcome = await refusalOfLostAnswer(engine, guarded, record, alsoLost);
  if (call.signal.aborted) memory?.noteLost(record);
  return { type: 'outcome', outcome };
}

/**
 * Waits for an operation whose answer was lost, or recovers it. If the operation is still open after that, the caller gets the
 * question: the call may be another one, and must not wait longer.
 */
async function waitForLost(claiming: Claiming, request: ClaimRequest, held: StoredRecord): Promise<Round> {
  const { engine, ledger, guarded, deadlineMs } = claiming;
  const { call } = guarded;
  const { state } = held.record.status;
  if (state === 'waiting') return askAboutLost(claiming, held.record);
  if (state === 'in_flight' && ledger.leases.leftMs(held) > 0) {
    const waited = await waitForOutcome(engine, ledger, held, call, deadlineMs);
    if (waited.type === 'left') return { type: 'outcome', outcome: callerLeft(call) };
    if (waited.type === 'timeout') return askAboutLost(claiming, waited.record);
    return { type: 'again', request, hasSent: false };
  }
  const recovered = await untilLeft(call, recover(engine, ledger, held));
  if (recovered === 'aborted') return { type: 'outcome', outcome: callerLeft(call) };
  const isOpen = recovered?.record.status.state === 'unknown' || recovered?.record.status.state === 'in_flight';
  return recovered && isOpen ? askAboutLost(claiming, recovered.record) : { type: 'again', request, hasSent: false };
}

async function recoverHeld(claiming: Claiming, request: ClaimRequest, held: StoredRecord): Promise<Round> {
  const { engine, ledger, guarded } = claiming;
  const recovered = await untilLeft(guarded.call, recover(engine, ledger, held));
  if (recovered === 'aborted') guarded.memory?.noteLost(held.record);
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
      return refusalOfUnknown(engine, guarded, record, status.message, retryAfterMs);
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

type InFlightWhat = Extract<RefusalReason, { type: 'in_flight' }>['what'];

function waitsFor({ supersedes }: ClaimRequest, type: 'in_flight' | 'in_flight_other'): InFlightWhat {
  if (type === 'in_flight') return 'same_operation';
  return supersedes ? 'other_write' : 'other_arguments';
}

async function waitForOther(
  claiming: Claiming,
  request: ClaimRequest,
  held: StoredRecord,
  what: InFlightWhat,
): Promise<Round> {
  const { engine, ledger, guarded, deadlineMs } = claiming;
  const { call } = guarded;
  const isSame = what === 'same_operation';
  const waited = await waitForOutcome(engine, ledger, held, call, deadlineMs);
  switch (waited.type) {
    case 'left':
      if (isSame) guarded.memory?.noteLost(held.record);
      return { type: 'outcome', outcome: callerLeft(call) };
    case 'timeout':
      return { type: 'outcome', outcome: refusalOfInFlight(waited.record, waited.record.leaseMs / 2, what) };
    case 'changed':
      return { type: 'again', request, hasSent: false };
    case 'superseded':
      if (!isSame) return { type: 'again', request, hasSent: false };
      return { type: 'outcome', outcome: await refusalOfSuperseded(engine, guarded, waited.held.record) };
    case 'ended': {
      if (!isSame) return { type: 'again', request, hasSent: false };
      guarded.memory?.noteCall(callIdOf(call.meta), waited.record.key);
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
