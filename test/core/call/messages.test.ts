import { describe, expect, test } from 'vitest';
import { droppedNote, refusalMessage, resultNote } from '../../../src/core/call/messages.ts';
import {
  type RefusalDetails,
  type RefusalReason,
  type ResultOutcome,
  refusal,
} from '../../../src/core/call/outcome.ts';
import type { Tool } from '../../../src/core/tool/types.ts';

const detail = 'the API answered 500';
const requests = ['account'];
const operation = { key: 'k', tool: 'pay', generation: 1, attempt: 1, firstExecutedAt: '2026-01-02T03:04:05.678Z' };

const nothing = /Nothing was executed/;
const cases: [RefusalReason, RegExp, RefusalDetails?][] = [
  [{ type: 'unknown_tool', known: ['pays'] }, nothing],
  [{ type: 'unknown_tool', known: [] }, nothing],
  [{ type: 'invalid_arguments', detail }, nothing],
  [{ type: 'invalid_host_key', detail }, nothing],
  [{ type: 'invalid_repeat_token', problem: 'not_supported' }, nothing],
  [{ type: 'invalid_repeat_token', problem: 'malformed' }, nothing],
  [{ type: 'invalid_repeat_token', problem: 'forged' }, nothing],
  [{ type: 'invalid_request_state' }, nothing],
  [{ type: 'invalid_reply', requests }, nothing],
  [{ type: 'question_closed' }, nothing],
  [{ type: 'replied_before' }, nothing],
  [{ type: 'ledger_unavailable' }, nothing],
  [{ type: 'record_unreadable' }, nothing],
  [{ type: 'too_many_records', holder: 'tenant' }, nothing],
  [{ type: 'too_many_calls', holder: 'server' }, nothing],
  [{ type: 'tool_invalid', detail }, nothing],
  [{ type: 'upstream_unavailable', detail }, nothing],
  [{ type: 'shutting_down' }, nothing],
  [{ type: 'declined' }, nothing],
  [{ type: 'not_admitted', detail, nextStep: 'Call it without "task"' }, nothing],
  [{ type: 'in_flight', what: 'other_write' }, nothing, { retryAfterMs: 1 }],
  [{ type: 'conflict', sharedBy: 'host_key', first: 'under_way' }, nothing],
  [{ type: 'conflict', sharedBy: 'operation', first: 'incomplete' }, nothing, { steps: ['reserve'] }],
  [{ type: 'conflict', sharedBy: 'operation', first: 'ended' }, nothing, { repeatToken: 'r1.t' }],
  [{ type: 'failed', detail }, /It had no effect/],
  [{ type: 'failed', detail, kind: 'invalid' }, /It had no effect\. Correct the arguments/],
  [{ type: 'failed', detail, kind: 'not_found' }, /It had no effect\. Check the identifiers/],
  [{ type: 'failed', detail, kind: 'unauthorised' }, /It had no effect\. The same call fails until an operator/],
  [{ type: 'failed', detail, kind: 'declined' }, /It had no effect\. The same call would be declined/],
  [{ type: 'failed', detail, kind: 'conflict' }, /It had no effect\. Read the current state/],
  [{ type: 'failed', detail, kind: 'limited' }, /temporary: call again in 2 s/, { retryAfterMs: 1_001 }],
  [{ type: 'failed', detail, kind: 'unavailable' }, /temporary: call again later/],
  [{ type: 'incomplete', detail, kind: 'declined' }, /Once its cause is corrected/, { steps: ['reserve'] }],
  [{ type: 'incomplete', detail }, /reserve took effect.*It is incomplete/, { steps: ['reserve'] }],
  [{ type: 'result_not_kept', executed: 'now', detail }, /It was executed now/],
  [{ type: 'result_not_kept', executed: 'before', detail }, nothing],
  [{ type: 'outcome_unknown', detail }, /It may have taken effect.*ledger resolve k/, { operation }],
  [{ type: 'outcome_unknown', detail, isToolGone: true }, /may have taken effect/, { retryAfterMs: 1_001 }],
  [{ type: 'outcome_not_read' }, /may have taken effect/],
  [{ type: 'caller_left', isGuarded: true }, /What was already sent continues/],
  [{ type: 'caller_left', isGuarded: false }, /What was already sent continues/],
  [{ type: 'client_cannot_ask', requests }, /Nothing more was executed/],
  [{ type: 'ended_unasked', detail }, /It had no effect/],
  [{ type: 'ended_unasked', detail }, /reserve took effect/, { steps: ['reserve'] }],
  [{ type: 'not_answered', requests }, /Nothing more was executed/],
  [{ type: 'read_failed', detail }, /nothing was changed/],
  [{ type: 'unguarded_failed', detail }, /It had no effect/],
  [{ type: 'unguarded_incomplete', detail }, /reserve took effect/, { steps: ['reserve'] }],
  [{ type: 'unguarded_unknown', detail }, /may have taken effect/],
  [{ type: 'unguarded_result_invalid', detail }, /The call was executed/],
];

describe('a message', () => {
  test.each(cases)('says cause, effect and next step of %o', (reason, executed, details) => {
    const message = refusalMessage(refusal('pay', reason, details));
    expect(message).toMatch(executed);
    expect(message).toMatch(/^(pay: \S|There is no tool named "pay")/);
    expect(message.match(/[^.?]+[.?](?= [A-Z]|$)/g)?.length).toBeGreaterThanOrEqual(3);
    expect(message).toMatch(/\.$/);
    expect(message).not.toMatch(/undefined|\.\.|\(\)| {2}/);
  });

  test('names the detail of a ledger fault only when the refusal carries it', () => {
    const reason = { type: 'ledger_unavailable' } as const;
    expect(refusalMessage(refusal('pay', reason, { ledgerDetail: 'connect ECONNREFUSED' }))).toContain('ECONNREFUSED');
    expect(refusalMessage(refusal('pay', reason))).toBe(
      'pay: the ledger is not available. Nothing was executed. It is safe to call again later.',
    );
  });
});

describe('a note about a result', () => {
  const operation = { key: 'k', tool: 'pay', generation: 1, attempt: 1, firstExecutedAt: '2026-01-02T03:04:05.000Z' };
  const token = 'r1.1.1.abcdefghijklmnopqrstuv.abcdefghijklmnopqrstuv';
  const kept = { content: [{ type: 'text', text: 'Request timed out' }], isError: true };
  const note = (given: Partial<ResultOutcome>): string =>
    resultNote({ type: 'result', tool: {} as Tool, result: {}, replayed: true, operation, ...given });

  test.each<[string, Partial<ResultOutcome>, RegExp]>([
    ['says when the operation was executed', {}, /^Replayed from 2026-01-02T03:04Z, not executed now/],
    ['says how to mean another operation', { repeatToken: token }, /For a second one, add repeat_token "r1\.1/],
    [
      'says that a person did not accept',
      { declined: true, repeatToken: token },
      /A person did not accept .*another way\.$/,
    ],
    ['of a kept error asks to check first', { result: kept, repeatToken: token }, /Check first, then add repeat_token/],
    [
      'names what was not compared',
      { notCompared: ['request_id', 'timestamp'], repeatToken: token },
      /Not compared: request_id, timestamp\. If meant, add repeat_token/,
    ],
    [
      'of a first call with a token leads on',
      { replayed: false, repeatToken: token },
      /^Executed now.* For one more, add/,
    ],
    [
      'of an error of this call names tools that check',
      { replayed: false, result: kept, repeatToken: token, checkWith: ['get_payment', 'list_payments'] },
      /^It may have taken effect\. Check first \(get_payment, list_payments\)\. If it did not, add/,
    ],
    [
      'leaves out names that would make it long',
      { replayed: false, result: kept, repeatToken: token, checkWith: ['get_payment', 'x'.repeat(150)] },
      /Check first \(get_payment\)\./,
    ],
    [
      'of an error of this call has a way on without such tools',
      { replayed: false, result: kept, repeatToken: token },
      /^It may have taken effect\. Check first\. If it did not, to execute it again add/,
    ],
  ])('%s', (_what, given, expected) => {
    expect(note(given)).toMatch(expected);
    expect(note(given).length).toBeLessThanOrEqual(200);
  });

  test('names at most five arguments that were not sent', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    expect(droppedNote(names.map((name) => `/${name}`))).toBe(
      'Not sent, because the tool has no such argument: a, b, c, d, e and 1 more.',
    );
  });
});
