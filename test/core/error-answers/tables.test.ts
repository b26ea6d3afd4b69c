import { describe, expect, test } from 'vitest';
import { classifyErrorAnswer, failureOf } from '../../../src/core/error-answers/classify.ts';

const meaning = (text: string) => classifyErrorAnswer({ texts: [text] }).type;

/** Refusals as servers of GitHub, Slack, Notion, Linear, Postgres, files and Stripe word them. Written before the rule. */
const knownRefusals = [
  'Error: 404 Not Found',
  'Invalid arguments: title is required',
  'Rate limit exceeded. Try again in 20 s',
  'Permission denied: you are not a member of this channel',
  'Issue 17 does not exist in repo x',
  'Validation failed: e-mail is invalid; amount must be positive',
  'MCP error -32602: Invalid params: amount must be positive',
  'failed to update issue: PATCH https://api.github.com/repos/o/r/issues/1: 404 Not Found []',
  'missing required parameter: title',
  'parameter issue_number is not of type float64, is string',
  'item_type must be either "issue" or "pull_request"',
  'body cannot be empty when provided',
  'Failed to get file contents. The path does not point to a file or directory, or the file does not exist in the repository.',
  'failed to create pull request: POST https://api.github.com/repos/o/r/pulls: 422 Validation Failed [{Resource:PullRequest Field: Code:custom Message:A pull request already exists for o:b.}]',
  'channel "general" not found',
  'thread_ts must be a valid timestamp in format 1234567890.123456',
  'channel_not_found',
  'Could not find page with ID: a83bd25c-1bb6-4d6e-b828-5b9f7b089292. Make sure the relevant pages and databases are shared with your integration.',
  'body failed validation: body.parent.page_id should be a valid uuid, instead was `"abc"`.',
  'relation "public.orders" does not exist',
  'duplicate key value violates unique constraint "users_email_key"\nDETAIL:  Key (email)=(a@b.c) already exists.',
  'null value in column "name" of relation "users" violates not-null constraint',
  "ENOENT: no such file or directory, open '/data/a.txt'",
  'Access denied - path outside allowed directories: /etc/passwd not in /data',
  'Parent directory does not exist: /data/x',
  'Entity with name Zoe not found',
  'No such customer: cus_123',
  'Your card was declined.',
  'Amount must be at least $0.50 usd',
  'Invalid API Key provided: sk_test_****1234',
];

/** Refusals of the same servers that were written after the rule. At first the rule called 20 of them refusals, now 27. */
const unseenRefusals = [
  'failed to add issue comment: POST https://api.github.com/repos/o/r/issues/9/comments: 403 Resource not accessible by personal access token []',
  'HTTP 403: Resource not accessible by integration',
  'provide either "fields" or "field_names", not both',
  'Invalid action. Must be one of: ignore, watch, delete.',
  'duplicate_of can only be used when state_reason is "duplicate"',
  'No pending review found for the viewer',
  'Repository was archived so is read-only.',
  'Reference already exists',
  'user "zoe" not found',
  'reactions tools are not allowed for channel "C1", applied policy: none',
  'An API error occurred: not_in_channel',
  'slack error: invalid_blocks',
  'emoji is required',
  'API token is invalid.',
  'Title is not a property that exists.',
  'Insufficient permissions for this endpoint.',
  'Entity not found: Issue - Could not find referenced Issue.',
  'Argument Validation Error - teamId must be a UUID.',
  'Authentication required, not authenticated',
  'permission denied for table orders',
  'syntax error at or near "SELCT" at character 1',
  'cannot execute INSERT in a read-only transaction: permission denied',
  'column "qty" of relation "orders" does not exist (SQLSTATE 42703)',
  'Could not find exact match for edit:\nfoo',
  "EACCES: permission denied, mkdir '/data/x'",
  'Error: Invalid path: not a directory',
  'Missing required param: customer.',
  'Invalid currency: usdd. Stripe currently supports these currencies: usd, eur',
  "You cannot finalize this invoice because it's already finalized.",
  'Received unknown parameter: colour',
];

/** Refusals of a fresh set of 100 that left doubt at first, by what hid them: camel case, frames of libraries, new reasons. */
const refusalsThatLeftDoubt = [
  'rpc error: code = PermissionDenied desc = caller does not have permission',
  'An error occurred (ConditionalCheckFailedException) when calling the PutItem operation: The conditional request failed',
  'An error occurred (AccessDenied) when calling the PutObject operation: User: arn:aws:iam::1:user/x is not authorized to perform: s3:PutObject because no identity-based policy allows the s3:PutObject action',
  "googleapi: Error 403: Quota exceeded for quota metric 'Write requests' and limit 'Write requests per minute per user', rateLimitExceeded",
  "Error executing tool create_event: Client error '404 Not Found' for url 'https://x.test/v3/e'\nFor more information check: https://developer.mozilla.org/en-US/docs/Web/HTTP/Status/404",
  "Error executing tool publish: HTTPSConnectionPool(host='api.x.test', port=443): Max retries exceeded with url: /v1/p (Caused by NewConnectionError('<urllib3.connection.HTTPSConnection object at 0x7f>: Failed to establish a new connection: [Errno 111] Connection refused'))",
  'TypeError: fetch failed: connect ECONNREFUSED ::1:3000',
  "2 validation errors for call[create_task]\ntitle\n  Missing required argument [type=missing_argument, input_value={'name': 'x'}, input_type=dict]",
  "ERROR 1062 (23000): Duplicate entry 'anna@x.test' for key 'users.email'",
  'canceling statement due to lock timeout',
  'InsufficientInstanceCapacity: We currently do not have sufficient t3.large capacity in the Availability Zone you requested (us-east-1a).',
  'I cannot delete "main": this branch is protected.',
  'Sorry, that username is taken.',
  'Element not found: button#submit. Take a new snapshot and try again.',
  'You must call browser_navigate before browser_click',
  'Found 3 matches of old_string but expected 1. Provide more context.',
  'Error: strict mode violation: locator("button") resolved to 3 elements',
  'This workspace is on the free plan. Upgrade to create more than 3 boards.',
  'Tool execution was denied by the user',
  'Missing Access',
  "error: pathspec 'feature/x' did not match any file(s) known to git",
  'fatal: not a git repository (or any of the parent directories): .git',
  'SMTP 550 5.1.1 <zoe@x.test>: Recipient address rejected: User unknown in virtual mailbox table',
  'psycopg2.errors.UndefinedTable: relation "ordrs" does not exist\nLINE 1: INSERT INTO ordrs VALUES (1)',
  'An error occurred: restricted_action_thread_locked',
];

/** Errors like those, beside a sign of an effect. */
const likeThemWithEffects = [
  'OrderCreated, but AccessDenied for the receipt',
  'Found 3 matches of the filter and archived them. Label not found',
  'Room is booked. The projector is taken.',
  "Client error '404 Not Found' for url 'https://x.test/labels' after the issue was created",
  "HTTPSConnectionPool(host='api.x.test', port=443): Read timed out. (read timeout=30)",
  'TypeError: fetch failed',
  '2 validation errors for Order\nid\n  Field required',
  'Posted the message. Missing access to pin it',
  'Cancelled by the user',
];

/** Errors that tell an effect, or may. Written before the rule. */
const knownEffects = [
  'Payment made (tx 55). Receipt failed: invalid e-mail address.',
  'Appended 3 of 4 rows. Row 4: invalid date.',
  'Ticket opened as #881, but the assignee "zoe" was not found.',
  'Order shipped. Tracking number not found.',
  'Replied to thread; mention @bob not found',
  'Started job 77; worker pool x not found',
  'Reserved seat 12A. Seat 12B is invalid.',
  'Event moved, but room Blue does not exist',
  'Charge went through, but the receipt address is invalid',
  'Withdrew $50. Notification failed: invalid phone number',
  'Ran migration 3 of 5; relation "x" does not exist',
  'Folder copied. File c.txt: permission denied',
  'Invoice created, but the label was not found',
  'Message posted; invalid thread_ts ignored',
  'Wrote 2 files. permission denied: c.txt',
  'Your order is on its way. Invalid gift code.',
  'Payment OK. Invalid receipt address.',
  'Job 77 is running, but tag x was not found',
  'Done. Label not found.',
  'Success, assignee not found',
  'Branch pushed; reviewer "zoe" does not exist',
  'Sold 10 shares. Limit price is invalid for the rest.',
  'Ticket #881: assignee not found',
  'New ticket #881 has an unknown assignee',
  'Deployment live at https://x.test. Alias not found.',
  'Half of the rows are in. The others have an invalid date.',
  'Meeting booked and invitee address invalid',
  'Funds sent to ACME; memo too long',
  'Sheet now has 12 rows; cell B4: invalid number',
  'It worked, the label does not exist though',
];

/** Errors that tell an effect, written after the rule. It called each of them a doubt at once. */
const unseenEffects = [
  'Issue transferred to o/r2; label "bug" does not exist there',
  'Comment is up at https://github.com/o/r/issues/1#c2. Reaction "foo" is invalid.',
  'PR #12 is open. Reviewer "zoe" not found.',
  'Merged. Branch delete failed: not found',
  'Uploaded file F123; channel_not_found when sharing it',
  'Scheduled for 10:00. Reminder: invalid user',
  'Page is in Notion now, cover image URL invalid',
  'Added 4 blocks, block 5 failed validation',
  'ENG-42 filed. Cycle not found.',
  'Assigned to Zoe; estimate must be a number',
  'INSERT 0 3. NOTIFY failed: permission denied',
  'Truncated table a; table b does not exist',
  'Created /data/x. chmod: permission denied',
  'Moved 7 files, 1 not found',
  'Refund re_1 pending. Reason code invalid.',
  'Subscription renewed; coupon expired',
  'Payout po_9 on the way, statement descriptor too long',
  'Customer saved. Tax id invalid.',
  'The e-mail has left the outbox; Cc address invalid',
  'Two of three recipients got it. x@: no such user',
  'Everything but the attachment went out: file too large',
  'Door unlocked. Alarm code invalid.',
  'Lights are on; scene "movie" not found',
  'Container c1 up. Volume not found.',
  'Swapped 1 ETH for 3000 USDC. Slippage setting invalid.',
  'Bid placed at 40. Auto-bid limit exceeded',
  'Flight ABC123 ticketed, seat 12A does not exist',
  'Vote counted; comment too long',
  'Tweet 99 live, alt text too long',
  'The transfer took place. Permission denied for statement.',
];

/** Errors that tell an effect, as an attacker worded them against the rule: at first it called 12 of 63 refusals. */
const attackingEffects = [
  'Warning: label not found for ticket 881',
  'Label not found, using default label',
  'Label not found; continuing without it',
  'Assignee zoe not found, left blank',
  '1/3 rows invalid',
  'Could not add label to the freshly opened ticket: label not found',
  'You should receive it tomorrow. Gift note too long.',
  'Check order 55: coupon not found',
  'If you look at the page the comment is there, mention not found',
  'Rate limit exceeded after 3 messages',
  'Rate limit exceeded on message 4',
  'Set status to done, label not found',
  'Put 3 files; c.txt: permission denied',
  'Here is your ticket: SUP-9. Assignee not found.',
  'SUP-9\nassignee not found',
  'Only 3 rows were valid; row 4 has an invalid date',
  'Assignee not found, so the ticket stays with the default queue',
  'Thank you for your order! Invalid gift code.',
  'Invalid gift code (order 55 still went ahead)',
  'Quota exceeded: 50 of 80 e-mails out',
  'Invoice INV-7 (draft). Customer e-mail invalid.',
  'Delivery address invalid, order on hold',
  'HTTP 200, but label not found',
  'Label not found. https://github.com/o/r/issues/5',
];

/** How many texts of a list have a meaning, and those that have not. */
function judged(texts: readonly string[], expected: 'refused' | 'doubt') {
  const wrong = texts.filter((text) => meaning(text) !== expected);
  return { right: texts.length - wrong.length, wrong };
}

describe('a table of errors', () => {
  test.each([
    ['known', knownEffects],
    ['unseen', unseenEffects],
  ] as const)('never calls one of the %s texts with an effect a refusal', (_half, texts) => {
    expect(judged(texts, 'doubt')).toEqual({ right: 30, wrong: [] });
  });

  test('calls none of the texts of an attacker a refusal', () => {
    expect(judged(attackingEffects, 'doubt').wrong).toEqual([]);
  });

  test('calls the known refusals refusals', () => {
    expect(judged(knownRefusals, 'refused')).toEqual({ right: 30, wrong: [] });
  });

  test('calls refusals refusals that stand in camel case or in the frame of a library', () => {
    expect(judged(refusalsThatLeftDoubt, 'refused').wrong).toEqual([]);
    expect(judged(likeThemWithEffects, 'doubt').wrong).toEqual([]);
  });

  test('calls most of the unseen refusals refusals', () => {
    expect(judged(unseenRefusals, 'refused').right).toBeGreaterThanOrEqual(27);
  });
});

test.each<[string, string]>([
  ['Issue #429 not found', 'not_found'],
  ['Issue 403 not found', 'not_found'],
  ['429 rows not found', 'not_found'],
  ['Invalid title: exceeded the character limit of 80', 'invalid'],
  ['File size limit exceeded', 'invalid'],
  ['Title too long. Please try again with at most 100 characters.', 'invalid'],
  ['Unknown field "quota"', 'invalid'],
  ['Invalid value for "status": "declined"', 'invalid'],
  ['under maintenance contract: invalid asset type', 'invalid'],
  ['The API is down for maintenance.', 'unavailable'],
  ['Quota exceeded for quota metric "writes"', 'limited'],
  ['An error occurred while processing your card. Try again in a little bit.', 'unavailable'],
  ['Your card was declined. Try again later.', 'unavailable'],
  ['Your card was declined.', 'declined'],
  ['the invoice is not a draft: its status is open', 'conflict'],
  ['the payment is already refunded', 'conflict'],
  ['cannot void the invoice because its status is paid', 'conflict'],
  ['the order cannot be changed in its current state', 'conflict'],
])('says of "%s" that it is %s', (text, kind) => {
  const { retryAfterMs, ...failure } = failureOf({ texts: [text] });
  expect(failure).toEqual({ kind });
  expect(retryAfterMs).toBeUndefined();
});

test("calls a card network's temporary decline temporary", () => {
  const texts = ['An error occurred while processing your card.'];
  expect(classifyErrorAnswer({ texts, codes: ['card_error', 'processing_error'], status: 402 })).toEqual({
    type: 'refused',
    kind: 'unavailable',
  });
});
