import { describe, expect, test } from 'vitest';
import { classifyErrorAnswer } from '../../../src/core/error-answers/classify.ts';
import { echoOf } from '../../../src/core/error-answers/effect-members.ts';
import { factsOfBody, factsOfDetails, saidNo } from '../../../src/core/error-answers/error-body.ts';

/** The meaning of a body whose response has a status of success; `success` if it says no such thing. */
function meaningOf(body: unknown, args: object = {}): string {
  const said = saidNo(body, echoOf(args));
  if (said === undefined) return 'success';
  return said.isBeforeExecution ? 'refused' : classifyErrorAnswer(said.facts).type;
}

const rows = (count: number) => Array.from({ length: count }, (_, row) => ({ row, message: `row ${row} is invalid` }));
const graphql = (message: string, more: object) => ({ errors: [{ message, ...more }] });

describe('the body of an error', () => {
  test.each<[string, unknown, 'refused' | 'doubt']>([
    [
      "Notion's object",
      { object: 'error', status: 400, code: 'validation_error', message: 'title is required' },
      'refused',
    ],
    [
      "PayPal's debug id",
      { name: 'UNPROCESSABLE_ENTITY', debug_id: 'b1d1f06c7246c', message: 'Invalid amount' },
      'refused',
    ],
    ["Matrix's code", { errcode: 'M_LIMIT_EXCEEDED', error: 'Too many requests', retry_after_ms: 2_000 }, 'refused'],
    [
      "Telegram's wait",
      { ok: false, error_code: 429, description: 'Too Many', parameters: { retry_after: 31 } },
      'refused',
    ],
    ["Jira's messages", { errorMessages: ['Issue does not exist'], errors: {} }, 'refused'],
    ['a count of failures alone', { error: 'invalid rows', failed: 3, processed: 0 }, 'refused'],
    ['counts of failures and effects', { error: 'invalid rows', failed: 3, processed: 2 }, 'doubt'],
    ['another object', { object: 'charge', id: 'ch_1', message: 'title is required' }, 'doubt'],
    ['other parameters', { ok: false, description: 'chat not found', parameters: { migrate_to: 12 } }, 'doubt'],
  ])('says what it means: %s', (_what, body, expected) => {
    expect(classifyErrorAnswer(factsOfBody(body)).type).toBe(expected);
  });
});

describe('a body leaves doubt', () => {
  test.each<[string, unknown]>([
    ['a failed webhook of GraphQL', graphql('response timeout', { extensions: { code: 'unexpected', path: '$' } })],
    ['a GraphQL error without a code', graphql('boom', { locations: [{ line: 1, column: 1 }] })],
    ['a state of success', { success: false, status: 'created', message: 'label not found' }],
    ['a partial state', { success: false, status: 'partially_applied', message: 'label not found' }],
    ['a state in the details', { error: { message: 'label not found', details: { state: 'sent' } } }],
    ['a code of an effect', { ok: false, error: 'message_sent_but_thread_not_found' }],
    ['another code of an effect', { error: { code: 'payment_captured_but_invoice_not_found' } }],
    ['an id in the details', { error: { message: 'label not found', details: { order_id: 12 } } }],
    ['a URL in the details', { error: { message: 'label not found', details: { url: 'https://x.test/issues/12' } } }],
    ['a resource in the error', { success: false, error: { code: 'LABEL_NOT_FOUND', issue: { id: 12 } } }],
    [
      'a resource deep in the error',
      { error: { message: 'not found', details: [{ a: { b: { issue: { id: 12 } } } }] } },
    ],
    ['a count of effects', { ok: false, error: 'rate limited', sent: 30 }],
    ['a count of effects in the error', { error: { message: 'rate limited', sent_count: 30 } }],
    ['a list of effects', { error: { message: 'rate limited', created: [{ name: 'a' }] } }],
    [
      'many errors before a message of an effect',
      { success: false, errors: rows(45), message: '450 rows were created' },
    ],
    ['more errors than are read', { success: false, errors: rows(60) }],
    ['a count of a part', { success: false, errors: rows(1), message: '499 of 500 rows imported' }],
    ['the result of a run', { status: 'failed', message: 'test run 12 finished: element not found' }],
  ])('with %s', (_name, body) => {
    expect(meaningOf(body)).toBe('doubt');
    // The order of the members says nothing.
    expect(meaningOf(Object.fromEntries(Object.entries(body as object).reverse()))).toBe('doubt');
  });

  test('with an id in the data of a JSON-RPC error', () => {
    expect(factsOfDetails({ issue: { id: 12 } }).hasMore).toBe(true);
    expect(factsOfDetails({ uri: 'file:///a', tool: 'x', retry_after: 3 }).hasMore).toBe(false);
  });
});

describe('a body is a refusal', () => {
  test.each<[string, unknown]>([
    ['a GraphQL syntax error', graphql('Syntax Error: Expected Name', { locations: [{ line: 1, column: 1 }] })],
    ['a GraphQL validation error', graphql('no', { extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } })],
    ['a GraphQL error of Hasura', graphql('no', { extensions: { code: 'validation-failed', path: '$' } })],
    ['an unauthenticated GraphQL request', graphql('no', { extensions: { code: 'UNAUTHENTICATED' } })],
    ['a code with a participle', { ok: false, error: 'channel_is_archived' }],
    ['a code of a conflict', { ok: false, error: { code: 'invite_already_sent_conflict' } }],
    ['an id that was an argument', { error: { message: 'not found', details: { order_id: 'o1' } } }],
    ['ids of the error', { error: { message: 'not found', request_id: 'r1', doc_url: 'https://x.test/docs/12' } }],
    ['an error of JSON:API', { errors: [{ id: 'e12', status: '404', title: 'Not found', detail: 'No such order' }] }],
    [
      'errors by field',
      { success: false, message: 'invalid', errors: { sent: ['is invalid'], order_id: ['is required'] } },
    ],
    ['issues of a schema', { error: { message: 'invalid', issues: [{ code: 'x', path: ['id'], received: 12 }] } }],
    ['counts of zero', { error: { message: 'quota exceeded', details: { sent: 0, created: [] } } }],
    ['a JSend failure', { status: 'fail', data: { item: 'is required' } }],
    ['a JSend error', { status: 'error', message: 'Permission denied' }],
    [
      'details of Google',
      {
        error: {
          code: 429,
          message: 'Quota exceeded',
          status: 'RESOURCE_EXHAUSTED',
          details: [
            { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'X', metadata: { consumer_id: 'p/1' } },
          ],
        },
      },
    ],
  ])('with %s', (_name, body) => {
    expect(meaningOf(body, { id: 'o1' })).toBe('refused');
  });
});

test('reads a hostile body in bounded time', () => {
  let deep: unknown = { id: 1 };
  for (let at = 0; at < 5_000; at += 1) deep = { error: deep };
  const started = performance.now();
  expect(factsOfBody(deep).hasMore).toBe(true);
  factsOfBody({ errors: Array.from({ length: 500 }, (_, at) => ({ message: `m ${at}`, [`k${at}`]: { id: at } })) });
  expect(performance.now() - started).toBeLessThan(1_000);
});
