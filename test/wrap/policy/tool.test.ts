import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { render } from '../../../src/server/render.ts';
import { schemaForModel } from '../../../src/wrap/policy/filled-arguments.ts';
import { decideGuard } from '../../../src/wrap/policy/policy.ts';
import { clientFor, makeGuardedTool } from '../../../src/wrap/policy/tool.ts';
import type { CallTarget, ForwardedCall, McpTool, TrustAnnotations, WrapRule } from '../../../src/wrap/policy/types.ts';
import { refusalOf, resultOf, testEngine } from '../../support/engine.ts';

const properties = { to: { type: 'string' }, cents: { type: 'integer', minimum: 1 }, note: { type: 'string' } };
const pay: McpTool = {
  name: 'pay',
  description: 'Pays.',
  inputSchema: { type: 'object', properties, required: ['to', 'cents'] },
};

interface Bank extends CallTarget {
  /** The calls that took effect. */
  readonly effects: Readonly<Record<string, unknown>>[];
  readonly calls: ForwardedCall[];
  /** How many responses are lost after their effect. */
  lose: number;
  answer: (call: ForwardedCall) => unknown;
}

/** Makes a server that counts its effects and honours `idempotency_key`. */
function bank(): Bank {
  const made: Bank = {
    name: 'bank',
    upstream: { origin: 'mcp:bank', mode: 'wrapped', account: 'default' },
    effects: [],
    calls: [],
    lose: 0,
    answer: () => ({ content: [{ type: 'text', text: `payment ${made.effects.length}` }] }),
    send: async (call) => {
      made.calls.push(call);
      if (call.purpose === 'lookup') return made.answer(call);
      const key = call.arguments.idempotency_key;
      const isKnown = key !== undefined && made.effects.some((each) => each.idempotency_key === key);
      if (!isKnown) made.effects.push(call.arguments);
      if (made.lose > 0) {
        made.lose -= 1;
        throw new Error('the answer was lost');
      }
      return made.answer(call);
    },
  };
  return made;
}

function serve(listed: McpTool, upstream: Bank, rule: WrapRule = {}, trustAnnotations: TrustAnnotations = 'readOnly') {
  const decision = decideGuard(listed, { trustAnnotations, tools: { [listed.name]: rule } });
  if (decision.type !== 'guard') throw new Error('not guarded');
  const warnings: string[] = [];
  const warn = (message: string): void => void warnings.push(message);
  const tool = makeGuardedTool({ listed, decision, upstream, client: clientFor(upstream), warn });
  return { tool, warnings, ...testEngine({ tools: [tool] }) };
}

function withField(name: string, listed = pay): McpTool {
  const schema = { ...properties, [name]: { type: 'string' } };
  return { ...listed, inputSchema: { type: 'object', properties: schema, required: ['to', 'cents', name] } };
}

describe('makeGuardedTool', () => {
  test('takes effect once for identical calls, and replays the first result', async () => {
    const upstream = bank();
    const { call } = serve(pay, upstream);
    const first = resultOf(await call('pay', { to: 'a', cents: 5 }));
    const second = resultOf(await call('pay', { cents: 5, to: 'a' }));
    expect(upstream.effects).toHaveLength(1);
    expect(second).toMatchObject({ replayed: true, result: first.result });
    expect(second.repeatToken).toBeDefined();
    // Control: other arguments are another payment, and so is an intended repeat.
    await call('pay', { to: 'b', cents: 5 });
    await call('pay', { to: 'a', cents: 5, repeat_token: second.repeatToken });
    expect(upstream.effects).toHaveLength(3);
  });

  test('does not pay again after a lost response of a server without hints', async () => {
    const upstream = bank();
    upstream.lose = 1;
    const { call } = serve(pay, upstream);
    const answers = [await call('pay', { to: 'a', cents: 5 }), await call('pay', { to: 'a', cents: 5 })];
    expect(answers.map((each) => refusalOf(each).code)).toEqual(['outcome_unknown', 'outcome_unknown']);
    expect(upstream.effects).toHaveLength(1);
  });

  test('passes a result unchanged: structured content, _meta and unknown fields', async () => {
    const upstream = bank();
    const result = {
      content: [{ type: 'new_kind', data: 1 }],
      structuredContent: { wrong: 'for the schema' },
      _meta: { own: 1 },
      extra: [1],
    };
    upstream.answer = () => result;
    const { call } = serve({ ...pay, outputSchema: { type: 'object', required: ['id'] } }, upstream);
    const shown = render(await call('pay', { to: 'a', cents: 5 }));
    expect(shown).toMatchObject({ ...result, _meta: { own: 1, 'mcp-once/outcome': { code: 'succeeded' } } });
  });

  test.each([undefined, null, 'text', [1], { structuredContent: { a: 1 } }])(
    'stores the invalid result %j',
    async (odd) => {
      const upstream = bank();
      upstream.answer = () => odd;
      const { call } = serve(pay, upstream);
      await call('pay', { to: 'a', cents: 5 });
      const replay = resultOf(await call('pay', { to: 'a', cents: 5 }));
      expect(replay.result).toMatchObject({ content: [] });
      expect(upstream.effects).toHaveLength(1);
    },
  );

  test('stores and replays an error, because it may be a time-out', async () => {
    const upstream = bank();
    upstream.answer = () => ({ isError: true, content: [{ type: 'text', text: 'gateway time-out' }] });
    const { call } = serve(pay, upstream);
    await call('pay', { to: 'a', cents: 5 });
    expect(resultOf(await call('pay', { to: 'a', cents: 5 }))).toMatchObject({
      replayed: true,
      result: { isError: true },
    });
    expect(upstream.effects).toHaveLength(1);
  });

  test('treats an error as a definite failure where the configuration says so', async () => {
    const upstream = bank();
    upstream.answer = () => ({ isError: true, content: [{ type: 'text', text: 'no such account' }] });
    const { call } = serve(pay, upstream, { errorsFail: true });
    const refused = refusalOf(await call('pay', { to: 'a', cents: 5 }));
    expect(refused.code).toBe('operation_failed');
    expect(refused.message).toMatch(/no such account\. It had no effect/);
    await call('pay', { to: 'a', cents: 5 });
    expect(upstream.calls).toHaveLength(2);
  });
});

describe('arguments', () => {
  test('that no form fits the schema go to the server as they came, and its refusal runs again', async () => {
    const upstream = bank();
    const { answer } = upstream;
    const refused = { isError: true, content: [{ type: 'text', text: 'Invalid arguments: cents must be above 0' }] };
    upstream.answer = () => refused;
    const { call } = serve(pay, upstream, { errorsFail: true });
    for (let count = 0; count < 2; count += 1) await call('pay', { to: ['a'], cents: 0 });
    expect(upstream.calls).toHaveLength(2);
    upstream.answer = answer;
    for (let count = 0; count < 2; count += 1) await call('pay', { to: ['a'], cents: 0 });
    expect(upstream.calls.map((each) => each.arguments)).toEqual(Array(3).fill({ to: ['a'], cents: 0 }));
  });

  test('may hold a file, and its repeat is recognised', async () => {
    const upstream = bank();
    const { call } = serve(pay, upstream);
    const file = Buffer.alloc(3_000_000, 'a page of text, and ').toString();
    for (const last of ['a', 'a', 'b']) resultOf(await call('pay', { to: 'a', cents: 5, file: file + last }));
    expect(upstream.effects).toHaveLength(2);
  });

  test('are sent unchanged: with additional ones, without defaults and coercion', async () => {
    const upstream = bank();
    const listed = {
      ...pay,
      inputSchema: { type: 'object', properties: { ...properties, currency: { default: 'EUR' } } },
    };
    const { call } = serve(listed, upstream);
    await call('pay', { to: 'a', cents: 5, further: { x: null } });
    expect(upstream.effects).toEqual([{ to: 'a', cents: 5, further: { x: null } }]);
    // An explicit default value means the same operation.
    await call('pay', { to: 'a', cents: 5, further: { x: null }, currency: 'EUR' });
    expect(upstream.effects).toHaveLength(1);
  });

  test('are sent as they came, also undeclared, and replayed in another form', async () => {
    const closed = { ...pay, inputSchema: { ...pay.inputSchema, additionalProperties: false } };
    const upstream = bank();
    const { call } = serve(closed, upstream, { ignore: ['/note'] });
    await call('pay', { to: 'Ada@X.com', cents: '5', note: 'a', urgent: true, request_id: 'r-1' });
    await call('pay', { to: 'ada@x.com ', cents: 5, note: 'b', urgent: true, request_id: 'r-2' });
    expect(upstream.effects).toEqual([{ to: 'Ada@X.com', cents: '5', note: 'a', urgent: true, request_id: 'r-1' }]);
    await call('pay', { to: 'ada@x.com', cents: 5, urgent: false });
    expect(upstream.effects).toHaveLength(2);
  });

  test('are sent even if the schema forbids additional ones, except the repeat token', async () => {
    const upstream = bank();
    const closed = { ...pay, inputSchema: { ...pay.inputSchema, additionalProperties: false } };
    const { call } = serve(closed, upstream);
    await call('pay', { to: 'a', cents: 5, x: 1 });
    await call('pay', { to: 'a', cents: 5 });
    const { repeatToken } = resultOf(await call('pay', { to: 'a', cents: 5 }));
    await call('pay', { to: 'a', cents: 5, repeat_token: repeatToken });
    expect(upstream.effects).toEqual([
      { to: 'a', cents: 5, x: 1 },
      { to: 'a', cents: 5 },
      { to: 'a', cents: 5 },
    ]);
  });

  test.each([
    [
      'http://json-schema.org/draft-07/schema#',
      { definitions: { t: { type: 'string' } }, properties: { to: { $ref: '#/definitions/t' } } },
    ],
    [
      'https://json-schema.org/draft/2019-09/schema',
      { $defs: { t: { type: 'string' } }, properties: { to: { $ref: '#/$defs/t' } } },
    ],
    [
      'https://json-schema.org/draft/2020-12/schema',
      { properties: { to: { prefixItems: [{ type: 'string' }], type: 'array' } } },
    ],
    [undefined, z.toJSONSchema(z.object({ to: z.string().regex(/^[\w-.]+$/) }))],
  ])('are compared by a schema in the dialect %s', async ($schema, schema) => {
    const upstream = bank();
    const { call, warnings } = serve({ name: 'pay', inputSchema: { $schema, type: 'object', ...schema } }, upstream);
    for (const to of [5, 5, 6]) resultOf(await call('pay', { to }));
    expect(upstream.effects).toEqual([{ to: 5 }, { to: 6 }]);
    expect(warnings).toEqual([]);
  });

  test.each([
    { type: 'object', properties: { to: { $ref: '#/nowhere' } } },
    { type: 'object', properties: { to: { type: 'nonsense' } } },
    { type: 'object', properties: { to: 7 } },
    { type: 'object', properties: 5 },
    { type: 'object', required: 'to' },
    { type: 'object', properties: { to: { pattern: '(' } } },
    { type: 'object', $ref: '#' },
  ])('are not validated by the invalid schema %j, which gets one warning', async (inputSchema) => {
    const upstream = bank();
    const { call, warnings } = serve({ name: 'pay', inputSchema }, upstream);
    for (let count = 0; count < 2; count += 1) resultOf(await call('pay', { to: 'a' }));
    expect(upstream.effects).toEqual([{ to: 'a' }]);
    expect(warnings.length).toBeLessThanOrEqual(1);
  });

  test('are validated by the own schema of each tool if two have the same $id', async () => {
    const upstream = bank();
    const schema = (type: string) => ({ $id: 'https://x/y', type: 'object', properties: { to: { type } } });
    const one = serve({ name: 'pay', inputSchema: schema('string') }, upstream);
    const other = serve({ name: 'pay', inputSchema: schema('number') }, upstream);
    resultOf(await one.call('pay', { to: 'a' }));
    resultOf(await other.call('pay', { to: 1 }));
    expect([one.warnings, other.warnings]).toEqual([[], []]);
  });
});

describe('arguments in another form than the schema has', () => {
  const properties = {
    id: { type: 'string' },
    cents: { type: 'integer' },
    tags: { type: 'array', items: { type: 'string' } },
    priority: { enum: ['low', 'high'] },
    options: { type: 'object', properties: { urgent: { type: 'boolean' }, idempotency_key: { type: 'string' } } },
  };
  const listedAs = (name: string): McpTool => ({ name, inputSchema: { type: 'object', properties } });
  const { idempotency_key: _key, ...keyless } = properties.options.properties;
  const plain = (name: string): McpTool => ({
    name,
    inputSchema: { type: 'object', properties: { ...properties, options: { type: 'object', properties: keyless } } },
  });
  /** A tool without an amount of money among its arguments. */
  const sized = (name: string): McpTool => {
    const { cents: size, ...others } = properties;
    const options = { type: 'object', properties: keyless };
    return { name, inputSchema: { type: 'object', properties: { ...others, options, size } } };
  };
  const raw = { id: 'a', cents: '5', tags: '["x"]', priority: 'HIGH', options: '{"urgent":"true"}' };
  const form = { id: 'a', cents: 5, tags: ['x'], priority: 'high', options: { urgent: true } };

  test('reach the server unchanged and are one operation with the other form, also at once', async () => {
    const upstream = bank();
    const { call } = serve(plain('pay'), upstream);
    const answers = await Promise.all([call('pay', raw), call('pay', form), call('pay', { ...raw, cents: 5 })]);
    expect(answers.filter((each) => !resultOf(each).replayed)).toHaveLength(1);
    expect(upstream.effects).toEqual([raw]);
  });

  test('are corrected after a refusal: the other form then runs', async () => {
    const upstream = bank();
    const { answer } = upstream;
    upstream.answer = () => ({
      isError: true,
      content: [{ type: 'text', text: 'Invalid arguments: cents: expected number' }],
    });
    const { call } = serve(plain('pay'), upstream, { errorsFail: true });
    expect(refusalOf(await call('pay', raw)).code).toBe('operation_failed');
    upstream.answer = answer;
    expect(resultOf(await call('pay', form)).replayed).toBe(false);
    expect(upstream.calls.map((each) => each.arguments)).toEqual([raw, form]);
  });

  test('are not sent again in the other form after an error that leaves doubt, unless a token says so', async () => {
    const upstream = bank();
    upstream.answer = () => ({ isError: true, content: [{ type: 'text', text: 'args.tags.map is not a function' }] });
    const { call } = serve(plain('pay'), upstream);
    await call('pay', raw);
    const { repeatToken, replayed } = resultOf(await call('pay', form));
    expect(replayed).toBe(true);
    expect(upstream.effects).toEqual([raw]);
    await call('pay', { ...form, repeat_token: repeatToken });
    expect(upstream.effects).toEqual([raw, form]);
  });

  test('name the same resource and the same identity', async () => {
    for (const [name, annotations] of [
      ['pay', {}],
      ['set_price', {}],
    ] as const) {
      const upstream = bank();
      const { call } = serve({ ...plain(name), annotations }, upstream, { identity: ['/cents'] });
      await call(name, { id: 'a', cents: '5' });
      expect(resultOf(await call(name, { id: 'a', cents: 5 })).replayed).toBe(true);
      expect(upstream.effects).toHaveLength(1);
    }
  });

  test('clear a value with null, which is another write than leaving it out', async () => {
    const upstream = bank();
    const { call } = serve(plain('update_issue'), upstream);
    await call('update_issue', { id: 'a', cents: 5 });
    await call('update_issue', { id: 'a', cents: 5, priority: null });
    await call('update_issue', { id: 'a', cents: 5, priority: null });
    expect(upstream.effects).toEqual([
      { id: 'a', cents: 5 },
      { id: 'a', cents: 5, priority: null },
    ]);
    // Control: for a tool that makes something, null says nothing, and the server gets it.
    const shop = bank();
    const made = serve(plain('create_issue'), shop);
    await made.call('create_issue', { id: 'a', priority: null, options: { urgent: null } });
    await made.call('create_issue', { id: 'a', options: {} });
    expect(shop.effects).toEqual([{ id: 'a', priority: null, options: { urgent: null } }]);
  });

  test('get the key: an object that came as text stays text, and the rest is sent as it came', async () => {
    const upstream = bank();
    const { call } = serve(listedAs('pay'), upstream);
    const sent = resultOf(await call('pay', { ...raw, priority: 'LOW', cents: [5] }));
    expect(sent.replayed).toBe(false);
    const { options, ...others } = upstream.calls[0]?.arguments ?? {};
    expect(others).toEqual({ id: 'a', cents: [5], tags: '["x"]', priority: 'LOW' });
    expect(options).toMatch(/^\{"idempotency_key":"[0-9a-f-]{36}",/);
    expect(JSON.parse(String(options))).toEqual({ ...JSON.parse(raw.options), idempotency_key: expect.any(String) });
    await call('pay', { ...raw, options: null });
    expect(upstream.calls[1]?.arguments).toEqual({
      ...raw,
      options: { idempotency_key: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    });
  });

  test.each([
    ['{ }', '{"idempotency_key":"KEY" }'],
    [' {"urgent" : 1.0}', ' {"idempotency_key":"KEY","urgent" : 1.0}'],
    ['{"idempotency_key":"mine","urgent":1.0}', '{"idempotency_key":"KEY","urgent":1.0}'],
    ['{"urgent": 1.0, "idempotency_key":"mine"}', '{"urgent":1.0,"idempotency_key":"KEY"}'],
    ['{"idempotency_key":"a","idempotency_key":"a"}', '{"idempotency_key":"KEY"}'],
    ['{"urgent":"a\ufdd01, \ufdd0"}', '{"idempotency_key":"KEY","urgent":"a\ufdd01, \ufdd0"}'],
  ])('get the key in the text %s', async (text, sent) => {
    const upstream = bank();
    const { call } = serve(listedAs('pay'), upstream);
    await call('pay', { ...raw, options: text });
    const options = String(upstream.calls[0]?.arguments.options);
    expect(options.replace(/(?<="idempotency_key":")[0-9a-f-]{36}/, 'KEY')).toBe(sent);
  });

  test('are sent again unchanged and with the same key after a lost answer, whichever form asks', async () => {
    const upstream = bank();
    upstream.lose = 2;
    const flat = {
      ...plain('pay'),
      inputSchema: { type: 'object', properties: { ...properties, options: {}, idempotency_key: { type: 'string' } } },
    };
    const { call } = serve(flat as McpTool, upstream);
    await call('pay', { cents: '5', id: null });
    const answer = await call('pay', { cents: 5 });
    expect(answer.type).toBe('result');
    const [first, ...others] = upstream.calls.map((each) => each.arguments);
    expect(first).toEqual({ cents: '5', id: null, idempotency_key: expect.any(String) });
    expect(others.length).toBeGreaterThan(0);
    for (const each of others) expect(each).toEqual(first);
    expect(upstream.effects).toHaveLength(1);
  });

  test('have the same identity although the schema wants another argument', async () => {
    const upstream = bank();
    const types = { id: { type: 'integer' }, cents: { type: 'integer' }, currency: { type: 'string' } };
    const inputSchema = { type: 'object', properties: types, required: ['currency'] };
    const { call } = serve({ name: 'create_payment', inputSchema }, upstream, { identity: ['/id'] });
    await call('create_payment', { id: '5', cents: 1 });
    expect(resultOf(await call('create_payment', { id: 5, cents: 1 })).replayed).toBe(true);
    expect(upstream.effects).toEqual([{ id: '5', cents: 1 }]);
    await call('create_payment', { id: 6, cents: 1 });
    expect(upstream.effects).toHaveLength(2);
  });

  test('are one change with a null in JSON text, which is another change than none', async () => {
    const upstream = bank();
    const inner = { type: 'object', properties: { note: { type: 'string' }, q: { type: 'integer' } } };
    const inputSchema = { type: 'object', properties: { id: { type: 'integer' }, in: inner } };
    const { call } = serve({ name: 'update_item', inputSchema }, upstream);
    await call('update_item', { id: 1, in: { q: 1 } });
    await call('update_item', { id: 1, in: '{"q":1,"note":null}' });
    expect(upstream.effects).toHaveLength(2);
    expect(resultOf(await call('update_item', { id: 1, in: { q: 1, note: null } })).replayed).toBe(true);
    expect(upstream.effects).toHaveLength(2);
  });

  test.each([
    ...['issue_write', 'assign_issue', 'move_page', 'manage_task', 'write_settings', 'apply_config', 'rename_file'],
    ...['create_or_update_contact', 'book_update', 'post_update', 'transition_issue', 'link_account', 'frobnicate'],
  ])('are another call of %s with a null or an empty list, which may clear a value', async (name) => {
    const upstream = bank();
    const { call } = serve(sized(name), upstream);
    for (const args of [{ id: 'a' }, { id: 'a', size: null }, { id: 'a', tags: [] }]) await call(name, args);
    expect(upstream.effects).toHaveLength(3);
  });

  test.each([
    ['create_change_request', {}],
    ['create_status_update', {}],
    ['process_payment', {}],
    ['frobnicate', { class: 'create' }],
  ] as const)('are the same call of %s with a null, since it makes something or moves money', async (name, rule) => {
    const upstream = bank();
    const { call } = serve(plain(name), upstream, rule);
    for (const args of [{ id: 'a' }, { id: 'a', cents: null }]) await call(name, args);
    expect(upstream.effects).toHaveLength(1);
  });

  test.each([
    ['schedule_post', 'post_id', 2],
    ['book_appointment', 'appointmentId', 2],
    ['schedule_post', 'author_id', 1],
    ['create_post', 'post_id', 1],
  ])('of %s with a required %s and a null are %i calls with those without', async (name, id, count) => {
    const upstream = bank();
    const inputSchema = { type: 'object', properties: { [id]: {}, at: { type: 'string' } }, required: [id] };
    const { call } = serve({ name, inputSchema }, upstream);
    for (const args of [{ [id]: 'a' }, { [id]: 'a', at: null }]) await call(name, args);
    expect(upstream.effects).toHaveLength(count);
  });

  test('count with a null although a rule says that a tool which changes things makes something', async () => {
    const upstream = bank();
    const { call } = serve(sized('create_or_update_contact'), upstream, { class: 'create' });
    for (const args of [{ id: 'a' }, { id: 'a', size: null }]) await call('create_or_update_contact', args);
    expect(upstream.effects).toHaveLength(2);
  });

  test.each([
    ['refuse', 0],
    ['drop', 1],
    ['pass', 1],
  ] as const)('with the rule "%s" for undeclared ones', async (undeclared, count) => {
    const upstream = bank();
    const closed = { ...pay, inputSchema: { ...pay.inputSchema, additionalProperties: false } };
    const { call } = serve(closed, upstream, { undeclared });
    const answer = await call('pay', { to: 'a', cents: '5', x: 1 });
    expect(upstream.effects).toHaveLength(count);
    if (undeclared === 'refuse') expect(refusalOf(answer).code).toBe('invalid_input');
    else expect(Object.hasOwn(upstream.effects[0] ?? {}, 'x')).toBe(undeclared === 'pass');
  });
});

describe('a server that takes an idempotency key', () => {
  test('gets a key that the model does not see, also when a call is sent again', async () => {
    const upstream = bank();
    upstream.lose = 1;
    const { call, tool } = serve(withField('idempotency_key'), upstream);
    expect(schemaForModel(tool.input.jsonSchema).properties).toEqual(properties);
    expect(tool.input.jsonSchema.required).toEqual(['to', 'cents']);
    const answer = resultOf(await call('pay', { to: 'a', cents: 5 }));
    expect(answer.recovered).toBe('resend');
    expect(upstream.calls).toHaveLength(2);
    expect(upstream.effects).toHaveLength(1);
    expect(upstream.effects[0]?.idempotency_key).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('ignores a key that the model invented', async () => {
    const upstream = bank();
    const { call } = serve(withField('idempotency_key'), upstream);
    await call('pay', { to: 'a', cents: 5, idempotency_key: 'one' });
    expect(resultOf(await call('pay', { to: 'a', cents: 5, idempotency_key: 'two' })).replayed).toBe(true);
    expect(upstream.effects).toHaveLength(1);
    expect(upstream.effects[0]?.idempotency_key).not.toBe('one');
  });
});

describe('identity', () => {
  const rule = { identity: ['/to', '$.cents'] };

  test('reports a reworded note as a conflict, without a second payment', async () => {
    const upstream = bank();
    const { call } = serve(pay, upstream, rule);
    await call('pay', { to: 'a', cents: 5, note: 'rent' });
    expect(refusalOf(await call('pay', { to: 'a', cents: 5, note: 'the rent' })).fields).toEqual(['note']);
    expect(upstream.effects).toHaveLength(1);
  });

  test('uses all arguments where no path matches', async () => {
    const upstream = bank();
    const { call } = serve(pay, upstream, { identity: ['/order'] });
    await call('pay', { to: 'a', cents: 5 });
    await call('pay', { to: 'b', cents: 5 });
    expect(upstream.effects).toHaveLength(2);
  });
});

describe('a tool that its server calls idempotent', () => {
  const sets: McpTool = { ...pay, name: 'set_label', annotations: { idempotentHint: true } };

  test('runs again after a lost response, and replays a repeat', async () => {
    const upstream = bank();
    upstream.lose = 1;
    const { call } = serve(sets, upstream, {}, 'all');
    expect(resultOf(await call('set_label', { to: 'a', cents: 1 })).recovered).toBe('natural');
    expect(resultOf(await call('set_label', { to: 'a', cents: 1 })).replayed).toBe(true);
    expect(upstream.calls).toHaveLength(2);
  });

  test('accepts the next call after an unknown outcome', async () => {
    const upstream = bank();
    upstream.lose = 2;
    const { call } = serve(sets, upstream, {}, 'all');
    expect(refusalOf(await call('set_label', { to: 'a', cents: 1 })).code).toBe('outcome_unknown');
    expect(resultOf(await call('set_label', { to: 'b', cents: 1 })).replayed).toBe(false);
    resultOf(await call('set_label', { to: 'a', cents: 1 }));
  });
});

describe('a lookup', () => {
  const lookup = {
    tool: 'list_payments',
    arguments: { to: '$to', state: 'any' },
    items: '/items',
    marker: { argument: 'ref', field: '/ref' },
  };
  const listed = withField('ref');

  async function lost(change: (upstream: Bank) => void, tool: McpTool = listed) {
    const upstream = bank();
    upstream.lose = 1;
    upstream.answer = ({ purpose }) => {
      return purpose === 'lookup'
        ? { content: [{ type: 'text', text: JSON.stringify({ items: upstream.effects }) }] }
        : {};
    };
    change(upstream);
    const { call, tool: made } = serve(tool, upstream, { lookup });
    return { upstream, made, answer: await call('pay', { to: 'a', cents: 5 }) };
  }

  test('finds the effect by the marker that the model does not see', async () => {
    const { upstream, made, answer } = await lost(() => undefined);
    expect(schemaForModel(made.input.jsonSchema).properties).toEqual(properties);
    expect(upstream.effects[0]?.ref).toMatch(/^mcp_once_[0-9a-f]{32}$/);
    expect(upstream.calls[1]).toMatchObject({ name: 'list_payments', arguments: { to: 'a', state: 'any' } });
    expect(resultOf(answer)).toMatchObject({ recovered: 'reconcile' });
    expect(JSON.stringify(resultOf(answer).result)).toContain('mcp_once_');
    expect(upstream.effects).toHaveLength(1);
  });

  test.each([
    ['text', (cents: unknown) => cents],
    ['numbers', Number],
  ])('finds the effect at a server that keeps %s and compares exactly', async (_what, keep) => {
    const upstream = bank();
    upstream.lose = 1;
    upstream.answer = ({ arguments: { cents } }) => {
      const items = upstream.effects.filter((each) => keep(each.cents) === cents);
      return { content: [{ type: 'text', text: JSON.stringify({ items }) }] };
    };
    const byCents = { ...lookup, arguments: { cents: '$cents' } };
    const { call } = serve(listed, upstream, { lookup: byCents });
    expect(resultOf(await call('pay', { to: 'a', cents: '5' })).recovered).toBe('reconcile');
    expect(upstream.effects).toHaveLength(1);
  });

  test('leaves the outcome unknown after an error or a response without a list', async () => {
    for (const answer of [{ isError: true, content: [] }, { content: [{ type: 'text', text: 'none' }] }, null]) {
      const told = await lost((upstream) => {
        upstream.answer = () => answer;
      });
      expect(refusalOf(told.answer).code).toBe('outcome_unknown');
      expect(told.upstream.effects).toHaveLength(1);
    }
  });

  test('reports an effect whose item does not match the output schema', async () => {
    const strict = {
      ...listed,
      outputSchema: { type: 'object', required: ['id'], properties: { id: { type: 'string' } } },
    };
    const { upstream, answer } = await lost(() => undefined, strict);
    expect(refusalOf(answer).code).toBe('result_not_kept');
    expect(upstream.effects).toHaveLength(1);
  });
});
