import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { writeJson } from '../../../src/core/exact-json.ts';
import type { JsonSchema } from '../../../src/core/json.ts';
import {
  type ContentOptions,
  responseContent,
  responseOutputSchema,
} from '../../../src/openapi/http/response-content.ts';
import type { HttpResponse } from '../../../src/openapi/http/types.ts';

function answerOf(
  body: string | Buffer,
  contentType: string | undefined = 'application/json',
  changes: Partial<HttpResponse> = {},
): HttpResponse {
  const headers = contentType === undefined ? {} : { 'content-type': contentType };
  return { status: 200, headers, body: Buffer.from(body), truncated: false, sends: 1, ...changes };
}

const options = (changes: Partial<ContentOptions> = {}): ContentOptions => ({
  method: 'GET',
  charsMax: 1_000,
  uri: 'https://api.test/x',
  ...changes,
});

const texts = (result: { content: readonly Record<string, unknown>[] }) => result.content.map(({ text }) => text);

const ajv = new Ajv2020({ strict: false });
const object: JsonSchema = {
  $ref: '#/$defs/node',
  $defs: {
    node: { type: 'object', properties: { id: { type: 'integer' }, next: { $ref: '#/$defs/node' } }, required: ['id'] },
  },
};
const list: JsonSchema = { type: 'array', items: { $ref: '#/$defs/id' }, $defs: { id: { type: 'integer' } } };
const either: JsonSchema = { anyOf: [{ type: 'string' }, { type: 'object', required: ['a'] }] };

describe('a JSON response', () => {
  it('becomes text without white space, and structured content', () => {
    const raw = '{ "id": 12345678901234567890,\n "s": "a  \\" b\\\\", "n": 1.0 }';
    const result = responseContent(answerOf(raw, 'application/vnd.api+json; charset=utf-8'), options());
    expect(texts(result)[0]).toBe('{"id":12345678901234567890,"s":"a  \\" b\\\\","n":1.0}');
    expect(writeJson(result.structuredContent)).toBe('{"id":12345678901234567890,"s":"a  \\" b\\\\","n":1}');
    expect(texts(result)).toHaveLength(1);
  });

  it('is wrapped if it is a list or a single value', () => {
    expect(responseContent(answerOf('[1]'), options()).structuredContent).toEqual({ result: [1] });
    expect(responseContent(answerOf('null'), options()).structuredContent).toEqual({ result: null });
  });

  it('is recognised without a media type', () => {
    const noType: HttpResponse = { ...answerOf('{"a":1}'), headers: {} };
    expect(responseContent(noType, options()).structuredContent).toEqual({ a: 1 });
  });

  it('becomes text with a note if it is not valid JSON', () => {
    const result = responseContent(answerOf('<html>'), options());
    expect(texts(result)).toEqual(['<html>', expect.stringMatching(/it is not|is not/)]);
    expect(result.structuredContent).toBeUndefined();
  });

  it('may contain large strings with many escapes', () => {
    const raw = JSON.stringify({ text: '\n"\\'.repeat(1_000_000) });
    expect(texts(responseContent(answerOf(raw), options({ charsMax: 20_000_000 })))[0]).toBe(raw);
  });
});

describe('the output schema', () => {
  const cases: [JsonSchema, string][] = [
    [object, '{"id":1,"next":{"id":2}}'],
    [object, '{"id":"x"}'],
    [object, '{"next":{"id":"x"},"id":1}'],
    [object, '[]'],
    [object, 'not json'],
    [object, ''],
    [list, '[1,2]'],
    [list, '["x"]'],
    [list, '{"a":1}'],
    [either, '"x"'],
    [either, '{"a":1}'],
    [either, '{"b":1}'],
    [object, JSON.stringify({ id: 1, long: 'x'.repeat(2_000) })],
  ];

  it.each(cases)('matches every result: %#', (schema, body) => {
    const matches = ajv.compile(schema);
    const output = responseOutputSchema(schema);
    expect(output.type).toBe('object');
    for (const contentType of ['application/json', 'text/plain', 'application/pdf', 'image/png']) {
      for (const truncated of [false, true]) {
        const result = responseContent(
          answerOf(body, contentType, { truncated }),
          options({ schema, matches: (value) => matches(value) }),
        );
        expect(ajv.validate({ ...output }, result.structuredContent)).toBe(true);
      }
    }
  });

  it('marks only responses that do not match the document as undocumented', () => {
    const structured = (schema: JsonSchema, body: string, truncated = false) => {
      const matches = ajv.compile(schema);
      return responseContent(
        answerOf(body, 'application/json', { truncated }),
        options({ schema, matches: (value) => matches(value) }),
      ).structuredContent;
    };
    expect(structured(object, '{"id":1}')).toEqual({ id: 1 });
    expect(structured(list, '[1,2]')).toEqual({ result: [1, 2] });
    expect(structured(either, '"x"')).toEqual({ result: 'x' });
    expect(structured(object, '{"id":"x"}')).toEqual({ undocumented_answer: { id: 'x' } });
    expect(structured(object, '{"id":1', true)).toEqual({ undocumented_answer: '{"id":1' });
    expect(structured(object, '')).toEqual({ undocumented_answer: null });
  });

  it('does not match a result of neither form', () => {
    expect(ajv.validate({ ...responseOutputSchema(object) }, { id: 'x' })).toBe(false);
    expect(ajv.validate({ ...responseOutputSchema(list) }, { result: ['x'] })).toBe(false);
    expect(ajv.validate({ ...responseOutputSchema(list) }, [1])).toBe(false);
  });
});

describe('another response', () => {
  it('becomes text in its charset', () => {
    expect(
      texts(responseContent(answerOf(Buffer.from('Grüße', 'latin1'), 'text/plain; charset=iso-8859-1'), options())),
    ).toEqual(['Grüße']);
    expect(texts(responseContent(answerOf('<a/>', 'application/xml'), options()))).toEqual(['<a/>']);
    expect(texts(responseContent(answerOf('a: 1', 'text/plain; charset=none'), options()))).toEqual(['a: 1']);
  });

  it('becomes an image, a sound or a resource', () => {
    const bytes = Buffer.from([0, 1, 2, 255]);
    expect(responseContent(answerOf(bytes, 'image/png'), options()).content).toEqual([
      { type: 'image', data: 'AAEC/w==', mimeType: 'image/png' },
    ]);
    expect(responseContent(answerOf(bytes, 'audio/mpeg'), options()).content[0]).toMatchObject({ type: 'audio' });
    const resource = { uri: 'https://api.test/x', mimeType: 'application/pdf', blob: 'AAEC/w==' };
    expect(responseContent(answerOf(bytes, 'application/pdf'), options()).content).toEqual([
      { type: 'resource', resource },
    ]);
    expect(responseContent({ ...answerOf(bytes), headers: {} }, options()).content[0]).toMatchObject({
      type: 'resource',
    });
  });

  it('is replaced by a note if it is binary and too large', () => {
    const result = responseContent(answerOf(Buffer.alloc(5_000), 'application/pdf'), options());
    expect(texts(result)).toEqual([expect.stringMatching(/5000 bytes, which is too large/)]);
  });

  it('becomes a sentence if it is empty', () => {
    expect(texts(responseContent(answerOf('', undefined, { status: 204 }), options()))).toEqual([
      expect.stringMatching(/204.*succeeded.*no content/),
    ]);
    expect(texts(responseContent(answerOf('', undefined, { status: 201, truncated: true }), options()))).toEqual([
      expect.stringMatching(/201.*succeeded.*could not be read/),
    ]);
    expect(texts(responseContent(answerOf('', undefined, { status: 304 }), options()))).toEqual([
      expect.stringMatching(/304: not modified/),
    ]);
  });

  it('is cut between characters at the limit, with advice', () => {
    const result = responseContent(
      answerOf(`${'x'.repeat(9)}😀${'y'.repeat(90)}`, 'text/plain'),
      options({ charsMax: 10 }),
    );
    expect(texts(result)).toEqual(['x'.repeat(9), expect.stringMatching(/Cut after 9 of 101 characters.*less/)]);
    const json = responseContent(answerOf(JSON.stringify({ a: 'x'.repeat(50) })), options({ charsMax: 10 }));
    expect(texts(json)[0]).toBe('{"a":"xxxx');
    expect(json.structuredContent).toBeUndefined();
  });

  it('shows only a few headers', () => {
    const headers = {
      'content-type': 'application/json',
      etag: '"v1"',
      location: '/x/1',
      'x-internal': 'hidden',
      server: 'hidden',
    };
    const plain = responseContent({ ...answerOf('{}'), headers }, options());
    expect(texts(plain)).toEqual(['{}', 'location: /x/1']);
    const conditional = responseContent({ ...answerOf('{}'), headers }, { ...options(), takesEtag: () => true });
    expect(texts(conditional)).toEqual(['{}', 'location: /x/1\netag: "v1"']);
  });
});

describe('selected fields', () => {
  const value = {
    items: [
      { id: 1, name: 'a', tags: ['x', 'y'] },
      { id: 2, name: 'b', tags: [] },
    ],
    total: 2,
    'a/b': { '~': 1 },
  };
  const kept = (...fields: string[]) =>
    responseContent(answerOf(JSON.stringify(value)), options({ fields })).structuredContent;

  it('are the values at the pointers', () => {
    expect(kept('/total')).toEqual({ total: 2 });
    expect(kept('/items/*/id', '/total')).toEqual({ items: [{ id: 1 }, { id: 2 }], total: 2 });
    expect(kept('/items/1/name')).toEqual({ items: [{ name: 'b' }] });
    expect(kept('/items/*/tags')).toEqual({ items: [{ tags: ['x', 'y'] }, { tags: [] }] });
    expect(kept('/a~1b/~0')).toEqual({ 'a/b': { '~': 1 } });
    expect(kept('/items', '/items/*/id')).toEqual({ items: value.items });
    expect(kept('')).toEqual(value);
    expect(kept('/*/0/id')).toEqual({ items: [{ id: 1 }] });
  });

  it('are reported if none exists', () => {
    const result = responseContent(answerOf('{"a":1}'), options({ fields: ['/b'] }));
    expect(texts(result)).toEqual(['{}', expect.stringMatching(/none of the configured fields/)]);
  });

  it('can be fields of list items', () => {
    expect(responseContent(answerOf('[{"a":1,"b":2}]'), options({ fields: ['/*/a'] })).structuredContent).toEqual({
      result: [{ a: 1 }],
    });
  });
});
