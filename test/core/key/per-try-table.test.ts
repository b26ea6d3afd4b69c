import { describe, expect, it } from 'vitest';
import { type InputSchema, prepareArguments } from '../../../src/core/key/arguments.ts';
import { fingerprintOf } from '../../../src/core/key/canonical-json.ts';

/** A tool whose calls differ in one value, which names a thing or is new for each try. */
interface Case {
  readonly tool: string;
  /** The properties by name, `!` for a required one; a text is a description. `*` takes any other property. */
  readonly schema: Readonly<Record<string, unknown>>;
  /** Makes the arguments with one of two values. */
  args(value: number): Record<string, unknown>;
}

const uuids = ['0d0d3f0a-6b0e-4c6f-9a55-1f4e0a9f0b11', '5b1c2a77-90f3-4a0c-8a6d-2d8b3c7e9f42'];
const uuid = (value: number) => uuids[value] as string;
const ticket = (value: number) => `REQ-${value + 1}`;
const time = (value: number) => `2026-11-0${value + 1}T08:0${value}:13Z`;
const epoch = (value: number) => 1_796_000_000 + 60 * value;
const signature = (value: number) => `${value}f3a9c2d47b60e1850fa9c2d47b60e185`;

const make = (tool: string, schema: Case['schema'], args: Case['args']): [string, Case] => [
  `${tool} ${JSON.stringify(args(0))}`,
  { tool, schema, args },
];
const untyped = { '*': true };
const http = { 'url!': '', headers: { type: 'object' }, body: {} };
const event = { 'topic!': '', 'payload!': { type: 'object' } };

const things: [string, Case][] = [
  // Required, and nothing more is said.
  make('assign_technician', { 'request_id!': '', 'technician!': '' }, (n) => ({
    request_id: `471${n}`,
    technician: 'dana',
  })),
  make('add_worklog', { 'request_id!': 'Request ID', 'minutes!': '', note: '' }, (n) => ({
    request_id: ticket(n),
    minutes: 15,
    note: 'Password reset',
  })),
  make('send_reminder', { 'request_id!': { type: 'integer', description: 'The request ID' }, 'channel!': '' }, (n) => ({
    request_id: 4711 + n,
    channel: 'email',
  })),
  make('close_and_bill', { 'request_id!': '', 'hours!': '' }, (n) => ({ request_id: ticket(n), hours: 2 })),
  make('update_request', { 'request_id!': 'ID of the request to update', subject: '' }, (n) => ({
    request_id: uuid(n),
    subject: 'New laptop',
  })),
  make('add_note', { 'request_id!': 'ID of the request', 'note!': '' }, (n) => ({
    request_id: `2168260000063390${n}`,
    note: 'Called back',
  })),
  make('update_pbc_request', { 'request_id!': 'e.g. "PBC-103"', 'status!': '' }, (n) => ({
    request_id: `PBC-10${n}`,
    status: 'received',
  })),
  make('permissions_respond', { 'requestId!': 'The ID of the permission request.', 'action!': '' }, (n) => ({
    requestId: uuid(n),
    action: 'APPROVE',
  })),
  make('update_status', { 'request_id!': 'The request_id from the inbound message', 'status!': '' }, (n) => ({
    request_id: uuid(n),
    status: 'Thinking...',
  })),
  make('get_generation', { 'request_id!': 'The request_id returned by generate_media' }, (n) => ({
    request_id: uuid(n),
  })),
  make('replay_with_changes', { 'requestId!': 'Request ID from list_intercepted_requests', modifiedUrl: '' }, (n) => ({
    requestId: uuid(n),
    modifiedUrl: 'https://x/y',
  })),
  make('update_service', { 'requestId!': 'O ID da requisição a ser atualizada', status: '' }, (n) => ({
    requestId: uuid(n),
    status: 'completed',
  })),
  make('dispatch_truck', { 'request_id!': '', 'truck_id!': '', 'destination_id!': '' }, (n) => ({
    request_id: uuid(n),
    truck_id: 't1',
    destination_id: 'd1',
  })),
  make('exit_plan', { requestId: 'Unique identifier for the plan approval to answer', approved: '' }, (n) => ({
    requestId: uuid(n),
    approved: true,
  })),
  make('scan_site', { 'site!': '', requestId: 'Cached request ID from browser.network.search' }, (n) => ({
    site: 'example_com',
    requestId: uuid(n),
  })),
  make('create_request_note', { 'request_id!': '', 'text!': '' }, (n) => ({ request_id: uuid(n), text: 'Called' })),
  make('log_time', { 'minutes!': '', request_id: '' }, (n) => ({ minutes: 15, request_id: ticket(n) })),
  make('escalate', { 'level!': '', request_id: '' }, (n) => ({ level: 2, request_id: uuid(n) })),
  make('bulk_schedule', { 'requests!': { type: 'array' } }, (n) => ({
    requests: [{ request_id: 4711 + n, slot: 'am' }],
  })),
  // Ids of traces and of processes.
  make('score_trace', { 'traceId!': 'Pipeline trace id', 'name!': '', 'value!': '' }, (n) => ({
    traceId: uuid(n),
    name: 'helpfulness',
    value: 1,
  })),
  make('create_score', { 'trace_id!': 'The trace ID', 'name!': '', 'value!': '' }, (n) => ({
    trace_id: uuid(n),
    name: 'helpfulness',
    value: 1,
  })),
  make('add_span_annotation', { 'span_id!': '', 'label!': '' }, (n) => ({ span_id: uuid(n), label: 'bad' })),
  make('publish_message', { 'name!': '', 'correlationKey!': 'Correlation key of the process', variables: {} }, (n) => ({
    name: 'order-paid',
    correlationKey: `order-${n}`,
  })),
  // Times of things.
  make('record_temperature', { 'sensor!': '', 'celsius!': '', 'timestamp!': '' }, (n) => ({
    sensor: 'a',
    celsius: 21.5,
    timestamp: time(n),
  })),
  make('create_entry', { 'employee!': '', 'kind!': '', 'timestamp!': '' }, (n) => ({
    employee: 'e1',
    kind: 'in',
    timestamp: time(n),
  })),
  make('book_room', { 'room!': '', 'timestamp!': '' }, (n) => ({ room: 'Oslo', timestamp: time(n) })),
  make('add_reaction', { 'channel!': '', 'timestamp!': 'Message timestamp', 'name!': '' }, (n) => ({
    channel: 'C1',
    timestamp: epoch(n),
    name: 'thumbsup',
  })),
  make('create_timesheet_clock_in', { 'employee_id!': '', timestamp: 'Clock-in timestamp (defaults to now)' }, (n) => ({
    employee_id: 'e1',
    timestamp: time(n),
  })),
  make('create_usage_record', { 'item_id!': '', 'quantity!': '', timestamp: 'When this usage occurred' }, (n) => ({
    item_id: 'si_1',
    quantity: 5,
    timestamp: epoch(n),
  })),
  make('capture', { 'event!': '', 'distinct_id!': '', timestamp: 'ISO 8601 event timestamp' }, (n) => ({
    event: 'user_signed_up',
    distinct_id: 'u1',
    timestamp: time(n),
  })),
  make('run_cron', { 'hook!': '', timestamp: 'Specific Unix timestamp of the event to run' }, (n) => ({
    hook: 'wp_update_plugins',
    timestamp: epoch(n),
  })),
  make('restore', { 'type!': '', timestamp: 'Specific backup timestamp (omit for latest)' }, (n) => ({
    type: 'labels',
    timestamp: time(n),
  })),
  make('post_reading', { 'meter!': '', 'kwh!': '', timestamp: '' }, (n) => ({ meter: 7, kwh: 12, timestamp: time(n) })),
  make('respond_permission', { 'peer!': '', 'request_id!': 'request_id from the perm-request message.' }, (n) => ({
    peer: 'p',
    request_id: uuid(n),
  })),
  make('extend_video', { 'request_id!': 'Request ID of the original video generation.', prompt: '' }, (n) => ({
    request_id: uuid(n),
    prompt: 'More of it',
  })),
  make('retry_route', { 'request_id!': 'Failed route request ID' }, (n) => ({ request_id: uuid(n) })),
  make('evaluate', { action: '', code: '', request_id: 'Request id to read (action=result).' }, (n) => ({
    action: 'result',
    request_id: uuid(n),
  })),
  make(
    'append_log',
    { 'correlationId!': 'Correlation id to thread this line onto: the taskId', 'message!': '' },
    (n) => ({
      correlationId: `task-${n}`,
      message: 'step done',
    }),
  ),
  make('report_incident', { 'incident_type!': '', 'timestamp!': 'ISO timestamp of incident' }, (n) => ({
    incident_type: 'fire',
    timestamp: time(n),
  })),
  make(
    'add_campaign_response',
    { 'contactId!': '', 'type!': '', timestamp: 'Response timestamp (ISO format).' },
    (n) => ({
      contactId: 'c1',
      type: 'opened',
      timestamp: time(n),
    }),
  ),
  make('read_logs', { 'correlationId!': 'Correlation ID to look up log lines for.' }, (n) => ({
    correlationId: uuid(n),
  })),
  // Untyped objects.
  make('send_untyped', untyped, (n) => ({ trace_id: `T-${n}`, text: 'x' })),
  make('publish_event', event, (n) => ({ topic: 'approved', payload: { request_id: ticket(n), by: 'dana' } })),
  make('publish_event', event, (n) => ({ topic: 'approved', payload: { request_id: uuid(n), by: 'Dana Smith' } })),
  make('http_post', http, (n) => ({ url: 'https://x/approve', body: { request_id: ticket(n), approved: true } })),
  make('http_post', http, (n) => ({ url: 'https://x/approve', body: { request_id: uuid(n), comment: 'All good.' } })),
  make('publish_event', event, (n) => ({ topic: 'reading', payload: { meter: 7, kwh: 12, timestamp: time(n) } })),
  make('http_post', http, (n) => ({ url: 'https://x/w', body: { request_id: 4711 + n, minutes: 15, note: 'Reset' } })),
  make('upsert', { 'items!': { type: 'array' } }, (n) => ({ items: [{ timestamp: time(n), value: 2 }] })),
  // Signatures of persons.
  make('sign_document', { 'document_id!': '', 'signature!': '' }, (n) => ({
    document_id: 'd1',
    signature: signature(n),
  })),
  make('send_email', { 'to!': '', 'body!': '', signature: 'Signature block' }, (n) => ({
    to: 'a@x.org',
    body: 'Hello',
    signature: signature(n),
  })),
];

const needsKey = {
  type: 'object',
  properties: { 'idempotency-key': { type: 'string' }, agent: { type: 'object' } },
  required: ['idempotency-key'],
};
const order = { items: [{ id: 'sku_1', quantity: 2 }], buyer: { email: 'a@x.org' } };
const tries: [string, Case][] = [
  // Payment protocols.
  make('create_checkout', { 'meta!': {}, 'checkout!': {} }, (n) => ({
    meta: { 'ucp-agent': { profile: 'https://x/p' }, 'idempotency-key': uuid(n) },
    checkout: order,
  })),
  make('complete_checkout', { 'meta!': needsKey, 'id!': '' }, (n) => ({
    meta: { 'idempotency-key': uuid(n) },
    id: 'c1',
  })),
  make('complete_checkout', untyped, (n) => ({ meta: { idempotency_key: uuid(n) }, id: 'c1', ...order })),
  make('create_checkout_session', untyped, (n) => ({
    ...order,
    request_id: `req_${uuid(n).slice(0, 8)}`,
    timestamp: time(n),
    signature: signature(n),
  })),
  make('create_checkout_session', { 'items!': {}, request_id: '', timestamp: '', signature: '' }, (n) => ({
    ...order,
    request_id: uuid(n),
    timestamp: time(n),
    signature: signature(n),
  })),
  make('http_post', http, (n) => ({
    url: 'https://x/checkouts',
    headers: { 'Idempotency-Key': uuid(n), 'Request-Id': uuid(n), Timestamp: time(n), Signature: signature(n) },
    body: order,
  })),
  make('http_post', http, (n) => ({ url: 'https://x/orders', body: { ...order, request_id: uuid(n) } })),
  make('publish_event', event, (n) => ({ topic: 'order', payload: { ...order, meta: { request_id: ticket(n) } } })),
  make('place_order', { 'symbol!': '', 'qty!': '', 'timestamp!': '', 'signature!': '' }, (n) => ({
    symbol: 'BTCUSDT',
    qty: 1,
    timestamp: 1_796_000_000_000 + n,
    signature: signature(n),
  })),
  // Described as something of the call.
  make(
    'create_app_connection',
    { 'name!': '', requestId: 'Specify a unique request ID so that if you must retry your request, it is ignored' },
    (n) => ({ name: 'a', requestId: uuid(n) }),
  ),
  make('add_expense', { 'amount!': '', requestId: 'Idempotency key; pass to avoid duplicates on retry' }, (n) => ({
    amount: 12,
    requestId: `lunch-${n}`,
  })),
  make('get_banners', { language: '', requestId: 'Optional RequestId header for traceability' }, (n) => ({
    language: 'en',
    requestId: uuid(n),
  })),
  make(
    'create_payment_intent',
    { 'amount!': '', 'request_id!': 'Unique request ID specified by the merchant' },
    (n) => ({
      amount: 5,
      request_id: uuid(n),
    }),
  ),
  make(
    'run_agent',
    { 'input!': '', 'traceId!': 'Trace ID for audit linkage', 'spanId!': 'Span ID for telemetry' },
    (n) => ({
      input: 'x y',
      traceId: uuid(n),
      spanId: uuid(n),
    }),
  ),
  make('invoke', { 'input!': '', 'timestamp!': 'Request timestamp (Unix ms)' }, (n) => ({
    input: 'x',
    timestamp: epoch(n),
  })),
  make('chat', { 'text!': '', 'traceId!': 'Correlation ID for request/response chains' }, (n) => ({
    text: 'Hello',
    traceId: uuid(n),
  })),
  make(
    'remove_background',
    { 'url!': '', idempotencyKey: 'Optional idempotency key to prevent duplicate jobs' },
    (n) => ({
      url: 'https://x/a.png',
      idempotencyKey: uuid(n),
    }),
  ),
  make('remember', { 'text!': '', idempotencyKey: 'Client-generated key so retries never double-write' }, (n) => ({
    text: 'likes tea',
    idempotencyKey: uuid(n),
  })),
  make('work_submit', { 'repo_id!': '', 'request_id!': 'Stable idempotency key for runtime operations.' }, (n) => ({
    repo_id: 'r1',
    request_id: uuid(n),
  })),
  make(
    'spawn_agent',
    { 'prompt!': '', request_id: 'Optional caller idempotency key, at most 200 characters' },
    (n) => ({
      prompt: 'a b',
      request_id: `spawn-${n}`,
    }),
  ),
  make('advance', { 'intent!': '', client_request_id: 'Accepted for RFC compatibility' }, (n) => ({
    intent: 'advance',
    client_request_id: uuid(n),
  })),
  make('relay_prompt', { 'prompt!': '', 'correlationId!': 'Correlation ID for tracking', 'url!': '' }, (n) => ({
    prompt: 'a b',
    correlationId: uuid(n),
    url: 'https://x/y',
  })),
  make('queue_publish', { 'topic!': '', 'payload!': {}, correlationId: 'For request-reply correlation' }, (n) => ({
    topic: 'a',
    payload: { b: 1 },
    correlationId: uuid(n),
  })),
  make('emit', { 'type!': '', 'payload!': {}, correlationId: 'Correlation ID for tracing related events.' }, (n) => ({
    type: 'a',
    payload: { b: 1 },
    correlationId: uuid(n),
  })),
  make('audit', { 'actor_id!': '', trace_id: 'Distributed trace ID', request_id: 'Originating request ID' }, (n) => ({
    actor_id: 'a',
    trace_id: uuid(n),
    request_id: uuid(n),
  })),
  // Optional, and nothing is said.
  make('create_task', { 'title!': '', request_id: '' }, (n) => ({ title: 'Call Bob', request_id: uuid(n) })),
  make('create_task', { 'title!': '', request_id: '' }, (n) => ({ title: 'Call Bob', request_id: `req-00${n}` })),
  make('mem_store', { 'text!': '', correlation_id: '' }, (n) => ({ text: 'likes tea', correlation_id: uuid(n) })),
  make('dispatch', { 'to!': '', 'payload!': '', correlation_id: '' }, (n) => ({
    to: 'a',
    payload: 'b c',
    correlation_id: uuid(n),
  })),
  make('send_message', { 'text!': '', trace_id: '' }, (n) => ({ text: 'Hello', trace_id: uuid(n) })),
  make('charge', { 'amount!': '', 'request_id!': '' }, (n) => ({ amount: 5, request_id: uuid(n) })),
  make('transfer', { 'to!': '', 'amount!': '', timestamp: '' }, (n) => ({ to: 'a', amount: 5, timestamp: time(n) })),
  make('create_request', { 'request_id!': '', 'subject!': '' }, (n) => ({ request_id: uuid(n), subject: 'Laptop' })),
  make('send_invoice', { 'amount!': '', 'client_request_id!': '' }, (n) => ({ amount: 5, client_request_id: uuid(n) })),
  // Not declared by a tool that lists its arguments.
  make('create_invoice', { 'customer!': '', 'amount!': '' }, (n) => ({
    customer: 'a',
    amount: 5,
    request_id: ticket(n),
  })),
  make('create_invoice', { 'customer!': '', 'amount!': '' }, (n) => ({ customer: 'a', amount: 5, timestamp: time(n) })),
  make('create_invoice', { 'customer!': '', meta: {} }, (n) => ({
    customer: 'a',
    meta: { trace: { correlation_id: uuid(n), request_timestamp: epoch(n) } },
  })),
  make('create_invoice', { 'customer!': '', options: {} }, (n) => ({
    customer: 'a',
    options: { request_id: uuid(n) },
  })),
  make('create_invoice', { 'customer!': '', context: {} }, (n) => ({
    customer: 'a',
    context: { nonce: uuid(n), timestamp: epoch(n) },
  })),
  // Untyped, beside content.
  make('send_untyped', untyped, (n) => ({ amount: 5, currency: 'usd', request_id: uuid(n) })),
  make('send_untyped', untyped, (n) => ({ amount: 5, nonce: uuid(n), timestamp: epoch(n) })),
  make('send_untyped', untyped, (n) => ({ to: 'a@x.org', text: 'Hello', trace_id: uuid(n), span_id: uuid(n) })),
  make('send_untyped', untyped, (n) => ({ amount: 5, signature: signature(n), timestamp: epoch(n) })),
];

/** Forms of a signed payment (x402) and of a signed token, about a thing and new for each try. */
const payment = (value: number, about = '1') => ({
  x402Version: 1,
  scheme: 'exact',
  payload: {
    signature: `0x${signature(value)}`,
    authorization: {
      ...{ from: '0xa', to: '0xb', value: about },
      ...{ validAfter: String(epoch(value)), validBefore: String(epoch(value) + 60), nonce: `0x${signature(value)}` },
    },
  },
});
const base64 = (value: unknown, form: 'base64' | 'base64url' = 'base64') =>
  Buffer.from(JSON.stringify(value)).toString(form);
const token = (value: number, cart: string) =>
  [{ alg: 'ES256' }, { cart, iat: epoch(value), jti: uuid(value) }, { s: value }]
    .map((part) => base64(part, 'base64url'))
    .join('.');

const keyDescriptions = [
  'Unique identifier assigned by customer. Used for idempotency check purposes.',
  'Client-generated unique id',
  'Detects duplicate submissions',
  'Clients should generate an ID unique across requests with the same access token.',
  'A unique identifier for this request. The server ignores the request if it has been completed.',
  'Lets a failed request be retried without the risk of executing it twice',
];

/** Names and forms of protocols and APIs that were looked at after the rules. */
const laterTries = [
  ...keyDescriptions.map((description) =>
    make('transfer_funds', { 'to!': '', 'amount!': '', 'customerTransactionId!': description }, (n) => ({
      ...{ to: 'b', amount: 5 },
      customerTransactionId: uuid(n),
    })),
  ),
  make('create_zone', { 'name!': '', 'CallerReference!': 'Identifies the request' }, (n) => ({
    name: 'x.org',
    CallerReference: `ref-${epoch(n)}`,
  })),
  make('create_secret', { 'name!': '', ClientRequestToken: 'The identifier for the new version' }, (n) => ({
    name: 'db',
    ClientRequestToken: uuid(n),
  })),
  make('send_fifo', { 'body!': '', MessageDeduplicationId: '' }, (n) => ({
    body: 'x',
    MessageDeduplicationId: uuid(n),
  })),
  make('create_order', { 'intent!': '', 'PayPal-Request-Id': '' }, (n) => ({
    intent: 'CAPTURE',
    'PayPal-Request-Id': uuid(n),
  })),
  make('place_order', { 'symbol!': '', client_order_id: 'A unique identifier for the order' }, (n) => ({
    symbol: 'A',
    client_order_id: uuid(n),
  })),
  make('paid_request', { 'url!': '', payment: { type: 'object' } }, (n) => ({
    url: 'https://x/y',
    payment: payment(n),
  })),
  make('paid_request', { 'url!': '', 'x-payment': '' }, (n) => ({
    url: 'https://x/y',
    'x-payment': base64(payment(n)),
  })),
  make('complete_checkout', { 'id!': '', ap2: { type: 'object' } }, (n) => ({
    id: 'c',
    ap2: { checkout_mandate: token(n, 'c1') },
  })),
  make('create_cart', { 'cart!': '', merchant_signature: '', iat: '', exp: '', jti: '' }, (n) => ({
    ...{ cart: { total: 5 }, merchant_signature: signature(n) },
    ...{ iat: epoch(n), exp: epoch(n) + 300, jti: uuid(n) },
  })),
  make('charge', { 'amount!': '', ts: 'Current unix time', sig: 'HMAC of the body' }, (n) => ({
    amount: 5,
    ts: epoch(n),
    sig: signature(n),
  })),
  make('log_message', { 'text!': '', sent_at: 'When this request was sent' }, (n) => ({ text: 'x', sent_at: time(n) })),
  make('create_task', { 'name!': '', _metadata: { type: 'object' } }, (n) => ({
    name: 'x',
    _metadata: { trace_id: uuid(n), sent_at: time(n) },
  })),
  make('create_draft', { 'title!': '', turn_id: '' }, (n) => ({ title: 'x', turn_id: uuid(n) })),
];

laterTries.push(
  make('create_invoice', { 'customer!': '', request_nonce: '' }, (n) => ({ customer: 'a', request_nonce: uuid(n) })),
  make('create_task', { 'title!': '', _meta: { type: 'object' } }, (n) => ({
    title: 'x',
    _meta: { progressToken: n, 'org.x/trace': { traceparent: signature(n) } },
  })),
  make('send_money', { 'request_id!': 'The client provided ID of the transaction', 'amount!': '' }, (n) => ({
    request_id: uuid(n),
    amount: 5,
  })),
);

const laterThings = [
  make('place_order', { 'symbol!': '', client_order_id: '' }, (n) => ({
    symbol: 'A',
    client_order_id: `strategy-7-leg-${n}`,
  })),
  make('paid_request', { 'url!': '', payment: { type: 'object' } }, (n) => ({
    url: 'https://x/y',
    payment: payment(n, String(n)),
  })),
  make('paid_request', { 'url!': '', 'x-payment': '' }, (n) => ({
    url: 'https://x/y',
    'x-payment': base64(payment(n, String(n))),
  })),
  make('complete_checkout', { 'id!': '', ap2: { type: 'object' } }, (n) => ({
    id: 'c',
    ap2: { checkout_mandate: token(0, `c${n}`) },
  })),
  make('create_coupon', { 'name!': '', exp: 'When the coupon expires', valid_until: '' }, (n) => ({
    ...{ name: 'x', exp: epoch(n) },
    valid_until: time(n),
  })),
  make('log_letter', { 'to!': '', 'sent_at!': '' }, (n) => ({ to: 'a@x.org', sent_at: time(n) })),
  make('create_letter', { 'to!': '', metadata: { type: 'object' } }, (n) => ({
    to: 'a@x.org',
    metadata: { sent_at: time(n) },
  })),
  make('slack_reply', { 'channel!': '', 'ts!': '', 'text!': '' }, (n) => ({
    channel: 'C1',
    ts: `179594364${n}.000200`,
    text: 'ok',
  })),
  make('redis_set', { 'key!': 'Idempotency or cache key', 'value!': '' }, (n) => ({ key: `order:${n}`, value: 'v' })),
  make('add_contract', { 'title!': '', customer_signature: '' }, (n) => ({
    title: 'x',
    customer_signature: signature(n),
  })),
  make('add_pull_request_label', { 'pull_request_id!': '', 'label!': '' }, (n) => ({
    pull_request_id: uuid(n),
    label: 'x',
  })),
  make('revoke_token', { 'jti!': 'The token to revoke' }, (n) => ({ jti: uuid(n) })),
];

const ambiguous = {
  /** They fold, and the answer says what was not compared. */
  folded: [
    make('charge', { 'amount!': '', 'request_id!': '' }, (n) => ({ amount: 5, request_id: ticket(n) })),
    make('http_post', http, (n) => ({ url: 'https://x/w', body: { request_id: uuid(n), minutes: 15, note: 'Reset' } })),
  ],
  /** They run again, since the schema says that the caller must name something. */
  kept: [
    make('publish_event', event, (n) => ({
      topic: 't',
      payload: { meter: 7, kwh: 1, request_id: uuid(n), timestamp: time(n) },
    })),
    make('subscribe', { 'topic!': '', 'request_id!': '' }, (n) => ({ topic: 'a b', request_id: uuid(n) })),
    make('post_status', { 'text!': '', 'timestamp!': '' }, (n) => ({ text: 'Hi', timestamp: time(n) })),
    make('create_task', { 'title!': '', request_id: '' }, (n) => ({ title: 'Call Bob', request_id: ticket(n) })),
  ],
};

describe('a value that names a thing', () => {
  it.each([...things, ...laterThings, ...ambiguous.kept])('counts: %s', (_name, each) =>
    expect(isFolded(each)).toBe(false),
  );
});

describe('a value that is new for each try', () => {
  it.each([...tries, ...laterTries, ...ambiguous.folded])('does not count: %s', (_name, each) =>
    expect(isFolded(each)).toBe(true),
  );
});

/** Whether the two calls of a case have one hash. */
function isFolded({ tool, schema, args }: Case): boolean {
  const input = inputOf(schema);
  const [first, second] = [0, 1].map((value) => {
    const prepared = prepareArguments(args(value), input, { tool });
    if (!prepared.ok) throw new Error(prepared.message);
    return fingerprintOf(prepared.forHash, { keepString: prepared.keepString });
  });
  return first === second;
}

function inputOf(given: Case['schema']): InputSchema {
  const properties: Record<string, unknown> = {};
  const required: string[] = [];
  for (const [key, value] of Object.entries(given)) {
    if (key === '*') continue;
    const name = key.replace('!', '');
    if (key !== name) required.push(name);
    properties[name] = typeof value === 'string' ? { ...(value !== '' && { description: value }) } : value;
  }
  const jsonSchema = { type: 'object', ...('*' in given ? {} : { properties, required }) };
  return { jsonSchema, parse: (value) => ({ ok: true, value: value as Record<string, unknown> }) };
}
