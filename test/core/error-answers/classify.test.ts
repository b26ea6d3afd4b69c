import { describe, expect, test } from 'vitest';
import { classifyErrorAnswer, type ErrorFacts, failureOf } from '../../../src/core/error-answers/classify.ts';
import { meaningOfStatus } from '../../../src/core/error-answers/codes.ts';

/** The meaning in one word: a kind, `nothing` for a refusal without one, or `doubt`. */
function meaning(facts: ErrorFacts): string {
  const found = classifyErrorAnswer(facts);
  return found.type === 'doubt' ? 'doubt' : (found.kind ?? 'nothing');
}

describe('a text is a refusal', () => {
  test.each([
    ['Rate limit exceeded, nothing was written', 'limited'],
    ['429 Too Many Requests', 'limited'],
    ['Request failed with status code 429', 'limited'],
    ['You exceeded your current quota, please check your plan', 'limited'],
    ['ThrottlingException: Rate exceeded', 'limited'],
    ['RESOURCE_EXHAUSTED', 'limited'],
    ['ratelimited', 'limited'],
    ['Daily sending limit reached. Try again tomorrow.', 'limited'],
    ['The message was not sent: too many messages per minute', 'limited'],
    ['out of memory: command not allowed', 'unavailable'],
    ["OOM command not allowed when used memory > 'maxmemory'. Out of memory", 'unavailable'],
    ['connect ECONNREFUSED 127.0.0.1:5432', 'unavailable'],
    ['connect ETIMEDOUT 10.0.0.1:443', 'unavailable'],
    ['getaddrinfo ENOTFOUND api.example.test', 'unavailable'],
    ['database is locked', 'unavailable'],
    ['Lock wait timeout exceeded; try restarting transaction', 'unavailable'],
    ['Your card was declined.', 'declined'],
    ['Insufficient funds', 'declined'],
    ['Unauthorized', 'unauthorised'],
    ['401 Unauthorized: Bad credentials', 'unauthorised'],
    ['Permission denied', 'unauthorised'],
    ['Invalid API key provided', 'unauthorised'],
    ['missing_scope: chat:write', 'unauthorised'],
    ["EACCES: permission denied, open '/etc/x'", 'unauthorised'],
    ['The issue already exists', 'conflict'],
    ['Charge ch_1 has already been refunded.', 'conflict'],
    ['duplicate key value violates unique constraint "users_email_key"', 'conflict'],
    ['Customer not found', 'not_found'],
    ['The repository was not found, or it has been deleted', 'not_found'],
    ["ENOENT: no such file or directory, open 'a'", 'not_found'],
    ['HTTP 404', 'not_found'],
    ['relation "rows" does not exist', 'not_found'],
    ['Unknown tool: do_it', 'not_found'],
    ['MCP error -32602: Tool do_it not found', 'not_found'],
    ['Invalid email address', 'invalid'],
    ['title is required', 'invalid'],
    ['The customer must be created first: invalid customer', 'invalid'],
    ['near "SELCT": syntax error', 'invalid'],
    ['MCP error -32602: Input validation error: Invalid arguments for tool x: [{"path":["sent"]}]', 'invalid'],
    ['Error executing tool add: 1 validation error for addArguments\nb\n  Field required', 'invalid'],
    ['Timed out while connecting; nothing was sent', 'unavailable'],
    ['The request timed out before it was executed: no changes were made', 'nothing'],
    ['Something went wrong. The transaction was rolled back.', 'nothing'],
    ['Nothing was written', 'nothing'],
    ["Error executing tool pay: pay() missing 1 required positional argument: 'to'", 'invalid'],
    ['Invalid URL: it must start with https', 'invalid'],
    ['Amount out of range', 'invalid'],
    ['Customer "日本" not found', 'not_found'],
    ['HTTP 500: the request was not processed', 'nothing'],
    ['Request timed out: your request was never executed', 'nothing'],
  ])('%s: %s', (text, expected) => {
    expect(meaning({ texts: [text] })).toBe(expected);
  });
});

describe('a text leaves doubt', () => {
  test.each([
    'timeout after the payment was sent',
    'Timeout',
    'upstream timed out for e',
    'Error: request timeout',
    'read ECONNRESET',
    'socket hang up',
    'The connection to the server was lost',
    '500 Internal Server Error',
    '502 Bad Gateway',
    'Service temporarily unavailable',
    'Request failed with status code 503',
    'Internal error: object not found',
    'Something went wrong: invalid state',
    'An error occurred',
    'Error',
    '',
    'failed',
    'Invoice created, but the label was not found',
    'Payment was sent; receipt: rate limit exceeded',
    'The order was placed and the e-mail address is invalid',
    'Not found after the payment was sent',
    'Rate limited after 3 messages were sent',
    '1 of 2 e-mails already sent, rate limit exceeded',
    'Rate limit hit before all rows were written',
    'Partially applied: quota exceeded',
    'The payment may have been charged; invalid receipt',
    'Output validation error: Invalid structured content for tool x',
    'Invalid response from the server',
    'Unexpected token < in JSON at position 0',
    "Cannot read properties of undefined (reading 'id')",
    '1 validation error for Invoice\nid\n  Field required [type=missing]\nInternal error',
    'Could not roll back: permission denied',
    'Another request with this id is in progress: conflict',
    'unknown error',
    'Nothing was refunded, but the card was charged',
    'レート制限を超えました',
    'Error executing tool pay: list index out of range',
    "Error executing tool pay: unsupported operand type(s) for +: 'int' and 'NoneType'",
    "Error executing tool pay: Invalid isoformat string: 'None'",
    "Error executing tool pay: invalid literal for int() with base 10: ''",
    "Error executing tool pay: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
    'Error executing tool pay: Invalid control character at: line 1 column 5 (char 4)',
    "Error executing tool pay: Result.__init__() got an unexpected keyword argument 'fee'",
    "Error executing tool pay: Result.__init__() missing 1 required positional argument: 'id'",
    'Error: Invalid time value',
    'RangeError: Invalid array length',
    'TypeError: Invalid URL',
    'Time limit exceeded',
    'Timeout waiting for response; cancelling had no effect',
    'Worker exceeded CPU time limit.',
    'Output exceeded the limit of 25000 tokens',
    'Response size limit exceeded',
    'Unknown field "fee" in the answer of the bank',
    'Step 1 sent the e-mail. Step 2 failed: unknown tool slack_post',
    'Your card was billed, but the license key was not found',
    'Unable to add reviewers to the created pull request #12: user not found',
    'Your card has already been charged, but the order was not found',
    'Not only was the order placed, the invoice was not found',
    'The reservation has not been rolled back: invalid state',
    'message_sent_but_thread_not_found',
    'Kunde nicht gefunden: 404 Not Found',
    'Cliente no encontrado: invalid',
    '499 of 500 rows imported',
    '2 of 5 recipients were not found',
    '3 of 10 rows failed: invalid date',
    'Rate limit exceeded at recipient 31 of 50',
    'Rate limit hit, stopped at message 31/50',
    'Imported 450 of 500 rows. 50 rows failed validation: invalid email address',
    '429 of 500 e-mails went out',
    'Request timed out: no data was received from the server',
    'Gateway timeout: nothing was received from the payment processor',
    'Endpoint request timed out: no data was received from the backend',
    'Request timed out; a retry was not attempted',
    'Payment step timed out. The reservation has not been rolled back',
    'Connection lost, no response data is available',
    'Internal error: no rows were returned by INSERT',
    'Request failed with status code 500: no data was returned',
    'HTTP 500: the confirmation step was not executed',
    'La facture a été créée, mais le client est introuvable: 404 Not Found',
    'Nachricht gesendet, aber der Anhang fehlt (HTTP 404)',
  ])('%s', (text) => {
    expect(meaning({ texts: [text] })).toBe('doubt');
  });
});

describe('a code', () => {
  test.each<[string, ErrorFacts, string]>([
    ['-32602', { texts: ['Invalid params'], rpcCode: -32602 }, 'invalid'],
    ['-32602 with a text that says nothing', { texts: ['no'], rpcCode: -32602 }, 'invalid'],
    ['-32602 about its own result', { texts: ['did not like my own result'], rpcCode: -32602 }, 'doubt'],
    ['-32601', { texts: ['Method not found'], rpcCode: -32601 }, 'not_found'],
    ['-32600', { texts: ['Invalid Request'], rpcCode: -32600 }, 'invalid'],
    ['-32700', { texts: ['Parse error'], rpcCode: -32700 }, 'invalid'],
    ['-32603', { texts: ['Internal error'], rpcCode: -32603 }, 'doubt'],
    ['-32603 with a weak phrase', { texts: ['record not found'], rpcCode: -32603 }, 'doubt'],
    ['-32603 with a strong phrase', { texts: ['out of memory: command not allowed'], rpcCode: -32603 }, 'unavailable'],
    ['-32000', { texts: ['no idea'], rpcCode: -32000 }, 'doubt'],
    ["-32001, the SDK's time-out", { texts: ['Request timed out'], rpcCode: -32001 }, 'doubt'],
    ['INVALID_ARGUMENT', { texts: ['bad'], codes: ['INVALID_ARGUMENT'] }, 'invalid'],
    ['NOT_FOUND', { texts: [], codes: ['NOT_FOUND'] }, 'not_found'],
    ['PERMISSION_DENIED', { texts: [], codes: ['PERMISSION_DENIED'] }, 'unauthorised'],
    ['UNAVAILABLE', { texts: ['try again'], codes: ['UNAVAILABLE'] }, 'doubt'],
    ['DEADLINE_EXCEEDED', { texts: [], codes: ['DEADLINE_EXCEEDED'] }, 'doubt'],
    ['INTERNAL beside a refusal', { texts: ['not found'], codes: ['INTERNAL'] }, 'doubt'],
    ['card_declined', { texts: ['Your card'], codes: ['card_declined'], status: 402 }, 'declined'],
    ['a status of 422', { texts: ['nope'], status: 422 }, 'invalid'],
    ['a status of 500 beside a refusal', { texts: ['not found'], status: 500 }, 'doubt'],
    ['a status of 500 that says nothing happened', { texts: ['No changes were made'], status: 500 }, 'nothing'],
    [
      'a limit that was met on the way',
      { texts: ['30 went out, then rate limited'], codes: ['RATE_LIMITED'] },
      'doubt',
    ],
    ['a limit with a reason', { texts: ['You have reached the limit, slow down'], codes: ['RATE_LIMITED'] }, 'limited'],
    ['a refusal beside an effect', { texts: ['rate limit'], hasMore: true }, 'doubt'],
  ])('%s', (_name, facts, expected) => {
    expect(meaning(facts)).toBe(expected);
  });

  test.each([
    [400, 'invalid'],
    [401, 'unauthorised'],
    [402, 'declined'],
    [403, 'unauthorised'],
    [404, 'not_found'],
    [408, 'doubt'],
    [409, 'conflict'],
    [410, 'not_found'],
    [412, 'conflict'],
    [413, 'invalid'],
    [422, 'invalid'],
    [425, 'limited'],
    [429, 'limited'],
    [431, 'invalid'],
    [440, 'doubt'],
    [451, 'unauthorised'],
    [460, 'doubt'],
    [499, 'doubt'],
    [500, 'doubt'],
    [501, 'invalid'],
    [502, 'doubt'],
    [503, 'doubt'],
    [504, 'doubt'],
    [520, 'doubt'],
  ])('HTTP %s means %s', (status, expected) => {
    expect(meaningOfStatus(status)).toBe(expected);
  });
});

test.each([
  ['Rate limit exceeded. Retry after 30 seconds', 30_000],
  ['Too many requests: try again in 2 minutes', 120_000],
  ['Throttled, retry-after: 5', 5_000],
  ['rate limited, wait 250 ms', 250],
  ['Rate limit exceeded', undefined],
  ['Rate limit exceeded. Try again later. Request 12345678', undefined],
])('reads how long to wait from "%s"', (text, retryAfterMs) => {
  expect(failureOf({ texts: [text] }).retryAfterMs).toBe(retryAfterMs);
});

test('classifies hostile texts in linear time', () => {
  const started = performance.now();
  for (const part of ['not ', 'no a ', 'after ', 'limit reached ', '1 of ', 'retry ', 'validation errors for a '])
    classifyErrorAnswer({ texts: [part.repeat(20_000)] });
  expect(performance.now() - started).toBeLessThan(1_000);
});
