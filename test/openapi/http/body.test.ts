import { describe, expect, it } from 'vitest';
import { buildRequest } from '../../../src/openapi/http/request.ts';
import {
  bodyOf,
  type Options,
  operationOf,
  refusal,
  withBody,
  withParameter,
  withWholeBody,
} from '../support/request.ts';

describe('headers', () => {
  it.each(['a\r\nx-evil: 1', 'a\nb', 'a\0b', 'Grüße – €', 'a\x7fb'])(
    'refuse characters that a header cannot carry: %j',
    (value) => {
      const error = refusal(() => withParameter({ in: 'header', name: 'X-Note' }, value));
      expect(error).toMatchObject({ code: 'invalid_input' });
      expect(error.message).not.toContain(value);
    },
  );

  it('accept Latin-1 characters', () => {
    expect(withParameter({ in: 'header', name: 'X-Note' }, 'Grüße').headers['x-note']).toBe('Grüße');
  });

  it.each(['Accept', 'Content-Type', 'Authorization'])('ignore a parameter named %s, as OpenAPI requires', (name) => {
    const { headers } = withParameter({ in: 'header', name }, 'evil');
    expect(Object.values(headers)).not.toContain('evil');
  });

  it.each(['Host', 'Content-Length', 'Transfer-Encoding', 'Connection', 'Cookie', 'TE', 'Expect'])(
    'refuse a parameter named %s',
    (name) => {
      expect(refusal(() => withParameter({ in: 'header', name }, '1'))).toMatchObject({ code: 'invalid_input' });
    },
  );

  it('prefer configured headers and the key to arguments', () => {
    const options: Options = { headers: { 'X-Color': 'configured', Authorization: 'Bearer t' } };
    const { headers } = withParameter({ in: 'header', name: 'x-color' }, 'red', options);
    expect(headers).toMatchObject({ 'x-color': 'configured', authorization: 'Bearer t' });
    const key = { in: 'header', name: 'Idempotency-Key', value: 'k-1' } as const;
    expect(withParameter({ in: 'header', name: 'idempotency-key' }, 'mine', { key }).headers['idempotency-key']).toBe(
      'k-1',
    );
  });

  it('report a configured header that HTTP cannot carry without its value', () => {
    const error = refusal(() => withParameter({ in: 'query' }, 'x', { headers: { 'x-secret': 's3cret\n' } }));
    expect(error).toMatchObject({ code: 'tool_invalid' });
    expect(error.message).not.toContain('s3cret');
  });

  it('encode characters that a cookie cannot contain', () => {
    expect(withParameter({ in: 'cookie' }, 'a;b, c"\\\r\n%é').headers.cookie).toBe(
      'color=a%3Bb%2C%20c%22%5C%0D%0A%25%C3%A9',
    );
  });
});

describe('bodies', () => {
  it('contain the key as a JSON property that no argument overrides', () => {
    const key = { in: 'body', name: 'idempotency_key', value: 'k-1' } as const;
    const args = { idempotency_key: 'mine', amount: 5, note: null, lines: [{ a: 1 }] };
    const request = withBody(bodyOf('application/json'), args, {}, { key });
    expect(JSON.parse(String(request.body))).toEqual({
      amount: 5,
      note: null,
      lines: [{ a: 1 }],
      idempotency_key: 'k-1',
    });
    expect(request.headers['content-type']).toBe('application/json');
    expect(withBody(bodyOf('*/*'), { a: 1 }).headers['content-type']).toBe('application/json');
  });

  it('have the same bytes for the same arguments in another order', () => {
    const places = { a: { in: 'body', property: 'a' }, b: { in: 'body', property: 'b' } } as const;
    const operation = operationOf({ method: 'POST', body: bodyOf('application/json') });
    const build = (args: Record<string, unknown>) =>
      buildRequest(operation, { input: {}, places }, args, { baseUrl: 'http://api.test', headers: {} });
    expect(build({ b: 2, a: 1 })).toEqual(build({ a: 1, b: 2 }));
    expect(build({ b: 2, a: 1 }).body).toBe('{"a":1,"b":2}');
  });

  it('are absent without arguments, unless they are required', () => {
    expect(withBody(bodyOf('application/json'), {}).body).toBeUndefined();
    expect(withBody(bodyOf('application/json', { required: true }), {}).body).toBe('{}');
    expect(withBody(bodyOf('application/json'), {}).headers).not.toHaveProperty('content-type');
  });

  it('encode nested forms as Stripe expects', () => {
    const args = {
      amount: 5,
      lines: [{ amount: 1, tax: { rate: 'x y' } }, { amount: 2 }],
      metadata: { k: 'a+b&c' },
      off: null,
      tags: ['p', 'q'],
    };
    const { body, headers } = withBody(bodyOf('application/x-www-form-urlencoded'), args);
    expect(headers['content-type']).toBe('application/x-www-form-urlencoded');
    expect([...new URLSearchParams(String(body))]).toEqual([
      ['amount', '5'],
      ['lines[0][amount]', '1'],
      ['lines[0][tax][rate]', 'x y'],
      ['lines[1][amount]', '2'],
      ['metadata[k]', 'a+b&c'],
      ['tags', 'p'],
      ['tags', 'q'],
    ]);
  });

  it("follow the document's encoding of a form, and contain the key", () => {
    const encoding = {
      expand: { style: 'deepObject', explode: true },
      csv: { style: 'form', explode: false },
      json: { contentType: 'application/json' },
    } as const;
    const key = { in: 'body', name: 'client_token', value: 'k 1' } as const;
    const args = { expand: ['a', 'b'], csv: ['c', 'd'], json: { a: [1] } };
    const { body } = withBody(bodyOf('application/x-www-form-urlencoded', { encoding }), args, {}, { key });
    expect(body).toBe('expand%5B0%5D=a&expand%5B1%5D=b&csv=c,d&json=%7B%22a%22%3A%5B1%5D%7D&client_token=k+1');
  });

  it('can be text and binary', () => {
    expect(withWholeBody('text/plain', 'Grüße').body).toBe('Grüße');
    expect(withWholeBody('application/octet-stream', 'aGk=').body).toEqual(Buffer.from('hi'));
    expect(withWholeBody('image/png', 'data:image/png;base64,aGk=').body).toEqual(Buffer.from('hi'));
    expect(withWholeBody('application/json', [1, 2]).body).toBe('[1,2]');
    const error = refusal(() => withWholeBody('application/octet-stream', 'not base64!'));
    expect(error).toMatchObject({ code: 'invalid_input' });
    expect(error.message).not.toContain('not base64!');
  });

  it('refuse a key as a property of a body that is not an object', () => {
    const key = { in: 'body', name: 'k', value: 'v' } as const;
    expect(refusal(() => withWholeBody('application/json', [1], { key }))).toMatchObject({ code: 'tool_invalid' });
    expect(withWholeBody('application/json', { a: 1 }, { key }).body).toBe('{"a":1,"k":"v"}');
  });
});

describe('a multipart body', () => {
  const schemas = {
    file: { type: 'string', contentEncoding: 'base64' },
    pages: { type: 'array', items: { type: 'string', format: 'binary' } },
    meta: { type: 'object' },
    name: { type: 'string' },
    photo: { type: 'string' },
  };
  const args = { file: 'aGk=', pages: ['YQ==', 'Yg=='], meta: { a: 1 }, name: 'x"y', photo: 'cA==', none: null };
  const body = bodyOf('multipart/form-data', { encoding: { photo: { contentType: 'image/png, image/jpeg' } } });

  it('encodes files, objects and plain values as parts that a server can read', async () => {
    const request = withBody(body, args, schemas, { key: { in: 'body', name: 'key', value: 'k-1' } });
    const bytes = Buffer.from(request.body as Uint8Array);
    const form = await new Response(bytes, {
      headers: { 'content-type': request.headers['content-type'] ?? '' },
    }).formData();
    const read = await Promise.all(
      [...form].map(async ([name, value]) =>
        typeof value === 'string' ? [name, value] : [name, value.name, value.type, await value.text()],
      ),
    );
    expect(read).toEqual([
      ['file', 'file', 'application/octet-stream', 'hi'],
      ['pages', 'pages', 'application/octet-stream', 'a'],
      ['pages', 'pages', 'application/octet-stream', 'b'],
      ['meta', '{"a":1}'],
      ['name', 'x"y'],
      ['photo', 'photo', 'image/png', 'p'],
      ['key', 'k-1'],
    ]);
    expect(bytes.toString()).toContain('name="meta"\r\nContent-Type: application/json\r\n\r\n{"a":1}');
  });

  it('gives the same bytes for the same arguments, and another boundary for others', () => {
    const first = withBody(body, args, schemas);
    expect(withBody(body, structuredClone(args), schemas)).toEqual(first);
    expect(withBody(body, { ...args, name: 'z' }, schemas).headers['content-type']).not.toBe(
      first.headers['content-type'],
    );
  });

  it('escapes names so that they stay in their part', () => {
    const request = withBody(bodyOf('multipart/form-data'), { 'a"\r\nX: 1': 'v' });
    expect(Buffer.from(request.body as Uint8Array).toString()).toContain('name="a%22%0D%0AX: 1"\r\n\r\nv');
  });

  it('names an argument that is not base64', () => {
    expect(refusal(() => withBody(body, { file: '***' }, schemas)).message).toContain('"file"');
  });
});
