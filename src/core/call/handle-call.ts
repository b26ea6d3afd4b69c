import { describeError, LedgerUnavailable, OutcomeNotRead } from '../errors.ts';
import type { Claim } from '../ledger/claim.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ClaimRequest } from '../ledger/new-record.ts';
import { emit } from '../observe/events.ts';
import { answerOfDeclined, lastOfIts } from './again.ts';
import {
  answerOfConflict,
  answerOfEnded,
  answerOfFault,
  answerOfFull,
  answerOfInFlight,
  answerOfReplay,
  answerOfSuperseded,
  answerOfUnknown,
  cancelled,
} from './answers.ts';
import { describeFault } from './describe-fault.ts';
import { execute, giveUp } from './execute.ts';
import { answerOfPrepareFault, prepare } from './prepare.ts';
import { askAgain, askDirectly, closedAgain } from './questions.ts';
import { recover } from './recover.ts';
import { noteWrite } from './resource.ts';
import { answerOfOtherAnswer, answerOfStale, answerOfUnanswered, answerOfWaiting, takeAnswer } from './rounds.ts';
import { runUnguarded } from './run-unguarded.ts';
import type { Executed } from './settle.ts';
import { traceIdOf } from './trace.ts';
import { followTwin } from './twins.ts';
import type { Engine, GuardedCall, Outcome, ToolCall } from './types.ts';
import { waitForOutcome } from './wait.ts';

/** How often one call asks the ledger before it gives up: each round either waits or has lost a race. */
const roundsMax = 100;

/**
 * The way of one tool call: prepare (tool, arguments, key), claim, and then what the ledger says.
 * Resolves with what the caller learns; rejects for faults that are no expected outcome.
 */
export async function handleCall(engine: Engine, call: ToolCall): Promise<Outcome> {
  const answer = await answerAsking(engine, call).catch((error: unknown) => {
    return answerOfPrepareFault(error) ?? answerOfFault(error, call.tool);
  });
  const replayed = answer.type === 'result' && answer.replayed;
  const traceId = traceIdOf(call.meta);
  const operation = answer.operation?.key;
  emit({
    type: 'answered',
    tenant: call.scope.tenant,
    subject: call.scope.subject,
    tool: call.tool,
    code: codeOf(answer),
    replayed,
    ...(operation === undefined ? {} : { operation }),
    ...(traceId === undefined ? {} : { traceId }),
  });
  return answer;
}

function codeOf(answer: Outcome): string {
  switch (answer.type) {
    case 'result':
      return 'succeeded';
    case 'input_required':
      return 'input_required';
    case 'refusal':
      return answer.code;
  }
}

/** A caller that can be asked at once is, and then goes the way of one that has called again with its answer. */
async function answerAsking(engine: Engine, call: ToolCall): Promise<Outcome> {
  const { questionChannel } = call;
  let current = call;
  for (let round = 0; round < roundsMax; round += 1) {
    const answer = await answerCall(engine, current);
    if (answer.type !== 'input_required' || questionChannel?.type !== 'direct') return answer;
    const asked = askDirectly(engine, call, answer.requests, questionChannel.ask);
    const responses = await untilLeft(asked, call.signal);
    if (responses === 'left') return cancelled(call.tool);
    if (responses === undefined && answer.about === 'input') return answerOfUnanswered(answer);
    current = { ...call, input: { responses: responses ?? closedAgain, state: answer.requestState } };
  }
  throw new LedgerUnavailable(`the question came back ${roundsMax} times during one call`);
}

async function answerCall(engine: Engine, call: ToolCall): Promise<Outcome> {
  const prepared = await prepare(engine, call);
  switch (prepared.type) {
    case 'refused':
      return prepared.answer;
    case 'unguarded':
      return untilLeft(told(call, runUnguarded(engine, prepared.tool, prepared.arguments)), call.signal).then(
        (answer) => (answer === 'left' ? cancelled(call.tool) : answer),
      );
    case 'declined':
      return answerOfDeclined(engine, await engine.ledger(), prepared.guarded);
    case 'guarded':
      return handleGuarded(engine, prepared.guarded);
  }
}

/** Once this call has sent something, a fault of the ledger must not say that nothing was executed. */
async function handleGuarded(engine: Engine, guarded: GuardedCall): Promise<Outcome> {
  const sent = { any: false };
  try {
    return await answerGuarded(engine, guarded, sent);
  } catch (error) {
    if (!sent.any || !(error instanceof LedgerUnavailable)) throw error;
    throw new OutcomeNotRead(describeError(error), { cause: error });
  }
}

async function answerGuarded(engine: Engine, guarded: GuardedCall, sent: { any: boolean }): Promise<Outcome> {
  const { call } = guarded;
  const ledger = await engine.ledger();
  const deadlineMs = engine.clock.monotonicMs() + engine.settings.waitMs;
  let request: ClaimRequest = guarded.request;
  if (guarded.answers) {
    const { asked, responses } = guarded.answers;
    const taken = await takeAnswer(engine, ledger, guarded, asked, responses);
    if (taken.type === 'answer') return taken.answer;
    request = { ...request, replies: taken.answered };
  }
  const full = await engine.quota?.full(call.scope);
  // What is in the ledger already is answered, however full it is.
  if (full !== undefined && (await ledger.store.get(request.key)) === undefined) return answerOfFull(call.tool, full);
  for (let round = 0; round < roundsMax; round += 1) {
    emit({ type: 'claim', operation: request.key, tool: request.tool });
    const claimed = await ledger.claim(request);
    const asks = claimed.type === 'replay' && guarded.asksAgain;
    const found = asks ? await lastOfIts(engine, ledger, guarded, claimed.held) : claimed;
    switch (found.type) {
      case 'claimed': {
        if (isNew(found.claim)) engine.quota?.note(call.scope);
        const twin = await noteClaim(engine, ledger, guarded, found.claim);
        if (twin !== undefined) {
          request = { ...request, key: twin };
          break;
        }
        const answer = await executeFor(engine, ledger, guarded, found.claim);
        sent.any = true;
        if (answer) return answer;
        break;
      }
      case 'alias':
        request = { ...request, key: found.of };
        break;
      case 'replay':
        return answerOfReplay(engine, guarded, found.held.record);
      case 'ask':
        return askAgain(engine, guarded, found.last);
      case 'waiting':
        return answerOfWaiting(engine, guarded, found.held.record);
      case 'stale':
        return answerOfStale(guarded);
      case 'conflict':
        if (request.replies) return answerOfOtherAnswer(guarded, found.held.record);
        return answerOfConflict(engine, guarded, found.held.record);
      case 'in_flight':
      case 'in_flight_other': {
        const waited = await waitForOutcome(engine, ledger, found.held, call, deadlineMs);
        if (waited.type === 'left') return cancelled(call.tool);
        const same = found.type === 'in_flight';
        if (waited.type === 'timeout') return answerOfInFlight(waited.record, waited.record.leaseMs / 2, same);
        if (!same || waited.type === 'changed') break;
        if (waited.type === 'superseded') return answerOfSuperseded(waited.held);
        return answerOfEnded(engine, guarded, waited.record, waited.ended, { replayed: true });
      }
      case 'recover': {
        const recovered = await untilLeft(told(call, recover(engine, ledger, found.held)), call.signal);
        if (recovered === 'left') return cancelled(call.tool);
        sent.any ||= recovered !== undefined;
        const answer = recovered && (await answerOfExecuted(engine, guarded, recovered));
        if (answer) return answer;
        break;
      }
    }
  }
  throw new LedgerUnavailable(`the record changed ${roundsMax} times during one call`);
}

/** Not one that takes the place of another. */
function isNew({ record }: Claim): boolean {
  return record.generation === 1 && record.attempt === 1;
}

/** What else has to be noted before a claim may be executed; the key to follow when it may not. */
async function noteClaim(engine: Engine, ledger: Ledger, guarded: GuardedCall, claim: Claim) {
  const { tool, derived } = guarded;
  try {
    // Whoever answers goes on with what has the latch already.
    const latched = derived.latchKey === undefined || guarded.answers !== undefined;
    const twin = latched ? undefined : await followTwin(ledger, claim, derived.latchKey);
    if (twin === undefined) await noteWrite(ledger, tool, claim);
    return twin;
  } catch (error) {
    void giveUp(engine, claim, describeFault(error, claim.record.key));
    throw error;
  }
}

async function executeFor(engine: Engine, ledger: Ledger, guarded: GuardedCall, claim: Claim) {
  const { tool, call } = guarded;
  const executed = await untilLeft(told(call, execute(engine, ledger, tool, claim, call)), call.signal);
  return executed === 'left' ? cancelled(tool.name) : answerOfExecuted(engine, guarded, executed);
}

/** The answer of what this call executed or recovered; undefined when the ledger has to be asked again. */
async function answerOfExecuted(
  engine: Engine,
  guarded: GuardedCall,
  executed: Executed,
): Promise<Outcome | undefined> {
  const { record, recovered, retryAfterMs, unkept } = executed;
  const { status } = record;
  const { request } = guarded;
  // Somebody else took the operation over: its outcome is theirs to tell, but a success stays true.
  if (executed.lost && status.state !== 'succeeded') return undefined;
  switch (status.state) {
    case 'in_flight':
      return undefined;
    case 'unknown':
      return answerOfUnknown(record, status.message, retryAfterMs);
    default:
      // What was recovered may be another call's operation; then this call's own turn comes now.
      if (record.fingerprint !== request.fingerprint || record.tool !== request.tool) return undefined;
      if (status.state === 'waiting') return answerOfWaiting(engine, guarded, record);
      return answerOfEnded(engine, guarded, record, status, { replayed: false, recovered, unkept });
  }
}

function told<T>({ onExecution }: ToolCall, running: Promise<T>): Promise<T> {
  onExecution?.(running);
  return running;
}

/** What is under way goes on without its caller. */
function untilLeft<T>(running: Promise<T>, signal: AbortSignal): Promise<T | 'left'> {
  return new Promise((resolve, reject) => {
    const leave = (): void => resolve('left');
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave, { once: true });
    running.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}
