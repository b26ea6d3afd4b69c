import { Ajv } from 'ajv';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  type ArgumentOptions,
  comparable,
  formOf,
  type InputSchema,
  prepareArguments,
  type ValidArguments,
} from '../../../src/core/key/arguments.ts';
import { fingerprintOf } from '../../../src/core/key/canonical-json.ts';

type Schema = Record<string, unknown>;
const text = { type: 'string' };
const texts = { type: 'array', items: text };
const object = (properties: Schema, more: Schema = {}): Schema => ({ type: 'object', properties, ...more });
const open = { type: 'object' };

describe('arguments with the same meaning', () => {
  it.each<[string, Schema, unknown, unknown]>([
    ['outer white space', object({ memo: text }), { memo: ' Hi \n' }, { memo: 'Hi' }],
    ['line ends', object({ memo: text }), { memo: 'a\r\nb\rc' }, { memo: 'a\nb\nc' }],
    ['Unicode forms', object({ memo: text }), { memo: 'cafe\u0301 ' }, { memo: 'caf\u00e9' }],
    [
      'offsets',
      object({ x: { format: 'date-time' } }),
      at('x', '2026-12-01T10:00:00+01:00'),
      at('x', '2026-12-01T09:00:00Z'),
    ],
    [
      'fractions of zero',
      object({ x: { format: 'date-time' } }),
      at('x', '2026-12-01T09:00:00.000Z'),
      at('x', '2026-12-01t09:00:00z'),
    ],
    ['missing seconds', object({ start: text }), at('start', '2026-12-01T09:00'), at('start', '2026-12-01 09:00:00')],
    [
      'offsets by name',
      object({ dueAt: text }),
      at('dueAt', '2026-11-30T23:30:00-01:00'),
      at('dueAt', '2026-12-01T00:30:00Z'),
    ],
    [
      'offsets in untyped objects',
      open,
      { event: { start: '2026-12-01T10:00:00+0100' } },
      { event: { start: '2026-12-01T09:00:00Z' } },
    ],
    ['days', object({ due_date: text }), at('due_date', '2026/12/1'), at('due_date', '2026-12-01')],
    [
      'e-mail case',
      object({ x: { ...text, format: 'email' } }),
      at('x', 'Ada@Example.COM'),
      at('x', 'ada@example.com'),
    ],
    ['e-mail case by name', open, { customer_email: 'Ada@X.com' }, { customer_email: 'ada@x.com' }],
    ['e-mail with a name', open, { to: 'Ada  <ADA@x.com>' }, { to: 'Ada <ada@x.com>' }],
    ['e-mail with and without a name', open, { to: 'Bo <bo@x.com>' }, { to: 'bo@x.com' }],
    [
      'e-mail with another name',
      open,
      { cc: ['Ada <a@x.com>', 'b@x.com'] },
      { cc: ['B <b@x.com>', '"Lee, Ann" <a@x.com>'] },
    ],
    ['a list of addresses in a text', object({ to: text }), { to: 'b@x.com, A@x.com' }, { to: 'a@x.com;b@x.com' }],
    ['one recipient', object({ to: { anyOf: [text, texts] } }), { to: 'a@x.com' }, { to: ['A@x.com'] }],
    [
      'recipients in a text',
      object({ to: { type: ['string', 'array'] } }),
      { to: 'b@x.com,a@x.com' },
      { to: ['a@x.com', 'b@x.com'] },
    ],
    ['a phone number', object({ phone: text }), { phone: '+49 (0) 30 / 123-4567' }, { phone: '+49301234567' }],
    [
      'a foreign phone number',
      object({ mobile_number: text }),
      at('mobile_number', '0049 30 1234567'),
      at('mobile_number', '+49301234567'),
    ],
    ['a phone number as recipient', open, { to: '+1 555-010-9999' }, { to: '+15550109999' }],
    ['digits of full width', object({ phone: text }), { phone: '＋４９ ３０ １２３４' }, { phone: '+49301234' }],
    [
      'a day and its midnight',
      object({ x: { format: 'date' } }),
      at('x', '2026-12-01'),
      at('x', '2026-12-01T00:00:00Z'),
    ],
    ['a birthday and its midnight', open, { birth_date: '1990-02-01' }, { birth_date: '1990-02-01T00:00:00.000Z' }],
    ['a day in words', object({ due_date: text }), at('due_date', 'December 1st, 2026'), at('due_date', '2026-12-01')],
    ['a day before its month', object({ due_date: text }), at('due_date', '1 Dec 2026'), at('due_date', '01.12.2026')],
    ['no-break and invisible spaces', object({ name: text }), { name: 'Ann\u00a0Lee\u200b' }, { name: 'Ann Lee' }],
    ['currency', object({ currency: text }), { currency: 'usd' }, { currency: 'USD' }],
    [
      'country',
      object({ address: object({ country_code: text }) }),
      { address: { country_code: 'de' } },
      { address: { country_code: 'DE' } },
    ],
    [
      'UUID',
      object({ order_id: text }),
      { order_id: 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11' },
      { order_id: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11' },
    ],
    [
      'hexadecimal digits',
      object({ x: { ...text, pattern: '^[0-9a-fA-F]{40}$' } }),
      at('x', 'AB'.repeat(20)),
      at('x', 'ab'.repeat(20)),
    ],
    ['colours', object({ color: text }), { color: '#FFAA00' }, { color: '#ffaa00' }],
    [
      'hosts',
      object({ x: { ...text, format: 'uri' } }),
      at('x', 'HTTPS://API.Example.com:443'),
      at('x', 'https://api.example.com/'),
    ],
    [
      'hosts by name',
      object({ webhookUrl: text }),
      at('webhookUrl', 'http://X.com:80/A?b'),
      at('webhookUrl', 'http://x.com/A?b'),
    ],
    ['sets', object({ x: { type: 'array', uniqueItems: true } }), at('x', [3, 1, 'a']), at('x', ['a', 1, 3])],
    ['sets by name', object({ labels: texts }), { labels: ['bug', 'ui', 'bug'] }, { labels: ['ui', 'bug '] }],
    ['ids of a set', open, { label_ids: ['2', '1'] }, { label_ids: ['1', '2'] }],
    ['a folded default', object({ currency: { ...text, default: 'usd' } }), { currency: ' USD' }, {}],
    ['numbers in texts', object({ n: { type: 'integer' } }), { n: '1' }, { n: 1.0 }],
    ['booleans in texts', object({ b: { type: 'boolean' } }), { b: 'true' }, { b: true }],
    ['Python booleans in texts', object({ b: { type: 'boolean' } }), { b: 'False' }, { b: false }],
    ['lists in texts', object({ labels: texts }), { labels: '["b","a"]' }, { labels: ['a', 'b'] }],
    [
      'objects in texts',
      object({ to: object({ email: text }) }),
      { to: '{"email":"A@x.y"}' },
      { to: { email: 'a@x.y' } },
    ],
    [
      'objects in texts in unions',
      object({ x: { anyOf: [object({ n: { type: 'number' } }), { type: 'null' }] } }),
      at('x', '{"n":"2"}'),
      at('x', { n: 2 }),
    ],
    [
      'lists in texts beside listed texts',
      object({ x: { oneOf: [{ enum: ['all'] }, texts] } }),
      at('x', '["a"]'),
      at('x', ['a']),
    ],
    ['case of listed texts', object({ currency: { enum: ['USD', 'EUR'] } }), { currency: 'usd' }, { currency: 'USD' }],
    [
      'null for an optional property in an open union',
      {
        anyOf: [object({ a: text, b: text }), object({ c: text })],
        additionalProperties: true,
        properties: { a: text },
      },
      { a: null },
      {},
    ],
  ])('has the same hash: %s', (_what, jsonSchema, a, b) => {
    expect(hashOf(a, withAjv(jsonSchema))).toBe(hashOf(b, withAjv(jsonSchema)));
  });

  it('is found in every spelling of one invitation', () => {
    const spelled = fc.record({
      title: fc.constantFrom('Review', ' Review', 'Review\r\n'),
      start: fc.constantFrom('2026-12-01T10:00:00+01:00', '2026-12-01T09:00Z', '2026-12-01T09:00:00.0Z'),
      attendees: fc.shuffledSubarray(['a@x.com', 'B@X.com', 'c@x.com'], { minLength: 3 }),
      minutes: fc.constantFrom(30, '30', '3e1'),
      url: fc.constantFrom('https://Meet.x.com/Abc', 'https://meet.x.com:443/Abc'),
      meta: fc.option(fc.record({ 'idempotency-key': fc.uuid() }), { nil: undefined }),
      request_id: fc.uuid(),
    });
    const jsonSchema = object(
      { title: text, start: text, attendees: texts, minutes: { type: 'integer' }, url: { format: 'uri' } },
      { required: ['title', 'start'] },
    );
    const schema = withAjv(jsonSchema);
    const hashes = new Set<string>();
    fc.assert(
      fc.property(spelled, (raw) => {
        hashes.add(hashOf(JSON.parse(JSON.stringify(raw)), schema));
        expect(hashes.size).toBe(1);
      }),
    );
  });
});

describe('arguments with different meanings', () => {
  it.each<[string, Schema, unknown, unknown]>([
    ['case of a text', object({ title: text }), { title: 'Polish' }, { title: 'polish' }],
    ['inner white space', object({ memo: text }), { memo: 'a  b' }, { memo: 'a b' }],
    ['outer white space in code', object({ code: text }), { code: '  x' }, { code: 'x' }],
    ['line ends of code', object({ old_string: text }), { old_string: 'a\r\nb' }, { old_string: 'a\nb' }],
    [
      'the last line end of a file',
      object({ path: text, content: text }),
      { path: 'a', content: 'x\n' },
      { path: 'a', content: 'x' },
    ],
    ['a separator', object({ separator: text }), { separator: ', ' }, { separator: ',' }],
    ['a blank text and an empty one', object({ memo: text }), { memo: ' ' }, { memo: '' }],
    ['an empty text and an absent one', object({ memo: text }), { memo: '' }, {}],
    ['an empty list and an absent one', object({ labels: texts }), { labels: [] }, {}],
    ['the order of a list', object({ lines: texts }), { lines: ['a', 'b'] }, { lines: ['b', 'a'] }],
    [
      'the order of a ranking',
      object({ ranking: { ...texts, uniqueItems: true } }),
      { ranking: ['a', 'b'] },
      { ranking: ['b', 'a'] },
    ],
    [
      'a described order',
      object({ x: { ...texts, uniqueItems: true, description: 'Songs, in order' } }),
      at('x', ['a', 'b']),
      at('x', ['b', 'a']),
    ],
    ['labels of a chart', open, { labels: ['a', 'b'], values: [1, 2] }, { labels: ['b', 'a'], values: [1, 2] }],
    ['coordinates', open, { to: [3, 1] }, { to: [1, 3] }],
    [
      'the order of a tuple',
      object({ x: { prefixItems: [text, text], uniqueItems: true } }),
      at('x', ['a', 'b']),
      at('x', ['b', 'a']),
    ],
    ['a doubled item of a list', object({ lines: texts }), { lines: ['a', 'a'] }, { lines: ['a'] }],
    [
      'another instant',
      object({ start: text }),
      at('start', '2026-12-01T10:00:00+01:00'),
      at('start', '2026-12-01T10:00:00Z'),
    ],
    [
      'a fraction',
      object({ start: text }),
      at('start', '2026-12-01T10:00:00.001Z'),
      at('start', '2026-12-01T10:00:00Z'),
    ],
    [
      'a small fraction',
      object({ start: text }),
      at('start', '2026-12-01T10:00:00.0000001Z'),
      at('start', '2026-12-01T10:00:00Z'),
    ],
    [
      'a local time and an instant',
      object({ start: text }),
      at('start', '2026-12-01T10:00:00'),
      at('start', '2026-12-01T10:00:00Z'),
    ],
    ['a day and an instant', object({ date: text }), at('date', '2026-12-01'), at('date', '2026-12-01T00:00:00Z')],
    [
      'a time in a text',
      object({ title: text }),
      { title: '2026-12-01T10:00:00+01:00' },
      { title: '2026-12-01T09:00:00Z' },
    ],
    ['a day that does not exist', object({ date: text }), at('date', '2026/02/30'), at('date', '2026-02-30')],
    ['the path of a URL', object({ url: text }), at('url', 'https://x.com/A'), at('url', 'https://x.com/a')],
    ['the last slash of a path', object({ url: text }), at('url', 'https://x.com/a'), at('url', 'https://x.com/a/')],
    ['another port', object({ url: text }), at('url', 'https://x.com:80/'), at('url', 'https://x.com/')],
    ['the user of a URL', object({ url: text }), at('url', 'https://A@x.com/'), at('url', 'https://a@x.com/')],
    [
      'a number and its text, where both are accepted',
      object({ x: { type: ['string', 'number'] } }),
      at('x', '1'),
      at('x', 1),
    ],
    ['a text of digits', object({ code: text }), { code: '01' }, { code: '1' }],
    ['a number in untyped arguments', open, { n: '1' }, { n: 1 }],
    ['null where it is accepted', object({ due: { type: ['string', 'null'] } }), { due: null }, {}],
    ['one item and a list of another name', object({ x: { anyOf: [text, texts] } }), at('x', 'a'), at('x', ['a'])],
    ['case of an id that is no UUID', object({ id: text }), { id: 'cus_A' }, { id: 'cus_a' }],
    ['a key to press', object({ key: text }), { key: 'A' }, { key: 'a' }],
    ['an extension', object({ phone: text }), { phone: '+49301234567 x12' }, { phone: '+49301234567' }],
    ['digits as recipient', open, { to: '12345 678' }, { to: '12345678' }],
    ['a day with slashes', object({ due_date: text }), at('due_date', '1/12/2026'), at('due_date', '2026-12-01')],
    [
      'a written day that does not exist',
      object({ due_date: text }),
      at('due_date', '31.02.2026'),
      at('due_date', '2026-03-03'),
    ],
    ['a joiner', object({ name: text }), { name: 'a\u200db' }, { name: 'ab' }],
    ['the address after a display name', open, { to: 'Ada <a@x.com>' }, { to: 'Ada <b@x.com>' }],
  ])('has another hash: %s', (_what, jsonSchema, a, b) => {
    expect(hashOf(a, withAjv(jsonSchema))).not.toBe(hashOf(b, withAjv(jsonSchema)));
  });

  it('has the same hash without an optional empty list, where a tool makes something', () => {
    const schema = withAjv(object({ name: text, tags: texts, lines: texts }, { required: ['lines'] }));
    const hash = (tool: string, args: object) => hashOf(args, schema, { tool });
    const [bare, empty] = [
      { name: 'a', lines: ['x'] },
      { name: 'a', lines: ['x'], tags: [] },
    ];
    expect(hash('create_contact', empty)).toBe(hash('create_contact', bare));
    expect(hash('update_contact', empty)).not.toBe(hash('update_contact', bare));
    expect(hash('create_contact', { lines: [] })).not.toBe(hash('create_contact', { lines: ['x'] }));
  });

  it('has another hash when a tool types or orders', () => {
    const schema = withAjv(object({ text, tags: texts }));
    const pairs: [string, object, object][] = [
      ['terminal_send_keys', { text: 'ls\n' }, { text: 'ls' }],
      ['reorder_tags', { tags: ['a', 'b'] }, { tags: ['b', 'a'] }],
    ];
    for (const [tool, a, b] of pairs) {
      expect(hashOf(a, schema, { tool })).not.toBe(hashOf(b, schema, { tool }));
      expect(hashOf(a, schema, { tool: 'save' })).toBe(hashOf(b, schema, { tool: 'save' }));
    }
  });
});

describe('folding', () => {
  const schema = withAjv(
    object({
      labels: texts,
      start: text,
      to: { anyOf: [text, texts] },
      n: { type: 'number' },
      meta: {},
      currency: { ...text, default: 'usd' },
      deep: { type: 'array', items: object({ tags: texts, url: text }) },
    }),
  );
  const spelling = fc.record(
    {
      labels: fc.array(fc.constantFrom('a', 'b ', 'B')),
      start: fc.constantFrom('2026-12-01T10:00:00+01:00', '2026-1-2', ' x '),
      to: fc.oneof(fc.constantFrom('B@x.y', 'b@x.y, a@x.y', 'q'), fc.array(fc.constantFrom('B@x.y', 'a@x.y'))),
      n: fc.constantFrom(1, '1.50', '-0'),
      meta: fc.oneof(fc.dictionary(fc.constantFrom('nonce', 'a', 'request_id'), fc.string()), fc.jsonValue()),
      currency: fc.constantFrom('USD', 'usd', 'EUR'),
      deep: fc.array(fc.record({ tags: fc.array(fc.string()), url: fc.constantFrom('HTTP://X.com', 'http://x.com/') })),
    },
    { requiredKeys: [] },
  );

  it('changes nothing when it is done twice', () => {
    fc.assert(
      fc.property(spelling, (raw) => {
        const once = prepareArguments(raw, schema);
        fc.pre(once.ok);
        const twice = prepareArguments(once.forHash, schema);
        expect(twice).toMatchObject({ ok: true, forHash: once.forHash });
        expect(twice).not.toHaveProperty('unfolded');
      }),
    );
  });

  it('sends what came', () => {
    const raw = { labels: ['b', 'a'], start: ' 2026-12-01T10:00:00+01:00', to: 'A@x.y', meta: { nonce: 'n1', a: 1 } };
    const before = structuredClone(raw);
    const prepared = valid(raw, schema);
    expect(prepared.arguments).toEqual(before);
    expect(raw).toEqual(before);
    expect(prepared.forHash).toEqual({
      labels: ['a', 'b'],
      start: '2026-12-01T09:00:00Z',
      to: ['a@x.y'],
      meta: { a: 1 },
    });
    expect(prepared.unfolded?.()).toEqual(before);
    expect(prepared.leftOut).toEqual(['/meta/nonce']);
    expect(prepared).not.toHaveProperty('converted');
  });

  it('returns no earlier hash input when nothing differs', () => {
    expect(valid({ labels: ['a', 'b'], currency: 'usd' }, schema)).toEqual({
      ok: true,
      arguments: { labels: ['a', 'b'], currency: 'usd' },
      form: { labels: ['a', 'b'], currency: 'usd' },
      forHash: { labels: ['a', 'b'] },
      keepString: undefined,
    });
  });
});

describe('converted arguments', () => {
  it('are sent as the schema wants them, and are reported', () => {
    const jsonSchema = object({
      n: { type: 'integer' },
      on: { type: 'boolean' },
      list: { type: 'array', items: { type: 'number' } },
      note: text,
      any: {},
      both: { type: ['string', 'number'] },
    });
    const raw = { n: ' 5', on: 'true', list: '["1",2]', note: '7', any: '8', both: '9' };
    const prepared = valid(raw, withAjv(jsonSchema));
    expect(prepared.arguments).toEqual({ n: 5, on: true, list: [1, 2], note: '7', any: '8', both: '9' });
    expect(prepared.converted).toEqual(['/n', '/on', '/list/0', '/list']);
  });

  it('lose the white space around a text with a format, and only where the schema refused them', () => {
    const schema = withAjv(object({ email: { type: 'string', format: 'email', pattern: '^\\S+$' }, note: text }));
    const prepared = valid({ email: ' a@x.org', note: ' as it is ' }, schema);
    expect(prepared.arguments).toEqual({ email: 'a@x.org', note: ' as it is ' });
    expect(prepared.converted).toEqual(['/email']);
    expect(fingerprintOf(prepared.forHash)).toBe(
      fingerprintOf(valid({ email: 'a@x.org', note: 'as it is' }, schema).forHash),
    );
  });

  it.each<[string, Schema, unknown]>([
    ['a number that is not JSON', { type: 'number' }, '1,000'],
    ['a hexadecimal number', { type: 'number' }, '0x10'],
    ['an integer that is not exact', { type: 'integer' }, '9007199254740993'],
    ['a fraction for an integer', { type: 'integer' }, '1.5'],
    ['infinity', { type: 'number' }, '1e999'],
    ['no number', { type: 'number' }, ''],
    ['another type', { type: 'object' }, '[1]'],
    ['text that is not JSON', { type: 'object' }, "{'a': 1}"],
    ['a prototype', { type: 'object' }, '{"__proto__":{"a":1}}'],
    ['nesting without end', { type: 'array' }, '['.repeat(100) + ']'.repeat(100)],
    ['a number for a text', text, 5],
    ['a number for a boolean', { type: 'boolean' }, '1'],
    ['an unlisted text', { enum: ['on', 'ON'] }, 'On'],
  ])('are never made from %s', (_what, property, value) => {
    expect(prepareArguments({ x: value }, withAjv(object({ x: property })))).toMatchObject({ ok: false });
  });

  it('work with zod, in objects of objects', () => {
    const type = z.strictObject({ lines: z.array(z.strictObject({ amount: z.int(), tax: z.boolean().optional() })) });
    const prepared = valid({ lines: '[{"amount":"5","tax":null}]' }, withZod(type));
    expect(prepared.arguments).toEqual({ lines: [{ amount: 5 }] });
  });
});

describe('arguments of an upstream that judges what came', () => {
  const line = object({ n: { type: 'integer' }, note: text });
  const jsonSchema = object({
    n: { type: 'integer' },
    lines: { type: 'array', items: line },
    on: { type: 'boolean', default: true },
  });
  const judging = (tool: string): InputSchema => ({
    ...withAjv(jsonSchema, { tool, undeclared: 'pass' }),
    sent: (given) => given,
  });
  const raw = { n: '5', lines: '[{"n":"1"}]', on: null, extra: { deep: [null] } };

  it('are sent unchanged, and count in the form that the schema takes', () => {
    const schema = judging('pay');
    const prepared = valid(raw, schema);
    expect(prepared.arguments).toEqual(raw);
    expect(prepared.form).toEqual({ n: 5, lines: [{ n: 1 }], extra: { deep: [null] } });
    expect(hashOf(raw, schema)).toBe(hashOf(prepared.form, schema));
    expect(comparable(raw, schema)).toEqual(prepared.forHash);
    expect(formOf(raw, schema)).toEqual(prepared.form);
  });

  it('count with their nulls, where the tool changes something and a null may clear it', () => {
    const schema = judging('update_order');
    const kept = { n: 5, lines: [{ n: 1 }] };
    for (const cleared of [
      { ...kept, n: null },
      { n: 5, lines: [{ n: 1, note: null }] },
      { n: 5, lines: null },
    ]) {
      expect(valid(cleared, schema).arguments).toEqual(cleared);
      const without = JSON.parse(JSON.stringify(cleared, (_, value) => value ?? undefined));
      expect(hashOf(cleared, schema)).not.toBe(hashOf(without, schema));
      // Control: a tool that makes something takes null for absent.
      expect(hashOf(cleared, judging('create_order'))).toBe(hashOf(without, judging('create_order')));
    }
    // A default stands for its null.
    expect(hashOf({ ...kept, on: null }, schema)).toBe(hashOf(kept, schema));
    expect(hashOf({ ...kept, n: '5' }, schema)).toBe(hashOf(kept, schema));
  });

  it('count with the nulls inside of JSON text, as with those of the value that it stands for', () => {
    const schema = judging('update_order');
    const cleared = { n: 5, lines: [{ n: 1, note: null }] };
    const asText = { n: 5, lines: '[{"n":1,"note":null}]' };
    expect(formOf(asText, schema)).toEqual(cleared);
    expect(hashOf(asText, schema)).toBe(hashOf(cleared, schema));
    expect(hashOf(asText, schema)).not.toBe(hashOf({ n: 5, lines: '[{"n":1}]' }, schema));
    // Control: for a tool that makes something, both are absent.
    expect(formOf(asText, judging('create_order'))).toEqual({ n: 5, lines: [{ n: 1 }] });
  });

  it('have the same form whether a validator accepts, refuses or gives up on them', () => {
    const note = { type: 'string', format: 'textarea' };
    const shape = object({ n: { type: 'integer' }, in: object({ note }), mode: { enum: ['on', 'off'] } });
    const given = { n: '5', in: '{"note":" a "}', mode: 'ON', extra: '5' };
    const refusing: InputSchema['parse'] = (value) => ({
      ok: false,
      issues: [{ path: '', message: 'lacks a member' }],
      judgedLater: value as Record<string, unknown>,
    });
    const accepting: InputSchema['parse'] = (value) => ({ ok: true, value: value as Record<string, unknown> });
    for (const parse of [refusing, accepting]) {
      const schema = {
        jsonSchema: shape,
        options: { undeclared: 'pass' },
        parse,
        sent: (args: object) => args,
      } as InputSchema;
      // White space is for folding to judge, since it has a meaning for some tools.
      expect(formOf(given, schema)).toEqual({ n: 5, in: { note: ' a ' }, mode: 'on', extra: '5' });
      expect(valid(given, schema).arguments).toEqual(given);
    }
  });

  it('count with empty values if the caller says that these may clear something', () => {
    const shape = object({ n: { type: 'integer' }, tags: texts });
    const clearing = (clears: boolean, tool: string): InputSchema => ({
      ...withAjv(shape, { tool, clears, undeclared: 'pass' }),
      sent: (given) => given,
    });
    for (const empty of [
      { n: 1, tags: null },
      { n: 1, tags: [] },
    ]) {
      const schema = clearing(true, 'create_order');
      expect(hashOf(empty, schema)).not.toBe(hashOf({ n: 1 }, schema));
    }
    const other = clearing(false, 'update_order');
    expect(hashOf({ n: 1, tags: null }, other)).toBe(hashOf({ n: 1 }, other));
  });
});

describe('undeclared arguments', () => {
  const inner = object({ a: text }, { additionalProperties: false });
  const strict = object({ a: text, in: inner, list: { type: 'array', items: inner } }, { additionalProperties: false });
  const raw = { a: 'x', extra: 1, in: { a: 'y', more: { b: 2 } }, list: [{ a: 'z' }, { other: 3 }] };

  it('are refused by default', () => {
    expect(prepareArguments(raw, withAjv(strict))).toMatchObject({ ok: false });
    expect(prepareArguments(raw, withAjv(strict), { undeclared: 'refuse' })).toMatchObject({ ok: false });
  });

  it('are dropped by default where a caller makes them up for each try', () => {
    const made = { a: 'x', idempotency_key: 'k1', timestamp: 1_767_225_600, in: { request_id: 'r1' } };
    const prepared = valid(made, withAjv(strict));
    expect(prepared.arguments).toEqual({ a: 'x', in: {} });
    expect(prepared.dropped).toEqual(['/idempotency_key', '/timestamp', '/in/request_id']);
    expect(hashOf({ ...made, idempotency_key: 'k2' }, withAjv(strict))).toBe(hashOf(made, withAjv(strict)));
    expect(prepareArguments({ a: 'x', timestamp: 30 }, withAjv(strict))).toMatchObject({ ok: false });
  });

  it('are dropped and reported', () => {
    const before = structuredClone(raw);
    const prepared = valid(raw, withAjv(strict), { undeclared: 'drop' });
    expect(prepared.arguments).toEqual({ a: 'x', in: { a: 'y' }, list: [{ a: 'z' }, {}] });
    expect(prepared.dropped).toEqual(['/extra', '/in/more', '/list/1/other']);
    expect(raw).toEqual(before);
  });

  it('are passed on, and count for the hash', () => {
    const before = structuredClone(raw);
    const schema = withAjv(strict, { undeclared: 'pass' });
    const prepared = valid(raw, schema);
    expect(prepared.arguments).toEqual(before);
    expect(prepared).not.toHaveProperty('dropped');
    expect(raw).toEqual(before);
    expect(hashOf({ ...raw, extra: 2 }, schema)).not.toBe(hashOf(raw, schema));
  });

  it('are passed on beside converted ones, and beside other faults the call is still refused', () => {
    const jsonSchema = object({ n: { type: 'integer' } }, { additionalProperties: false });
    const schema = withAjv(jsonSchema, { undeclared: 'pass' });
    expect(valid({ n: '1', x: 2 }, schema).arguments).toEqual({ n: 1, x: 2 });
    expect(prepareArguments({ n: 'one', x: 2 }, schema)).toMatchObject({ ok: false });
  });

  it('are handled in bounded time when there are very many', () => {
    const many = Object.fromEntries(Array.from({ length: 30_000 }, (_, index) => [`n${index}`, index]));
    const prepared = valid({ a: 'x', ...many }, withAjv(strict, { undeclared: 'pass' }));
    expect(Object.keys(prepared.arguments)).toHaveLength(30_001);
  });
});

describe('arguments that a caller makes up for each try', () => {
  const payment = { amount: 5, currency: 'usd' };

  it.each([
    'idempotency_key',
    'idempotencyKey',
    'Idempotency-Key',
    'x-idempotency-key',
    'request_id',
    'requestId',
    'X-Request-ID',
    'request_key',
    'client_request_id',
    'clientToken',
    'nonce',
    'correlation-id',
    'traceId',
    'traceparent',
    'dedupe_key',
  ])('do not count: %s', (name) => {
    for (const schema of [withAjv(open), withAjv(object({ amount: {}, [name]: text }))]) {
      const hashes = ['k1', 'k2'].map((key) => hashOf({ ...payment, [name]: key }, schema));
      expect(new Set([...hashes, hashOf(payment, schema)]).size).toBe(1);
    }
  });

  it('do not count at any depth, also in untyped objects and lists', () => {
    const call = (key: string) => ({
      ...payment,
      meta: { 'idempotency-key': key },
      context: { trace: { trace_id: key }, app: 'x' },
      lines: [{ n: 1, request_id: key }],
      headers: { timestamp: 1_796_000_000, signature: `${key}-0123456789abcdef` },
    });
    const prepared = valid(call('k1'), withAjv(open));
    expect(prepared.forHash).toEqual({ ...payment, context: { app: 'x' }, lines: [{ n: 1 }] });
    expect(prepared.leftOut).toEqual([
      '/meta/idempotency-key',
      '/context/trace/trace_id',
      '/lines/0/request_id',
      '/headers/timestamp',
      '/headers/signature',
    ]);
    expect(prepared.arguments).toEqual(call('k1'));
    expect(prepared.unfolded?.()).toEqual(call('k1'));
  });

  const required = (...names: string[]) => ({ required: names });
  it.each<[string, Schema, object]>([
    ['it is all that is required', object({ request_id: text, fields: texts }, required('request_id')), {}],
    [
      'only a remark is required besides',
      object({ request_id: text, comment: text }, required('request_id', 'comment')),
      { comment: 'ok' },
    ],
    ['nothing else is known', open, {}],
    ['it is a choice', object({ request_id: { enum: ['r1', 'r2'] }, n: {} }), { n: 1 }],
    [
      'it names the thing to change',
      object({ idempotency_key: { ...text, description: 'Idempotency key of the payment to cancel' }, n: {} }),
      { n: 1 },
    ],
    [
      'it names an existing thing',
      object({ request_id: { ...text, description: 'An existing request' }, n: {} }),
      { n: 1 },
    ],
    [
      'it is the id of another thing',
      object({ request_id: { ...text, description: 'ID of the vacation entry' }, n: {} }),
      { n: 1 },
    ],
  ])('count when %s', (_what, jsonSchema, more) => {
    const name = 'idempotency_key' in ((jsonSchema.properties ?? {}) as object) ? 'idempotency_key' : 'request_id';
    const schema = withAjv(jsonSchema);
    expect(hashOf({ ...more, [name]: 'r1' }, schema)).not.toBe(hashOf({ ...more, [name]: 'r2' }, schema));
  });

  it.each([
    'Unique key for this request, to make retries safe',
    'Idempotency key for the payment',
    'ID of the request, for tracing',
    'A client-generated id',
  ])('do not count with the description: %s', (description) => {
    const schema = withAjv(object({ amount: {}, request_id: { ...text, description } }, required('request_id')));
    expect(hashOf({ amount: 1, request_id: 'r1' }, schema)).toBe(hashOf({ amount: 1, request_id: 'r2' }, schema));
  });

  it('count when the tool works on what they name', () => {
    const schema = withAjv(object({ request_id: text, score: {} }, required('request_id', 'score')));
    const differ = (tool: string) =>
      hashOf({ request_id: 'r1', score: 1 }, schema, { tool }) !==
      hashOf({ request_id: 'r2', score: 1 }, schema, { tool });
    expect(differ('rate_request')).toBe(true);
    expect(differ('create_request')).toBe(false);
    expect(differ('charge')).toBe(false);
  });

  it.each<[string, Schema, unknown, unknown]>([
    [
      'the time of a message',
      { ...text, description: 'Timestamp of the message to change' },
      '2026-12-01T09:00:00Z',
      '2026-12-01T09:00:01Z',
    ],
    ['a place in a video', { type: 'number' }, 30, 40],
    ['the id of a message', text, '1701234567.000100', '1701234568.000100'],
  ])('count when a timestamp is %s', (_what, timestamp, a, b) => {
    const schema = withAjv(object({ channel: text, timestamp }, required('channel', 'timestamp')));
    expect(hashOf({ channel: 'c', timestamp: a }, schema)).not.toBe(hashOf({ channel: 'c', timestamp: b }, schema));
  });

  it('count when they are times of items, or names that people sign with', () => {
    const readings = (timestamp: number) => ({ readings: [{ timestamp, value: 2 }] });
    expect(hashOf(readings(1_796_000_000), withAjv(open))).not.toBe(hashOf(readings(1_796_000_060), withAjv(open)));
    const mail = (signature: string) => ({ to: 'a@x.y', signature });
    expect(hashOf(mail('Best, Ada'), withAjv(open))).not.toBe(hashOf(mail('Best, Bob'), withAjv(open)));
  });
});

describe('hostile arguments', () => {
  it('are folded in bounded time when a set is very large', () => {
    const labels = Array.from({ length: 60_000 }, (_, index) => `l${(index * 7_919) % 60_000}`);
    const sorted = valid({ labels }, withAjv(open)).forHash.labels as string[];
    expect(sorted).toEqual([...labels].sort());
  });

  it('are folded in bounded time when texts are long', () => {
    const long = 'a@'.repeat(200_000);
    for (const name of ['to', 'url', 'start', 'color', 'currency', 'signature', 'timestamp']) {
      const folded = valid({ [name]: long }, withAjv(open)).forHash[name];
      expect([folded].flat()[0] === long).toBe(true);
    }
    const spaces = `x${' '.repeat(400_000)}y`;
    expect(valid({ url: spaces, memo: spaces }, withAjv(open)).forHash.memo === spaces).toBe(true);
  });

  it('keep names of prototypes as ordinary names', () => {
    const raw = { constructor: ' x', toString: 'y', hasOwnProperty: 'z', meta: { valueOf: 1 } };
    expect(valid(raw, withAjv(open)).forHash).toEqual({ ...raw, constructor: 'x' });
  });

  it('are refused or hashed at any depth of JSON texts', () => {
    const schema = { $ref: '#/$defs/node', $defs: { node: object({ child: { $ref: '#/$defs/node' } }) } };
    const nested = (depth: number): string => (depth === 0 ? '{}' : JSON.stringify({ child: nested(depth - 1) }));
    const raw = { child: nested(12) };
    expect(hashOf(raw, withAjv(schema))).toHaveLength(64);
    const loose: InputSchema = { jsonSchema: schema, parse: (value) => ({ ok: true, value: value as Schema }) };
    expect(hashOf(raw, loose)).toHaveLength(64);
  });

  it('never throw, whatever JSON they are', () => {
    const names = fc.constantFrom('to', 'labels', 'meta', 'timestamp', 'url', 'n', 'start', 'request_id');
    const schema = withAjv(object({ to: { anyOf: [text, texts] }, n: { type: 'number' }, labels: texts, meta: {} }));
    fc.assert(
      fc.property(fc.dictionary(names, fc.jsonValue()), (raw) => {
        const prepared = prepareArguments(raw, schema);
        if (prepared.ok) expect(fingerprintOf(prepared.forHash)).toHaveLength(64);
      }),
    );
  });
});

function at(name: string, value: unknown): Schema {
  return { [name]: value };
}

function valid(raw: unknown, schema: InputSchema, options?: ArgumentOptions): ValidArguments {
  const prepared = prepareArguments(raw, schema, options);
  if (!prepared.ok) throw new Error(prepared.message);
  return prepared;
}

function hashOf(raw: unknown, schema: InputSchema, options?: ArgumentOptions): string {
  const prepared = valid(raw, schema, options);
  return fingerprintOf(prepared.forHash, { keepString: prepared.keepString });
}

/** Validates with the schema itself, as a wrapped server does. */
function withAjv(jsonSchema: Schema, options?: ArgumentOptions): InputSchema {
  const validate = new Ajv({ strict: false, validateFormats: false, allErrors: true }).compile(jsonSchema);
  return {
    jsonSchema,
    options,
    parse(value) {
      if (validate(value)) return { ok: true, value: value as Schema };
      const issues = (validate.errors ?? []).map(({ instancePath, message = '' }) => ({ path: instancePath, message }));
      return { ok: false, issues };
    },
  };
}

function withZod(type: z.ZodType): InputSchema {
  return {
    jsonSchema: z.toJSONSchema(type, { io: 'input' }) as Schema,
    parse(value) {
      const parsed = type.safeParse(value);
      if (parsed.success) return { ok: true, value: parsed.data as Schema };
      return { ok: false, issues: parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message })) };
    },
  };
}
