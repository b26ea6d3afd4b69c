import { describe, expect, test } from 'vitest';
import { readDocument } from '../../../src/openapi/document/read-document.ts';
import { toolSchemas } from '../../../src/openapi/document/tool-schemas.ts';
import type { OperationOverride } from '../../../src/openapi/policy/overrides.ts';
import { policyOf } from '../../../src/openapi/policy/policy.ts';
import { chooseProfile } from '../../../src/openapi/policy/profiles.ts';
import { fileOf } from '../tools/harness.ts';

type JsonMembers = Record<string, unknown>;

interface Case {
  readonly operation?: JsonMembers;
  readonly root?: JsonMembers;
  readonly paths?: JsonMembers;
  readonly override?: OperationOverride;
  readonly profile?: string;
  readonly body?: JsonMembers;
}

/** Returns the policy of one operation of a document. */
async function policy(request: string, given: Case = {}) {
  const [method = '', path = ''] = request.split(' ');
  const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  const parameters = named.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } }));
  const declared = (given.operation?.parameters as unknown[] | undefined) ?? [];
  const operation = {
    responses: { 200: { description: 'ok' } },
    ...given.operation,
    parameters: [...parameters, ...declared],
    ...(given.body
      ? {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: { type: 'object', properties: given.body } } },
          },
        }
      : {}),
  };
  const others = (given.paths ?? {}) as Record<string, JsonMembers>;
  const document = await readDocument({
    source: fileOf({
      openapi: '3.1.0',
      info: { title: 'T', version: '1' },
      servers: [{ url: 'https://example.com' }],
      ...given.root,
      paths: { ...others, [path]: { ...others[path], [method.toLowerCase()]: operation } },
    }),
    refHosts: [],
    allowPrivate: false,
  });
  const listed = document.listedOperations.find((each) => each.method === method && each.path === path);
  if (!listed) throw new Error(`no ${request}: ${JSON.stringify(document.problems)}`);
  const resolved = document.resolve(listed);
  const profile = chooseProfile('example.com', given.profile);
  return policyOf(resolved, toolSchemas(resolved), { profile, override: given.override, document });
}

const header = (name: string, more: JsonMembers = {}): Case => ({
  operation: { parameters: [{ name, in: 'header', schema: { type: 'string' }, ...more }] },
});

const minute = 60_000;

describe('the policy by method and path', () => {
  test.each([
    ['GET /a/{id}', 'read', 'off', ['refuse']],
    ['HEAD /a/{id}', 'read', 'off', ['refuse']],
    ['OPTIONS /a', 'read', 'off', ['refuse']],
    ['TRACE /a', 'read', 'off', ['refuse']],
    ['PUT /a/{id}', 'replace', 'state', ['natural', 'refuse']],
    ['PUT /a/{id}/', 'replace', 'state', ['natural', 'refuse']],
    ['PUT /a/{id}.json', 'replace', 'state', ['natural', 'refuse']],
    ['PUT /a/last', 'update', 'state', ['refuse']],
    ['PUT /a/{id}/state', 'update', 'state', ['refuse']],
    ['DELETE /a/{id}', 'delete', 'state', ['natural', 'refuse']],
    ['DELETE /a/last', 'update', 'state', ['refuse']],
    ['DELETE /a/{id}:undo', 'update', 'state', ['refuse']],
    ['PATCH /a/{id}', 'update', 'state', ['refuse']],
    ['PATCH /a', 'update', 'state', ['refuse']],
    ['POST /a', 'create', 'create', ['refuse']],
    ['POST /a/{id}', 'update', 'state', ['refuse']],
  ])('gives %s the effect %s and the class %s', async (request, effect, toolClass, recovery) => {
    expect(await policy(request)).toMatchObject({ effect, class: toolClass, recovery });
  });

  test('has the window of its class', async () => {
    expect((await policy('POST /a')).windowMs).toBe(24 * 60 * minute);
    expect((await policy('PUT /a/{id}')).windowMs).toBe(2 * minute);
    expect((await policy('PATCH /a')).windowMs).toBe(10 * minute);
  });
});

describe('an idempotency key', () => {
  test.each([
    ['Idempotency-Key', {}],
    ['X-Idempotency-Key', {}],
    ['idempotency_key', {}],
    ['X-Qonto-Idempotency-Key', {}],
    ['PayPal-Request-Id', {}],
    ['X-Request-Id', { description: 'Makes the request idempotent.' }],
    ['X-Client-Token', {}],
  ])('allows the recovery resend in the header %s', async (name, more) => {
    const found = await policy('POST /a', header(name, more));
    expect(found).toMatchObject({ recovery: ['resend', 'refuse'], key: { in: 'header', name, quoting: 'bare' } });
  });

  test.each([
    ['X-Request-Id', { description: 'For tracing.' }],
    ['X-Request-Id', {}],
    ['X-Client-Token', { description: 'Says who you are.' }],
    ['Authorization-Token', {}],
    ['Idempotency-Key', { schema: { type: 'integer' } }],
    ['Idempotency-Key', { schema: { type: 'string', maxLength: 8 } }],
  ])('is not the header %s %j', async (name, more) => {
    const found = await policy('POST /a', header(name, more));
    expect(found.key).toBeUndefined();
    expect(found.recovery).toEqual(['refuse']);
  });

  test.each([
    ['idempotency_key', {}],
    ['idempotencyKey', {}],
    ['client_token', {}],
    ['clientToken', { description: 'Ensures idempotency.' }],
    ['ClientRequestToken', {}],
    ['request_id', { description: 'To safely retry a request.' }],
    ['requestId', { description: 'A request of one id is processed only once.' }],
  ])('is found in the body as %s', async (name, more) => {
    const found = await policy('POST /a', { body: { [name]: { type: 'string', ...more }, item: { type: 'string' } } });
    expect(found).toMatchObject({ recovery: ['resend', 'refuse'], key: { in: 'body', name } });
  });

  test.each([
    ['POST /a/cancel', 'The key of the payment to cancel.'],
    ['POST /a/cancel', 'The `idempotency_key` identifying the payment to be canceled.'],
    ['POST /a/find', 'The idempotency key that was sent with the original request.'],
    ['POST /a/cancel-by-idempotency-key', 'The key.'],
  ])('is not the argument of %s that names something else: %s', async (request, description) => {
    const found = await policy(request, { body: { idempotency_key: { type: 'string', description } } });
    expect(found.key).toBeUndefined();
  });

  test.each([
    ['POST /a/cancel', 'A unique key for this request.'],
    ['POST /a', 'Unique for each payment that you make.'],
    ['POST /a', 'Identifies this request, so that retries of the original request have no effect.'],
    ['POST /a/cancel', ''],
  ])('is the argument of %s that names the call: %s', async (request, description) => {
    const found = await policy(request, { body: { idempotency_key: { type: 'string', description } } });
    expect(found.key).toMatchObject({ in: 'body', name: 'idempotency_key' });
  });

  test.each([
    ['request_id', { description: 'The request to approve.' }],
    ['request_id', {}],
    ['client_token', { description: 'The token of the client app.' }],
    ['token', { description: 'idempotent' }],
  ])('is not the body property %s %j', async (name, more) => {
    expect((await policy('POST /a', { body: { [name]: { type: 'string', ...more } } })).key).toBeUndefined();
  });

  test('is known for a read, so that it can be hidden, and allows no recovery', async () => {
    const found = await policy('GET /a', header('Idempotency-Key'));
    expect(found).toMatchObject({ effect: 'read', recovery: ['refuse'], key: { name: 'Idempotency-Key' } });
  });

  test('precedes natural, and a header wins over the body unless the provider uses the body', async () => {
    expect((await policy('PUT /a/{id}', header('Idempotency-Key'))).recovery).toEqual(['resend', 'natural', 'refuse']);
    const both: Case = { ...header('Idempotency-Key'), body: { idempotency_key: { type: 'string' } } };
    expect((await policy('POST /a', both)).key?.in).toBe('header');
    expect((await policy('POST /a', { ...both, profile: 'square' })).key).toMatchObject({
      in: 'body',
      keyCharsMax: 45,
    });
  });

  test('is limited by provider and document, and quoted if either says so', async () => {
    const short = await policy('POST /a', header('Idempotency-Key', { schema: { type: 'string', maxLength: 32 } }));
    expect(short.key?.keyCharsMax).toBe(32);
    const quoted = await policy(
      'POST /a',
      header('Idempotency-Key', { schema: { type: 'string', pattern: '^"[^"]+"$' } }),
    );
    expect(quoted.key?.quoting).toBe('quoted');
    expect((await policy('POST /a', { ...header('Idempotency-Key'), profile: 'ietf' })).key?.quoting).toBe('quoted');
  });

  test('is known without a declaration if all POSTs of the provider accept it', async () => {
    expect((await policy('POST /a', { profile: 'stripe' })).key).toMatchObject({ name: 'Idempotency-Key' });
    expect((await policy('DELETE /a/{id}', { profile: 'stripe' })).key).toBeUndefined();
    expect((await policy('POST /a', { profile: 'paypal' })).key).toBeUndefined();
  });
});

describe('an extension of the document', () => {
  const extended = (value: unknown, more: Case = {}): Case => ({ ...more, operation: { 'x-mcp-once': value } });

  test('x-mcp-once wins over the method, and the configuration wins over it', async () => {
    const found = await policy('POST /a', extended({ effect: 'update', class: 'state', window: '90s' }));
    expect(found).toMatchObject({ effect: 'update', class: 'state', windowMs: 90_000 });
    const both = await policy('POST /a', extended({ class: 'state', window: 5_000 }, { override: { class: 'off' } }));
    expect(both).toMatchObject({ class: 'off', windowMs: 5_000 });
    expect(both.why).toEqual(['POST', 'document', 'configuration']);
  });

  test('x-mcp-once changes class and recovery together with the effect', async () => {
    expect(await policy('POST /search', extended({ effect: 'read' }))).toMatchObject({
      class: 'off',
      recovery: ['refuse'],
    });
    expect(await policy('PUT /settings', extended({ effect: 'replace' }))).toMatchObject({
      class: 'state',
      recovery: ['natural', 'refuse'],
    });
    expect(await policy('DELETE /a/{id}', extended({ effect: 'update' }))).toMatchObject({ recovery: ['refuse'] });
  });

  test.each([
    [{ effekt: 'read' }, /x-mcp-once: "effekt" is not known; did you mean "effect"/],
    [{ effect: 'destroy' }, /x-mcp-once\/effect/],
    [{ window: 'soon' }, /x-mcp-once\/window: must be .*"24h"/],
    [{ lookup: { operation: 'x' } }, /x-mcp-once\/lookup\/marker/],
    ['read', /x-mcp-once/],
    [null, /x-mcp-once/],
  ])('x-mcp-once: %j is rejected with its JSON pointer', async (value, message) => {
    await expect(policy('POST /a', extended(value))).rejects.toThrow(message);
    await expect(policy('POST /a', extended(value))).rejects.toThrow(/#?\/paths\/~1a\/post/);
  });

  test('x-fern-idempotent uses the headers of x-fern-idempotency-headers', async () => {
    const headers = { 'x-fern-idempotency-headers': [{ header: 'X-Once', name: 'once' }] };
    const fern = { 'x-fern-idempotent': true };
    expect((await policy('POST /a', { operation: { ...fern, ...headers } })).key).toMatchObject({ name: 'X-Once' });
    expect((await policy('POST /a', { operation: headers })).key).toBeUndefined();
    expect((await policy('POST /a', { operation: fern })).recovery).toEqual(['refuse']);
  });

  test('x-speakeasy-retries can forbid retries and never allows them', async () => {
    const none = { 'x-speakeasy-retries': { strategy: 'none' } };
    const backoff = {
      'x-speakeasy-retries': { strategy: 'backoff', statusCodes: ['5XX'], retryConnectionErrors: true },
    };
    expect((await policy('PUT /a/{id}', { operation: none })).recovery).toEqual(['refuse']);
    expect((await policy('POST /a', { operation: backoff })).recovery).toEqual(['refuse']);
  });
});

describe('an override in the configuration', () => {
  const item = { type: 'object', properties: { id: { type: 'string' }, reference: { type: 'string' } } };
  const answer = { type: 'object', properties: { data: { type: 'array', items: item } } };
  const list = {
    '/a': {
      get: {
        operationId: 'list',
        parameters: [{ name: 'ref', in: 'query', required: true, schema: { type: 'string' } }],
        responses: { 200: { description: 'ok', content: { 'application/json': { schema: answer } } } },
      },
    },
  };
  const body = { reference: { type: 'string' }, item: { type: 'string' } };
  const lookup = {
    operation: 'list',
    arguments: { ref: '$marker' },
    items: '/data',
    marker: { argument: 'reference', field: 'reference' },
  };

  test('lets a POST with a lookup reconcile, after resending its key', async () => {
    const found = await policy('POST /a', { paths: list, body, override: { lookup } });
    expect(found.recovery).toEqual(['reconcile', 'refuse']);
    const keyed = await policy('POST /a', { ...header('Idempotency-Key'), paths: list, body, override: { lookup } });
    expect(keyed.recovery).toEqual(['resend', 'reconcile', 'refuse']);
    expect(
      (await policy('POST /a', { paths: list, body, override: { lookup, recovery: ['refuse'] } })).recovery,
    ).toEqual(['refuse']);
  });

  test.each([
    [{ lookup: { ...lookup, operation: 'lits' } }, /lookup.operation: "lits" is not known; did you mean "list"/],
    [{ lookup: { ...lookup, operation: 'POST /a' } }, /is not a read operation/],
    [{ lookup: { ...lookup, marker: { argument: 'refrence', field: 'x' } } }, /did you mean "reference"/],
    [{ lookup: { ...lookup, arguments: { ref: '$itm' } } }, /lookup.arguments.ref: "itm".*did you mean "item"/],
    [{ lookup: { ...lookup, arguments: { rfe: '$marker' } } }, /lookup.arguments: "rfe".*did you mean "ref"/],
    [{ lookup: { ...lookup, arguments: {} } }, /lookup.arguments lacks "ref", which list requires/],
    [{ lookup: { ...lookup, arguments: { ref: '$reference' } } }, /write "\$marker" for the marker/],
    [{ lookup: { ...lookup, items: '/dta' } }, /lookup.items: "dta" is not known; did you mean "data"/],
    [
      { lookup: { ...lookup, marker: { argument: 'reference', field: 'refrence' } } },
      /marker.field: "refrence".*did you mean "reference"/,
    ],
    [{ identity: ['reference'], lookup }, /identity: "reference" is not known/],
    [{ identity: ['itme'] }, /identity: "itme" is not known; did you mean "item"/],
    [{ identity: ['/itme/id'] }, /identity: "\/itme\/id" is not known/],
    [{ recovery: ['resend'] as const }, /needs an idempotency key/],
    [{ recovery: ['reconcile'] as const }, /needs lookup/],
    [{ clientId: 'item' }, /clientId needs a PUT operation/],
  ])('is rejected if it does not fit, as is x-mcp-once: %j', async (override, message) => {
    const asked = policy('POST /a', { paths: list, body, override });
    await expect(asked).rejects.toThrow(message);
    await expect(asked).rejects.toMatchObject({ code: 'configuration_invalid' });
    await expect(asked).rejects.toThrow(/api\.json: operations: POST \/a: /);
    const { recovery, ...rest } = override as OperationOverride;
    const settings = { ...rest, ...(recovery ? { recovery: [...recovery] } : {}) };
    const byDocument = policy('POST /a', { paths: list, body, operation: { 'x-mcp-once': settings } });
    await expect(byDocument).rejects.toThrow(message);
    await expect(byDocument).rejects.toMatchObject({ code: 'tool_invalid' });
  });

  test('is rejected if its marker argument is too short', async () => {
    const short = { ...body, reference: { type: 'string', maxLength: 20 } };
    await expect(policy('POST /a', { paths: list, body: short, override: { lookup } })).rejects.toThrow(
      /41 characters/,
    );
  });

  test('makes a PUT with clientId a creation that can be repeated', async () => {
    const found = await policy('PUT /a/{id}', { override: { clientId: 'id' } });
    expect(found).toMatchObject({
      effect: 'create',
      class: 'create',
      recovery: ['natural', 'refuse'],
      clientId: 'id',
    });
    await expect(policy('PUT /a/{id}', { override: { clientId: 'di' } })).rejects.toThrow(/did you mean "id"/);
    await expect(policy('PUT /a/{id}', { override: { clientId: 'id', class: 'state' } })).rejects.toThrow(
      /class "state"/,
    );
  });
});

describe('an entity tag', () => {
  const read = { '/a/{id}': { get: { responses: { 200: { description: 'ok' } }, parameters: [] } } };

  test('is used if the operation has If-Match and its resource can be read', async () => {
    const given = header('If-Match');
    const paths = {
      '/a/{id}': {
        get: { ...read['/a/{id}'].get, parameters: [{ name: 'id', in: 'path', required: true, schema: {} }] },
      },
    };
    const found = await policy('PATCH /a/{id}', { ...given, paths });
    expect(found.recovery).toEqual(['reconcile', 'refuse']);
    expect(found.etag?.read).toMatchObject({ method: 'GET', path: '/a/{id}' });
    expect((await policy('PUT /a/{id}', { ...given, paths })).recovery).toEqual(['natural', 'reconcile', 'refuse']);
    expect((await policy('PATCH /a/{id}', given)).etag).toBeUndefined();
  });
});
