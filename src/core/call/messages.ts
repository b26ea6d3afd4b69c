import { sentence, suggestion } from '../suggest.ts';
import { isErrorResult } from '../tool/content.ts';
import type { FailedKind, RefusalOutcome, RefusalReason, ResultOutcome } from './outcome.ts';

/** Longer names of unknown tools, and longer lists of known ones, are cut. */
const nameCharsMax = 64;
const knownMax = 20;

/** The three things that every message says. Clauses of `cause` come from elsewhere; the rest is fixed text. */
interface Message {
  readonly cause: string;
  readonly executed: string;
  readonly next: string;
}

const nothing = 'Nothing was executed.';
const nothingByThisCall = 'Nothing was executed by this call.';
const nothingMore = 'Nothing more was executed.';
const noEffect = 'It had no effect.';
const mayHaveTakenEffect = 'It may have taken effect.';

/**
 * Says what happened, whether anything was executed, and what to do next. Names the detail of a ledger fault only where
 * the refusal still carries it.
 */
export function refusalMessage(refusal: RefusalOutcome): string {
  const { tool, repeatToken } = refusal;
  const { cause, executed, next } = messageParts(refusal, refusal.reason);
  const opening = cause.startsWith(tool) || refusal.reason.type === 'unknown_tool' ? cause : `${tool}: ${cause}`;
  const purpose = refusal.reason.type === 'outcome_unknown' ? 'that' : 'a second operation';
  const token = repeatToken === undefined ? '' : ` The repeat_token for ${purpose} is "${repeatToken}".`;
  return `${sentence(opening)} ${executed} ${next}${notComparedNote(refusal, noteCharsMax)}${token}`;
}

function messageParts(refusal: RefusalOutcome, reason: RefusalReason): Message {
  const { retryAfterMs, ledgerDetail } = refusal;
  const ledger = ledgerDetail === undefined ? '' : ` (${ledgerDetail})`;
  const again = `Call again${retryAfterMs === undefined ? '' : ` in ${secondsOf(retryAfterMs)}`} with the same arguments`;
  const steps = (refusal.steps ?? []).join(', ');
  switch (reason.type) {
    case 'unknown_tool':
      return unknownTool(refusal.tool, reason.known);
    case 'invalid_arguments':
      return { cause: reason.detail, executed: nothing, next: 'Correct the arguments and call again.' };
    case 'not_canonical':
      return {
        cause: `it could not be found out what the arguments mean: ${reason.detail}`,
        executed: nothing,
        next: 'Correct the arguments if they are wrong. Otherwise call again later with the same ones.',
      };
    case 'invalid_host_key':
      return { cause: reason.detail, executed: nothing, next: 'Send a key of 1 to 255 characters, or no key.' };
    case 'invalid_repeat_token':
      return invalidRepeatToken(reason.problem);
    case 'invalid_request_state':
      return {
        cause: 'the requestState is not valid for this call: it belongs to another caller or call, or it is forged',
        executed: nothing,
        next: 'Call again without requestState and with the intended arguments.',
      };
    case 'invalid_reply':
      return {
        cause: `the response to ${reason.requests.join(', ')} is not valid, or it is too large`,
        executed: nothing,
        next: 'Send an action (accept, decline or cancel) and the requested content.',
      };
    case 'question_closed':
      return {
        cause: 'the question that this call answers is no longer open',
        executed: nothingByThisCall,
        next: 'Call again without requestState.',
      };
    case 'replied_before':
      return {
        cause: 'the question that this call answers already has a different reply, and the first reply counts',
        executed: nothingByThisCall,
        next: 'Call again without requestState to learn the outcome.',
      };
    case 'ledger_unavailable':
      return {
        cause: `the ledger is not available${ledger}`,
        executed: nothing,
        next: reason.isLasting
          ? 'Calling again does not help before an operator has corrected that.'
          : 'It is safe to call again later.',
      };
    case 'record_unreadable':
      return {
        cause: `the operation's record cannot be read${ledger}`,
        executed: nothing,
        next: 'An operator has to inspect the ledger with "mcp-once ledger list".',
      };
    case 'too_many_records':
      return {
        cause: `the ledger holds the maximum number of operations of this ${reason.holder}`,
        executed: nothing,
        next: 'New operations are possible when older ones expire or the operator raises the limit. Repeats of earlier calls still get their outcome.',
      };
    case 'too_many_calls': {
      const holder = reason.holder === 'server' ? '' : ` of this ${reason.holder}`;
      return { cause: `too many calls${holder} are in flight`, executed: nothing, next: `${again}.` };
    }
    case 'tool_invalid':
      return { cause: reason.detail, executed: nothing, next: 'The author of the tool has to fix it.' };
    case 'upstream_unavailable':
      return { cause: reason.detail, executed: nothing, next: 'Correct the configuration and call again.' };
    case 'shutting_down':
      return { cause: 'the server is shutting down', executed: nothing, next: 'Call again after it has restarted.' };
    case 'declined':
      return {
        cause: 'a person was asked whether to execute it again and did not accept',
        executed: nothing,
        next: 'Do not try it another way.',
      };
    case 'not_admitted':
      return { cause: reason.detail, executed: nothing, next: sentence(reason.nextStep) };
    case 'in_flight': {
      return {
        cause: `${inFlightCauses[reason.what]} is still in progress`,
        executed: nothingByThisCall,
        next: `${again}.`,
      };
    }
    case 'conflict':
      return conflict(refusal, reason);
    case 'failed':
      return {
        cause: `the operation failed: ${reason.detail}`,
        executed: noEffect,
        next: nextAfter(reason.kind, retryAfterMs, {
          otherwise: 'It is safe to call again with the same arguments: the operation then runs again.',
          temporary: 'with the same arguments: the operation then runs again.',
        }),
      };
    case 'incomplete':
      return {
        cause: `${steps} took effect, then the operation failed: ${reason.detail}`,
        executed: 'It is incomplete.',
        next: nextOfIncomplete(reason.kind, retryAfterMs),
      };
    case 'result_not_kept':
      return {
        cause: `the operation took effect, but its result was not kept: ${reason.detail}`,
        executed:
          reason.executed === 'now' ? 'It was executed now, and is not executed again.' : 'Nothing was executed now.',
        next: 'Look up the result at the upstream.',
      };
    case 'outcome_unknown':
      return {
        cause: reason.isOther
          ? `an earlier call of the same operation, with other arguments${namedFields(refusal)}, has an outcome that is not known: ${reason.detail}`
          : `the outcome of the operation is not known: ${reason.detail}`,
        executed: reason.isOther
          ? 'The earlier call may have taken effect. This call was not sent.'
          : mayHaveTakenEffect,
        next: unknownNext(refusal, reason, retryAfterMs === undefined ? undefined : again),
      };
    case 'outcome_not_read':
      return {
        cause: `this call sent the operation and lost its claim, and the ledger does not return the outcome${ledger}`,
        executed: 'It may have taken effect, and it is not sent again.',
        next: 'Call again with the same arguments to learn the outcome.',
      };
    case 'caller_left':
      return {
        cause: 'the caller cancelled the call or disconnected',
        executed: 'What was already sent continues.',
        next: reason.isGuarded
          ? 'Call again with the same arguments to learn the outcome.'
          : 'Check the upstream before you call again.',
      };
    case 'client_cannot_ask':
      return {
        cause: `it asks for input (${reason.requests.join(', ')}) before it continues, and this client cannot put a question to a person`,
        executed: nothingMore,
        next: 'Make the same call from a client that can.',
      };
    case 'ended_unasked':
      return {
        cause: reason.detail,
        executed: steps === '' ? noEffect : `It is incomplete: ${steps} took effect.`,
        next: 'Make the same call from a client that can; this client gets the same answer again.',
      };
    case 'not_answered':
      return {
        cause: `it asks for input (${reason.requests.join(', ')}), and nobody answered`,
        executed: nothingMore,
        next: 'Call again with the same arguments to be asked again.',
      };
    case 'read_failed':
      return {
        cause: `the call failed: ${reason.detail}`,
        executed: 'The tool only reads: nothing was changed.',
        next: nextAfter(reason.kind, retryAfterMs, unguardedNext),
      };
    case 'unguarded_failed':
      return {
        cause: `the call failed: ${reason.detail}`,
        executed: noEffect,
        next: nextAfter(reason.kind, retryAfterMs, unguardedNext),
      };
    case 'unguarded_incomplete':
      return {
        cause: `${steps} took effect, then the call failed: ${reason.detail}`,
        executed: 'It is incomplete.',
        next: 'The tool is not guarded: the same call starts from the beginning and repeats these steps.',
      };
    case 'unguarded_unknown':
      return {
        cause: `the outcome of the call is not known: ${reason.detail}`,
        executed: mayHaveTakenEffect,
        next: 'The tool is not guarded: calling again may do it twice. Check the upstream first.',
      };
    case 'unguarded_result_invalid':
      return {
        cause: `the result cannot be used: ${reason.detail}`,
        executed: 'The call was executed.',
        next: 'Look up the result at the upstream.',
      };
  }
}

const unguardedNext = { otherwise: 'It is safe to call again.', temporary: 'with the same arguments.' } as const;

/** Says whether the same call can help: not after a lasting refusal, and only later after a temporary one. */
function nextAfter(
  kind: FailedKind | undefined,
  retryAfterMs: number | undefined,
  { otherwise, temporary }: { readonly otherwise: string; readonly temporary: string },
): string {
  switch (kind) {
    case 'invalid':
      return 'Correct the arguments and call again: the same call would fail again.';
    case 'not_found':
      return 'Check the identifiers and call again: the same call fails until that exists.';
    case 'unauthorised':
      return 'The same call fails until an operator corrects the credentials or what they allow.';
    case 'declined':
      return 'The same call would be declined again. Change what was declined, or ask the person.';
    case 'broken':
      return 'The same call fails until the author of the tool has fixed it.';
    case 'conflict':
      return 'Read the current state, then decide: the same call fails until that changes.';
    case 'limited':
    case 'unavailable':
      return retryAfterMs === undefined
        ? `This is temporary: call again later ${temporary}`
        : `This is temporary: call again in ${secondsOf(retryAfterMs)} ${temporary}`;
    case undefined:
      return retryAfterMs === undefined ? otherwise : `Call again in ${secondsOf(retryAfterMs)} ${temporary}`;
  }
}

/** The arguments of the steps that took effect cannot be corrected any more. */
function nextOfIncomplete(kind: FailedKind | undefined, retryAfterMs: number | undefined): string {
  const isTemporary = kind === undefined || kind === 'limited' || kind === 'unavailable';
  const when = retryAfterMs === undefined ? '' : ` in ${secondsOf(retryAfterMs)}`;
  if (isTemporary) return `Call again${when} with the same arguments to continue from there.`;
  return 'Once its cause is corrected, call again with the same arguments to continue from there.';
}

const inFlightCauses: Readonly<Record<Extract<RefusalReason, { type: 'in_flight' }>['what'], string>> = {
  same_operation: 'the same operation',
  other_write: 'another write to the same resource',
  other_arguments: 'the same operation, called with other arguments,',
  reworded: 'a call that says the same in other words',
  lost_answer: 'a call whose answer was lost, and which this call may repeat,',
};

function unknownTool(asked: string, known: readonly string[]): Message {
  const name = asked.slice(0, nameCharsMax);
  const next = known.length === 0 ? 'List the tools again.' : `Call one of: ${known.slice(0, knownMax).join(', ')}.`;
  return {
    cause: `There is no tool named ${JSON.stringify(name)}${suggestion(name, known)}`,
    executed: nothing,
    next,
  };
}

function invalidRepeatToken(problem: 'not_supported' | 'malformed' | 'forged'): Message {
  if (problem === 'not_supported') {
    return {
      cause: 'the tool does not take a repeat_token',
      executed: nothing,
      next: 'Call again without it.',
    };
  }
  const cause =
    problem === 'malformed'
      ? 'the repeat_token is not valid'
      : 'the repeat_token belongs to another operation, or it is forged';
  return {
    cause,
    executed: nothing,
    next: 'Use the repeat_token from a replay of this operation, or leave it out.',
  };
}

/** Names the arguments that differ from those of the earlier call. */
function namedFields({ fields = [] }: RefusalOutcome): string {
  return fields.length === 0 ? '' : ` (${fields.join(', ')})`;
}

function conflict(
  refusal: RefusalOutcome,
  { sharedBy, first, firstText, otherTexts = [], advice }: Extract<RefusalReason, { type: 'conflict' }>,
): Message {
  const { steps = [], repeatToken, firstResult } = refusal;
  const named = namedFields(refusal);
  const cause = {
    wording: `the same operation was called before with a text that says the same in other words${named}`,
    lost_answer: `the answer to an earlier call was lost, and this call may repeat it in other words${named}`,
    host_key: `the same idempotency key was called with other arguments before${named}`,
    operation: `the same operation was called with other arguments before${named}`,
  }[sharedBy];
  const alsoLost =
    otherTexts.length === 0
      ? ''
      : ` Answers to calls with these texts were lost too: ${otherTexts.map((text) => JSON.stringify(text)).join(', ')}.`;
  const called = `${firstText === undefined ? '' : ` It said ${JSON.stringify(firstText)}.`}${alsoLost}`;
  const isLost = sharedBy === 'lost_answer' && repeatToken !== undefined;
  const another = isLost ? ' If you mean another operation, call again with the repeat_token.' : '';
  const advised = advice === undefined ? '' : ` ${sentence(advice)}`;
  const isKept = firstResult !== undefined;
  const result = isKept ? "The first call's result is enclosed." : 'The first call succeeded; its result is not kept.';
  return { cause, executed: nothingByThisCall, next: nextOfFirst() };

  function nextOfFirst(): string {
    switch (first) {
      case 'under_way':
        return `The first call is still in progress${isLost ? ', or its outcome is not known' : ''}: repeat it with its own arguments to learn its outcome.${called}${another}`;
      case 'incomplete':
        return `The first call is incomplete (${steps.join(', ')} took effect): repeat it with its own arguments to continue it.${called}${another}`;
      case 'ended':
        return repeatToken === undefined
          ? `Use the first call's result, or send another idempotency key for another operation.${advised}`
          : `${result}${called} ${isKept ? 'Use it, or call' : 'Call'} again with the repeat_token if you want a second operation.${advised}`;
    }
  }
}

function unknownNext(
  { operation, repeatToken, operator }: RefusalOutcome,
  { isToolGone, checkWith = [] }: Extract<RefusalReason, { type: 'outcome_unknown' }>,
  again: string | undefined,
): string {
  const gone = isToolGone ? ' Its server no longer lists this tool, so nothing can be sent or looked up for it.' : '';
  if (again !== undefined) {
    return `Do not try it another way. ${again}: that cannot make it take effect twice.${gone}`;
  }
  const tools = checkWith.length === 0 ? '' : `, for example with ${checkWith.join(' or ')}`;
  const check = `Do not try it another way. Nothing more is sent for it. Check the upstream${tools}.`;
  if (repeatToken !== undefined) {
    return `${check} If it took effect, use that. If it certainly did not, call again with the same arguments and the repeat_token to execute it.${gone}`;
  }
  if (operator === 'memory') {
    return `${check} Its ledger is in the memory of the server, so only a restart of the server ends it.${gone}`;
  }
  const options = operator === undefined || operator.options === '' ? '' : ` ${operator.options}`;
  const command = `mcp-once ledger resolve ${operation?.key} --succeeded${options}`;
  return `${check} If it took effect, an operator ends it with: ${command} (a file with the result may follow --succeeded). If it had no effect: the same with --failed.${gone}`;
}

/**
 * Tells the model whether a result is the stored one, and how to mean another operation. It has at most 200 characters, the
 * longest repeat token included, because models read it often. Programs find the same facts in `_meta`.
 */
export function resultNote(outcome: ResultOutcome): string {
  const { result, replayed, operation, repeatToken, declined, notCompared = [] } = outcome;
  const add = repeatToken === undefined ? undefined : `add repeat_token "${repeatToken}".`;
  // An error may hide an effect.
  const isError = isErrorResult(result);
  if (!replayed && isError && add !== undefined) return errorNote(outcome, add);
  if (!replayed) return `Executed now, as an operation of its own.${add === undefined ? '' : ` For one more, ${add}`}`;
  const when = operation ? `${operation.firstExecutedAt.slice(0, '2026-01-02T03:04'.length)}Z` : 'an earlier call';
  if (notCompared.length > 0 && !declined && !isError) return noteOfUncompared(outcome, when, add);
  const note = `Replayed from ${when}, not executed now: as it was then; it may have changed since.${notComparedNote(outcome, noteCharsMax)}`;
  if (declined) return `${note} A person did not accept a second one. Do not try it another way.`;
  if (add === undefined) return note;
  return isError ? `${note} Check first, then ${add}` : `${note} For a second one, ${add}`;
}

/** A call whose other arguments are equal may mean another operation by those that were not compared. */
function noteOfUncompared(outcome: ResultOutcome, when: string, add: string | undefined): string {
  const start = `Replayed from ${when}, not executed now; may have changed since.`;
  const end = add === undefined ? '' : ` If meant, ${add}`;
  return `${start}${notComparedNote(outcome, noteCharsMax - start.length - end.length)}${end}`;
}

/** Names arguments that were not compared, at least one of them, as far as the note stays short. */
function notComparedNote({ notCompared = [] }: Pick<ResultOutcome, 'notCompared'>, charsMax: number): string {
  let note = '';
  for (let count = Math.min(notCompared.length, droppedNamedMax); count > 0; count -= 1) {
    const names = notCompared.slice(0, count).map((name) => name.slice(0, nameCharsMax));
    const more = notCompared.length > count ? ` and ${notCompared.length - count} more` : '';
    note = ` Not compared: ${names.join(', ')}${more}.`;
    if (note.length <= charsMax) return note;
  }
  return note;
}

/** How many arguments a note names. */
const droppedNamedMax = 5;

/** Names arguments that the tool does not declare and that were not sent. */
export function droppedNote(dropped: readonly string[]): string {
  const names = dropped.slice(0, droppedNamedMax).map((pointer) => pointer.slice(1, 1 + nameCharsMax));
  const more = dropped.length > droppedNamedMax ? ` and ${dropped.length - droppedNamedMax} more` : '';
  return `Not sent, because the tool has no such argument: ${names.join(', ')}${more}.`;
}

const noteCharsMax = 200;

/** Names the tools to check with as far as the note stays short. */
function errorNote({ checkWith = [] }: ResultOutcome, add: string): string {
  for (let count = checkWith.length; count > 0; count -= 1) {
    const names = checkWith.slice(0, count).join(', ');
    const note = `It may have taken effect. Check first (${names}). If it did not, ${add}`;
    if (note.length <= noteCharsMax) return note;
  }
  return `It may have taken effect. Check first. If it did not, to execute it again ${add}`;
}

/** Says below the upstream's own error that it had no effect, and whether the same call can help. */
export function failureNote(refusal: RefusalOutcome): string {
  const { executed, next } = messageParts(refusal, refusal.reason);
  return `${executed} ${next}`;
}

function secondsOf(ms: number): string {
  return `${Math.max(1, Math.ceil(ms / 1000))} s`;
}
