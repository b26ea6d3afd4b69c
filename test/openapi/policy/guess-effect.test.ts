import { describe, expect, test } from 'vitest';
import type { OperationOverride } from '../../../src/openapi/policy/overrides.ts';
import { policyBasis } from '../../../src/openapi/policy/policy-basis.ts';
import { traitsOf } from '../../../src/openapi/policy/traits.ts';
import { restrictDocument } from '../../../src/openapi/policy/untrusted-document.ts';
import { read } from '../documents.ts';

interface Given {
  readonly operationId?: string;
  readonly summary?: string;
  readonly [member: string]: unknown;
}

/** The decision about the first operation of a document, `METHOD /path`, with other operations beside it. */
async function decide(
  request: string,
  given: Given = {},
  others: readonly string[] = [],
  rule: OperationOverride = {},
) {
  const document = await read({ paths: pathsOf(request, given, others) });
  const [listed] = document.listedOperations;
  if (!listed) throw new Error('no operation');
  return policyBasis(listed, rule, traitsOf(document, listed));
}

function pathsOf(request: string, given: Given, others: readonly string[]): Record<string, Record<string, unknown>> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const each of [request, ...others]) {
    const [method = '', path = ''] = each.split(' ');
    const operation = { responses: { 200: { description: 'done' } }, ...(each === request ? given : {}) };
    paths[path] = { ...paths[path], [method.toLowerCase()]: operation };
  }
  return paths;
}

const created = { responses: { 201: { description: 'made' } } };
const keyed = { parameters: [{ name: 'Idempotency-Key', in: 'header', schema: { type: 'string' } }] };
const paged = {
  requestBody: { content: { 'application/json': { schema: { properties: { cursor: { type: 'string' } } } } } },
};

describe('the effect of a POST', () => {
  test.each<[string, Given]>([
    ['POST /tickets/search', {}],
    ['POST /v2/shifts/bulk-retrieve', {}],
    ['POST /balance/get', {}],
    ['POST /notes.list', {}],
    ['POST /notes.info', {}],
    ['POST /sources/{id}/query', { summary: 'Query a source' }],
    ['POST /notes.drafts', { summary: 'List all drafts' }],
    ['POST /cards/from-code', { operationId: 'RetrieveCardFromCode' }],
    ['POST /permissions/check', { operationId: 'getBulkPermissions', summary: 'Get permissions' }],
    ['POST /carts/calculate', { summary: 'Calculates totals' }],
    ['POST /addresses/validate', {}],
    ['POST /events/sync', { ...paged, summary: 'Sync events' }],
    ['POST /invoices/{id}/generate-qr-code', { summary: 'Generate QR code' }],
    ['POST /files/{id}/download', {}],
  ])('is a read for %s %j', async (request, given) => {
    expect(await decide(request, given)).toMatchObject({ effect: 'read', class: 'off', isDestructive: false });
  });

  test.each<[string, Given]>([
    ['POST /orders', {}],
    ['POST /orders', { summary: 'Place an order' }],
    ['POST /messages/{phone}', { operationId: 'sendMessage' }],
    ['POST /statuses/{sha}', created],
    ['POST /charges/{id}/capture', {}],
    ['POST /intents/{id}/confirm', {}],
    ['POST /transfers/approve', { summary: 'Approve transfers' }],
    ['POST /disputes/{id}/appeal', {}],
    ['POST /payments/{id}/execute', {}],
    ['POST /ledger/distribute', { summary: 'Move the balance of a payment account between ledgers' }],
    ['POST /contacts', { ...keyed, operationId: 'updateOrCreateContacts' }],
    ['POST /points/{id}/adjust', keyed],
    ['POST /policy_assignments', { summary: 'Assign a policy' }],
    ['POST /notes.import', { summary: 'Import a file as a note' }],
    ['POST /remove-token', { operationId: 'createRemoveToken' }],
    ['POST /documents/search', { ...created, summary: 'Search' }],
    ['POST /users', { summary: 'Get or create a user' }],
    ['POST /wallet/sessions', { summary: 'Get a session' }],
    ['POST /graphql/query', {}],
  ])('is a create for %s %j', async (request, given) => {
    const others = request === 'POST /policy_assignments' ? ['GET /policy_assignments/{id}'] : [];
    expect(await decide(request, given, others)).toMatchObject({ effect: 'create', class: 'create' });
  });

  test.each<[string, Given]>([
    ['POST /customers/{id}', {}],
    ['POST /customers/{id}', { ...keyed, operationId: 'updateCustomer' }],
    ['POST /Queues/{Sid}.json', { operationId: 'UpdateQueue' }],
    ['POST /channels/{id}/archive', {}],
    ['POST /subscriptions/{id}/activate', {}],
    ['POST /plans/{id}/update-prices', {}],
    ['POST /attributes/bulk-upsert', {}],
    ['POST /notes.update', {}],
    ['POST /paypal/updateOrder', keyed],
    ['POST /subscriptions/{id}/anchor', { operationId: 'ChangeAnchorDate' }],
    ['POST /snooze.endSnooze', {}],
  ])('is an update for %s %j', async (request, given) => {
    expect(await decide(request, given)).toMatchObject({ effect: 'update', class: 'state' });
  });

  test.each<[string, Given]>([
    ['POST /orders/{id}/cancel', {}],
    ['POST /orders/{id}:cancel', {}],
    ['POST /notes.delete', {}],
    ['POST /payments/{id}/void', {}],
    ['POST /keys/{id}/revoke', {}],
    ['POST /Payments', { ...keyed, operationId: 'deletePayments' }],
  ])('is a delete for %s %j', async (request, given) => {
    expect(await decide(request, given)).toMatchObject({ effect: 'delete', class: 'state', isDestructive: true });
  });

  test('is an update where another operation removes what it adds', async () => {
    const given = { summary: 'Adds a reaction' };
    expect((await decide('POST /reactions.add', given)).class).toBe('create');
    expect((await decide('POST /reactions.add', given, ['POST /reactions.remove'])).class).toBe('state');
    expect(
      (await decide('POST /issues/{id}/watchers', { summary: 'Add a watcher' }, ['DELETE /issues/{id}/watchers']))
        .class,
    ).toBe('state');
  });

  test('leaves a doubt where texts disagree or say nothing', async () => {
    expect((await decide('POST /carts/get', { operationId: 'createCart' })).doubt).toMatch(/says "get".*"create"/);
    expect((await decide('POST /forward')).doubt).toMatch(/nothing says/);
    expect((await decide('POST /orders')).doubt).toBeUndefined();
    expect((await decide('POST /carts/get', { operationId: 'createCart' })).effect).toBe('create');
  });

  test('follows a rule, and a rule about repeats makes a read a write', async () => {
    expect((await decide('POST /orders', {}, [], { effect: 'read' })).effect).toBe('read');
    expect((await decide('POST /notes.list', {}, [], { windowMs: 1 })).effect).toBe('create');
    expect((await decide('POST /forward', {}, [], { effect: 'create' })).doubt).toBeUndefined();
  });
});

describe('the effect of another method', () => {
  test.each<[string, Given, string, string]>([
    ['PUT /Payments', { ...keyed, operationId: 'createPayments' }, 'create', 'create'],
    [
      'PUT /Invoices/{id}/History',
      { operationId: 'createInvoiceHistory', summary: 'Retrieves a history' },
      'create',
      'create',
    ],
    ['PUT /options/move', { operationId: 'reorderOptions' }, 'update', 'state'],
    ['PUT /files/{name}', { operationId: 'createFile' }, 'replace', 'state'],
    ['PATCH /blocks/{id}/children', { summary: 'Append children' }, 'create', 'create'],
    ['PATCH /blocks/{id}', {}, 'update', 'state'],
    ['DELETE /customers/{id}/discount', {}, 'delete', 'state'],
    ['DELETE /queue/next', {}, 'update', 'state'],
  ])('of %s %j is %s', async (request, given, effect, toolClass) => {
    expect(await decide(request, given)).toMatchObject({ effect, class: toolClass });
  });

  test('tells that a GET may write', async () => {
    expect((await decide('GET /sessions/logout')).doubt).toMatch(/"logout"/);
  });
});

test('a create that pays back is destructive, and one that adds is not', async () => {
  expect((await decide('POST /payments/{id}/refund')).isDestructive).toBe(true);
  expect((await decide('POST /orders')).isDestructive).toBe(false);
});

test('the texts of a document from the network do not weaken the guard, and its paths do', async () => {
  const paths = {
    ...pathsOf('POST /transfers', { operationId: 'getTransfers', summary: 'Get transfers' }, []),
    ...pathsOf('POST /transfers/search', {}, []),
  };
  const { document } = restrictDocument(await read({ paths }));
  const effects = document.listedOperations.map((each) => policyBasis(each, {}, traitsOf(document, each)).effect);
  expect(effects).toEqual(['create', 'read']);
});

test.each<[request: string, given: Given, others: readonly string[]]>([
  ['POST /entries', { operationId: 'addEntry', summary: 'Adds an email to your allow list' }, []],
  ['POST /groups/{id}/members', { operationId: 'addMember' }, ['DELETE /groups/{id}/members/{m}']],
  ['POST /users/{id}/picture', { summary: 'Upload a picture' }, []],
  ['POST /tickets', { summary: 'Add a ticket' }, ['DELETE /tickets']],
  ['POST /tickets/complete', { summary: 'Marks a ticket as complete' }, []],
  ['POST /events/sync', paged, []],
  ['POST /name_checks', { summary: 'Check whether a name is free' }, []],
  ['PUT /tickets', { ...keyed, operationId: 'updateTickets' }, []],
  ['PUT /tickets', { operationId: 'appendTickets' }, []],
  ['PATCH /counters/{id}', { summary: 'Increment a counter' }, []],
])('guessEffect keeps the strict guess for %s %j of an untrusted document', async (request, given, others) => {
  const { document } = restrictDocument(await read({ paths: pathsOf(request, given, others) }));
  const [listed] = document.listedOperations;
  if (!listed) throw new Error('no operation');
  expect(policyBasis(listed, {}, traitsOf(document, listed)).effect).toBe('create');
});

test('guessEffect believes the path of an untrusted document', async () => {
  const paths = pathsOf('POST /whitelists/add', {}, ['POST /pins.add', 'POST /pins.remove']);
  const { document } = restrictDocument(await read({ paths }));
  const effects = document.listedOperations.map((each) => policyBasis(each, {}, traitsOf(document, each)).effect);
  expect(effects.slice(0, 2)).toEqual(['update', 'update']);
});

describe('guessEffect on kinds of public documents', () => {
  test.each<[request: string, given: Given, others: readonly string[], kind: string]>([
    ['POST /projects/{id}/saveAsTemplate', {}, [], 'create'],
    ['POST /jql/sanitize', { summary: 'Sanitize JQL queries' }, [], 'read'],
    ['POST /databases/{id}/sanitize', { summary: 'Sanitize a database' }, [], 'update'],
    ['POST /jql/match', { summary: 'Check issues against JQL' }, [], 'read'],
    ['POST /expression/eval', { summary: 'Evaluate an expression' }, [], 'read'],
    ['POST /provenance_checks', { summary: 'Check whether an image contains known signals' }, [], 'read'],
    ['POST /name_checks', { summary: 'Check whether a name is free and reserve it' }, [], 'create'],
    ['POST /invoices/generate-next-number', { summary: 'Generate an invoice number' }, [], 'read'],
    ['POST /labels/{id}/return', { summary: 'Marks a transfer as returned' }, [], 'create'],
    ['POST /reminders.complete', { summary: 'Marks a reminder as complete.' }, [], 'update'],
    ['POST /inventory/batch-change', keyed, [], 'create'],
    ['POST /connection_tokens', { description: 'To connect to a reader the SDK needs a token.' }, [], 'create'],
    ['POST /keys', { description: 'To update a key, send a POST request.' }, [], 'update'],
    ['POST /keys', { description: 'To update a key use this endpoint.' }, [], 'update'],
    ['POST /documents.viewed', { summary: 'List all recently viewed documents' }, [], 'read'],
    ['POST /documents.empty_trash', { ...paged, summary: 'Empty trash' }, [], 'delete'],
    ['POST /chat.meMessage', { description: 'Share a me message into a channel.' }, [], 'create'],
    ['POST /oauth/token', { summary: 'Create or refresh an access token' }, [], 'create'],
    ['POST /loans/register', {}, ['POST /loans/unregister'], 'create'],
    ['POST /sessions.invalidate', {}, [], 'update'],
    ['POST /access_tokens/{id}/invalidate', {}, [], 'create'],
    ['POST /clusters/{id}/upgrade', {}, [], 'update'],
    ['POST /workflows/{id}/start', {}, [], 'create'],
    ['POST /workflows/{id}/start', {}, ['POST /workflows/{id}/stop'], 'update'],
    ['POST /avatar/owner/{id}', { operationId: 'storeAvatar', ...created }, [], 'create'],
    [
      'POST /context/mapping',
      { operationId: 'getContextsForProjectsAndIssueTypes', summary: 'Get contexts for projects' },
      [],
      'read',
    ],
    ['PUT /project/{id}/email', { operationId: 'updateProjectEmail' }, [], 'update'],
    ['POST /commits/{sha}/cherry_pick', {}, [], 'create'],
    ['POST /projects/{id}/merge_requests', {}, ['GET /projects/{id}/merge_requests/{m}'], 'create'],
    [
      'POST /documents/{id}/tabs',
      { summary: 'Adds tabs', ...created },
      ['PUT /documents/{id}/tabs', 'DELETE /documents/{id}/tabs'],
      'create',
    ],
    ['POST /carriers/{name}', { summary: 'Connect an account' }, ['DELETE /carriers/{name}/{id}'], 'create'],
    ['POST /lists/{id}/archiveAllCards', { operationId: 'addListsArchiveAllCardsByIdList' }, [], 'update'],
    ['POST /machines/{id}/powerOff', {}, [], 'update'],
    ['POST /sets/{id}/convertToSingleGroup', {}, [], 'update'],
    ['POST /flows/{id}/actions/archive', {}, [], 'update'],
    ['POST /events/{id}/seen', {}, [], 'update'],
    ['POST /profile/tfa-enable', {}, [], 'update'],
    ['POST /hooks/event/test', {}, [], 'update'],
    ['POST /groups/{id}/members', { summary: 'Add group members' }, ['DELETE /groups/{id}/members/{m}'], 'update'],
    ['POST /whitelists/add', { summary: 'Adds an email to your whitelist' }, [], 'update'],
    ['POST /users/{id}/picture', { summary: 'Upload a picture', ...created }, [], 'update'],
    ['POST /views/edit', { summary: 'Gets a URL for an edit view.', ...created }, [], 'read'],
    ['POST /templates/{id}/html_preview', { summary: 'Creates a preview of the template.', ...created }, [], 'read'],
    ['POST /urls/check-domain', { summary: 'Checks the settings of a domain' }, [], 'read'],
    ['POST /getStickerSet', {}, [], 'read'],
    ['POST /Service.AdminListGroups', {}, [], 'read'],
    ['POST /Keys.Verify', { description: '<p>Verifies a digital signature.</p>' }, [], 'read'],
    ['POST /apis/tokenreviews', { operationId: 'createTokenReview', ...created }, [], 'read'],
    [
      'POST /analysis/value-at-risk',
      { summary: 'Value at risk', description: 'Compute the value at risk.' },
      [],
      'read',
    ],
  ])('decides %s', async (request, given, others, kind) => {
    expect((await decide(request, given, others)).effect).toBe(kind);
  });
});
