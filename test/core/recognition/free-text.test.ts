import { describe, expect, it } from 'vitest';
import { freeTextPlanOf, splitFreeText } from '../../../src/core/recognition/free-text.ts';

const text = { type: 'string' };
const object = (properties: Record<string, unknown>, more: Record<string, unknown> = {}) => ({
  type: 'object',
  properties,
  ...more,
});
const pointersOf = (schema: Record<string, unknown>) => freeTextPlanOf(schema)?.pointers ?? [];

describe('freeTextPlanOf', () => {
  it.each([
    ['a pattern against blank text', { pattern: '\\S' }],
    ['the limit of a line of e-mail (RFC 5322, 2.1.1)', { maxLength: 78 }],
  ])('finds a text with %s', (_what, limit) => {
    expect(pointersOf(object({ subject: { ...text, ...limit }, id: text }))).toEqual(['/subject']);
  });

  it.each([
    'memo',
    'note',
    'issue_body',
    'commitMessage',
    'Description',
    'release-notes',
    'title',
    'subject',
    'html_body',
    'Beschreibung',
    'descripción',
    'task',
    'reminder',
    'contenu',
  ])('finds the text %s by its name', (name) => {
    expect(pointersOf(object({ [name]: text, id: text }))).toEqual([`/${name}`]);
  });

  it.each([
    'id',
    'message_id',
    'path',
    'query',
    'sql_text',
    'code',
    'url',
    'command',
    'email',
    'phone',
    'title_key',
    'oldText',
    'new_text',
    'content_type',
    'template_body',
  ])('leaves %s in the skeleton', (name) => {
    expect(pointersOf(object({ [name]: text, id: text }))).toEqual([]);
  });

  it.each([
    ['an enum', { enum: ['a', 'b'] }],
    ['a constant', { const: 'a' }],
    ['a pattern', { pattern: '^INV' }],
    ['a format', { format: 'uuid' }],
    ['a short length', { maxLength: 40 }],
    ['an encoding', { contentEncoding: 'base64' }],
    ['a branch with an enum', { anyOf: [{ enum: ['a'] }, { type: 'null' }] }],
  ])('leaves a string with %s in the skeleton', (_, limit) => {
    expect(pointersOf(object({ note: { type: 'string', ...limit } }))).toEqual([]);
  });

  it('reads optional, referenced and composed schemas', () => {
    const schema = object(
      {
        memo: { anyOf: [{ type: 'string' }, { type: 'null' }] },
        note: { type: ['string', 'null'], maxLength: 500 },
        body: { $ref: '#/$defs/Body' },
        reason: { allOf: [{ type: 'string' }, { description: 'why' }] },
      },
      { $defs: { Body: { type: 'string' } } },
    );
    expect(pointersOf(schema)).toEqual(['/memo', '/note', '/body', '/reason']);
  });

  it('finds the texts of line items and of nested objects', () => {
    const lines = { type: 'array', items: object({ description: text, amount: { type: 'integer' } }) };
    const schema = object({ lines, meta: object({ note: text }), comments: { type: 'array', items: text } });
    expect(pointersOf(schema)).toEqual(['/lines/*/description', '/meta/note', '/comments/*']);
  });

  it('treats the content of a file as data, and the message of its commit as text', () => {
    expect(pointersOf(object({ path: text, content: text, message: text }))).toEqual(['/message']);
    expect(pointersOf(object({ channel: text, content: text }))).toEqual(['/content']);
    const edits = { type: 'array', items: object({ oldText: text, newText: text, text }) };
    expect(pointersOf(object({ path: text, edits }))).toEqual([]);
  });

  it('takes a name as text if nothing else identifies the thing', () => {
    expect(pointersOf(object({ name: text, due: { type: 'string', format: 'date' } }))).toEqual(['/name']);
    expect(pointersOf(object({ name: text, email: text }))).toEqual([]);
    expect(pointersOf(object({ name: text, title: text }))).toEqual(['/title']);
  });

  it('ends on a recursive schema', () => {
    const schema = object(
      { root: { $ref: '#/$defs/Node' } },
      { $defs: { Node: object({ note: text, next: { $ref: '#/$defs/Node' } }) } },
    );
    expect(pointersOf(schema)).toContain('/root/next/note');
  });

  it('returns undefined for a tool without free text, and reads a schema once', () => {
    const schema = object({ id: text });
    expect(freeTextPlanOf(schema)).toBeUndefined();
    const other = object({ note: text });
    expect(freeTextPlanOf(other)).toBe(freeTextPlanOf(other));
  });
});

describe('splitFreeText', () => {
  const lines = { type: 'array', items: object({ description: text, amount: { type: 'integer' } }) };
  const schema = object({
    customer: text,
    memo: text,
    lines,
    meta: object({ note: text }),
    comments: { type: 'array', items: text },
  });
  const plan = freeTextPlanOf(schema);
  if (plan === undefined) throw new Error('the schema has free text');

  it('separates texts from the skeleton, by pointer', () => {
    const value = { customer: 'cus_1', memo: 'Hello', lines: [{ description: 'Work', amount: 5 }, { amount: 7 }] };
    expect(splitFreeText(value, plan)).toEqual({
      skeleton: { customer: 'cus_1', lines: [{ amount: 5 }, { amount: 7 }] },
      texts: [
        { pointer: '/memo', text: 'Hello' },
        { pointer: '/lines/0/description', text: 'Work' },
      ],
    });
    expect(value.memo).toBe('Hello');
  });

  it('gives one skeleton for an absent, a blank and a present text', () => {
    const skeletons = [
      { customer: 'a' },
      { customer: 'a', memo: ' ' },
      { customer: 'a', memo: 'x', meta: { note: 'y' } },
    ].map((value) => splitFreeText(value, plan).skeleton);
    expect(skeletons).toEqual([{ customer: 'a' }, { customer: 'a' }, { customer: 'a' }]);
  });

  it('keeps the number of texts in a list, and values that are not text', () => {
    expect(splitFreeText({ comments: ['a', 'b'], memo: 5 }, plan)).toEqual({
      skeleton: { comments: [null, null], memo: 5 },
      texts: [
        { pointer: '/comments/0', text: 'a' },
        { pointer: '/comments/1', text: 'b' },
      ],
    });
  });

  it('keeps a member with the name __proto__', () => {
    const value = JSON.parse('{"__proto__": {"a": 1}, "memo": "x"}') as Record<string, unknown>;
    expect(JSON.stringify(splitFreeText(value, plan).skeleton)).toBe('{"__proto__":{"a":1}}');
  });
});
