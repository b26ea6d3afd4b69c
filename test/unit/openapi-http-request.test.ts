import { describe, expect, it } from 'vitest';
import { buildRequest, type RequestOptions } from '../../src/source/openapi/http/request.ts';
import type { ApiBody, ApiOperation, ApiParameter, ToolSchemas } from '../../src/source/openapi/types.ts';

type Options = Partial<RequestOptions>;

function operationOf(changes: Partial<ApiOperation> = {}): ApiOperation {
  return {
    method: 'GET',
    path: '/things',
    pointer: '/paths/~1things/get',
    tags: [],
    deprecated: false,
    extensions: {},
    servers: [],
    parameters: [],
    responses: {},
    security: [],
    ...changes,
  };
}

function parameterOf(changes: Partial<ApiParameter> & Pick<ApiParameter, 'in'>): ApiParameter {
  return {
    name: 'color',
    required: false,
    style: changes.in === 'path' || changes.in === 'header' ? 'simple' : 'form',
    explode: false,
    allowReserved: false,
    allowEmptyValue: false,
    deprecated: false,
    schema: {},
    ...changes,
  };
}

/** A request with one parameter, `color`. */
function withParameter(
  parameter: Partial<ApiParameter> & Pick<ApiParameter, 'in'>,
  value: unknown,
  options: Options = {},
) {
  const full = parameterOf(parameter);
  const operation = operationOf({
    path: full.in === 'path' ? `/things/{${full.name}}` : '/things',
    parameters: [full],
  });
  const schemas: ToolSchemas = { input: {}, places: { color: { in: 'parameter', parameter: full } } };
  return buildRequest(operation, schemas, { color: value }, { baseUrl: 'http://api.test/v1', headers: {}, ...options });
}

const bodyOf = (contentType: string, changes: Partial<ApiBody> = {}): ApiBody => ({
  required: false,
  contentType,
  schema: {},
  encoding: {},
  ...changes,
});

/** A request whose arguments are all properties of the body. */
function withBody(
  body: ApiBody,
  args: Record<string, unknown>,
  schemas: Record<string, object> = {},
  options: Options = {},
) {
  const places = Object.fromEntries(Object.keys(args).map((name) => [name, { in: 'body', property: name } as const]));
  const operation = operationOf({ method: 'POST', body });
  const input = { type: 'object', properties: schemas };
  return buildRequest(operation, { input, places }, args, { baseUrl: 'http://api.test', headers: {}, ...options });
}

function withWholeBody(contentType: string, value: unknown, options: Options = {}) {
  const operation = operationOf({ method: 'POST', body: bodyOf(contentType) });
  const schemas: ToolSchemas = { input: {}, places: { body: { in: 'whole-body' } } };
  return buildRequest(operation, schemas, { body: value }, { baseUrl: 'http://api.test', headers: {}, ...options });
}

const refusal = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    return error as { code?: string; message: string };
  }
  throw new Error('it was not refused');
};

const array = ['blue', 'black', 'brown'];
const object = { R: 100, G: 200, B: 150 };

// OpenAPI 3.1.1, "Style Examples", literally: style, explode, empty, string, array, object. null: n/a.
const table: [ApiParameter['style'], boolean, string | null, string | null, string | null, string | null][] = [
  ['matrix', false, ';color', ';color=blue', ';color=blue,black,brown', ';color=R,100,G,200,B,150'],
  ['matrix', true, ';color', ';color=blue', ';color=blue;color=black;color=brown', ';R=100;G=200;B=150'],
  ['label', false, '.', '.blue', '.blue,black,brown', '.R,100,G,200,B,150'],
  ['label', true, '.', '.blue', '.blue.black.brown', '.R=100.G=200.B=150'],
  ['simple', false, '', 'blue', 'blue,black,brown', 'R,100,G,200,B,150'],
  ['simple', true, '', 'blue', 'blue,black,brown', 'R=100,G=200,B=150'],
  ['form', false, '?color=', '?color=blue', '?color=blue,black,brown', '?color=R,100,G,200,B,150'],
  ['form', true, '?color=', '?color=blue', '?color=blue&color=black&color=brown', '?R=100&G=200&B=150'],
  ['spaceDelimited', false, null, null, '?color=blue%20black%20brown', '?color=R%20100%20G%20200%20B%20150'],
  ['pipeDelimited', false, null, null, '?color=blue%7Cblack%7Cbrown', '?color=R%7C100%7CG%7C200%7CB%7C150'],
  ['deepObject', true, null, null, null, '?color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150'],
];

describe("the OpenAPI specification's own table of styles", () => {
  const rows = table.flatMap(([style, explode, ...written]) =>
    ['', 'blue', array, object].flatMap((value, index) => {
      const expected = written[index];
      return expected === null || expected === undefined ? [] : [{ style, explode, value, expected }];
    }),
  );

  it.each(rows)('$style, explode $explode, $value: $expected', ({ style, explode, value, expected }) => {
    const place = ['matrix', 'label', 'simple'].includes(style) ? 'path' : 'query';
    if (place === 'path' && value === '') {
      // An empty value would make another path: it is refused, whatever the style would write.
      const { code, message } = refusal(() => withParameter({ in: 'path', style, explode }, value));
      expect([code, message.includes('"color"')]).toEqual(['invalid_input', true]);
      return;
    }
    const { url } = withParameter({ in: place, style, explode }, value);
    expect(url).toBe(`http://api.test/v1/things${place === 'path' ? '/' : ''}${expected}`);
  });

  it.each([
    [false, 'blue,black,brown', 'R,100,G,200,B,150'],
    [true, 'blue,black,brown', 'R=100,G=200,B=150'],
  ])('a header in simple style, explode %s', (explode, list, entries) => {
    expect(withParameter({ in: 'header', name: 'X-Color', explode }, array).headers['x-color']).toBe(list);
    expect(withParameter({ in: 'header', name: 'X-Color', explode }, object).headers['x-color']).toBe(entries);
  });

  it('cookies in form style are pairs between semicolons', () => {
    expect(withParameter({ in: 'cookie' }, array).headers.cookie).toBe(
      'color=blue%2Cblack%2Cbrown'.replaceAll('%2C', ','),
    );
    expect(withParameter({ in: 'cookie', explode: true }, array).headers.cookie).toBe(
      'color=blue; color=black; color=brown',
    );
    expect(withParameter({ in: 'cookie', explode: true }, object).headers.cookie).toBe('R=100; G=200; B=150');
  });
});

describe('queries', () => {
  const queryOf = (parameter: Partial<ApiParameter>, value: unknown) =>
    new URL(withParameter({ in: 'query', ...parameter }, value).url).search;

  it('reserved characters are encoded, unless allowed', () => {
    const text = "a/b?c=d&e+f g#h[i]%41,'!";
    expect(queryOf({}, text)).toBe('?color=a%2Fb%3Fc%3Dd%26e%2Bf%20g%23h%5Bi%5D%2541%2C%27%21');
    expect(new URLSearchParams(queryOf({}, text)).get('color')).toBe(text);
    expect(queryOf({ allowReserved: true }, 'a/b?c=d&e+f g#h[i]%41,!')).toBe(
      '?color=a/b?c=d%26e%2Bf%20g%23h%5Bi%5D%41,!',
    );
  });

  it('an item that holds the delimiter does not become two', () => {
    expect(queryOf({}, ['a,b', 'c'])).toBe('?color=a%2Cb,c');
  });

  it('deepObject goes on with brackets', () => {
    const value = { a: { b: { c: 1 } }, d: ['x', 'y'], e: null };
    expect(decodeURIComponent(queryOf({ style: 'deepObject', explode: true }, value))).toBe(
      '?color[a][b][c]=1&color[d][0]=x&color[d][1]=y',
    );
  });

  it('what is n/a in the table is written as form', () => {
    expect(queryOf({ style: 'pipeDelimited', explode: true }, ['a', 'b'])).toBe('?color=a&color=b');
    expect(queryOf({ style: 'spaceDelimited' }, 'a b')).toBe('?color=a%20b');
  });

  it('null, empty lists and empty objects are left out, but for allowEmptyValue', () => {
    for (const value of [null, [], {}, [null], { a: null }]) expect(queryOf({}, value)).toBe('');
    expect(queryOf({ allowEmptyValue: true }, [])).toBe('?color=');
    expect(queryOf({}, ['a', null, 'b'])).toBe('?color=a,b');
  });

  it('numbers, booleans and what is nested too deep are JSON text', () => {
    expect(queryOf({}, 0)).toBe('?color=0');
    expect(queryOf({}, false)).toBe('?color=false');
    expect(new URLSearchParams(queryOf({ explode: true }, [{ a: 1 }])).get('color')).toBe('{"a":1}');
  });

  it('a parameter with content is JSON text', () => {
    expect(new URLSearchParams(queryOf({ contentType: 'application/json' }, { a: [1, 'x'] })).get('color')).toBe(
      '{"a":[1,"x"]}',
    );
    expect(queryOf({ contentType: 'text/plain' }, 'a b')).toBe('?color=a%20b');
  });

  it('a querystring parameter is the whole query', () => {
    const whole = (contentType: string, value: unknown) =>
      new URL(withParameter({ in: 'querystring', contentType }, value).url).search;
    expect(whole('application/x-www-form-urlencoded', { a: 'x y', b: ['1', '2'] })).toBe('?a=x%20y&b=1&b=2');
    expect(decodeURIComponent(whole('application/json', { a: 1 }))).toBe('?{"a":1}');
    expect(whole('application/x-www-form-urlencoded', 'a=1&b=#')).toBe('?a=1&b=%23');
  });

  it('a fixed query of the path stays in front', () => {
    const parameter = parameterOf({ in: 'query' });
    const schemas: ToolSchemas = { input: {}, places: { color: { in: 'parameter', parameter } } };
    const operation = operationOf({ path: '/things?v=2#x' });
    const request = buildRequest(operation, schemas, { color: 'blue' }, { baseUrl: 'http://api.test', headers: {} });
    expect(request.url).toBe('http://api.test/things?v=2&color=blue');
  });

  it('half of a surrogate pair is refused', () => {
    expect(refusal(() => queryOf({}, 'a\ud800'))).toMatchObject({ code: 'invalid_input' });
  });
});

describe('paths', () => {
  const pathOf = (value: unknown) => new URL(withParameter({ in: 'path' }, value).url).pathname;

  it('a value stays in its segment', () => {
    expect(pathOf('a/b?c#d e;f\\g')).toBe('/v1/things/a%2Fb%3Fc%23d%20e%3Bf%5Cg');
    expect(pathOf('...')).toBe('/v1/things/...');
    expect(pathOf('.hidden')).toBe('/v1/things/.hidden');
    expect(pathOf('50%')).toBe('/v1/things/50%25');
    expect(pathOf('é')).toBe('/v1/things/%C3%A9');
  });

  it.each([
    '.',
    '..',
    '%2e',
    '%2e%2E',
    '%252e%252e',
    '.%2e',
    '../x',
    'a/../b',
    'a%2f..%2fb',
    '..\\x',
    '%252e%252e%252fx',
  ])('a step upwards is refused: %s', (value) => {
    const error = refusal(() => pathOf(value));
    expect(error).toMatchObject({ code: 'invalid_input' });
    expect(error.message).toMatch(/"color".*Nothing was sent/);
    expect(error.message).not.toContain(`"${value}"`.length > 4 ? value : '\0');
  });

  it.each([undefined, null, '', [], {}])('an empty or missing value is refused: %s', (value) => {
    expect(refusal(() => pathOf(value))).toMatchObject({ code: 'invalid_input' });
  });

  it('two values cannot make a step upwards together', () => {
    const parameters = ['a', 'b'].map((name) => parameterOf({ in: 'path', name, style: 'label' }));
    const places = Object.fromEntries(
      parameters.map((parameter) => [parameter.name, { in: 'parameter', parameter } as const]),
    );
    const build = (a: string, b: string) =>
      buildRequest(
        operationOf({ path: '/x/{a}{b}/y' }),
        { input: {}, places },
        { a, b },
        { baseUrl: 'http://api.test', headers: {} },
      );
    expect(build('p', 'q').url).toBe('http://api.test/x/.p.q/y');
    expect(refusal(() => build('', ''))).toMatchObject({ code: 'invalid_input' });
    const plain = parameters.map((parameter) => ({ ...parameter, style: 'simple' as const }));
    const plainPlaces = Object.fromEntries(
      plain.map((parameter) => [parameter.name, { in: 'parameter', parameter } as const]),
    );
    const dots = { a: '.', b: '.' };
    expect(
      refusal(() =>
        buildRequest(operationOf({ path: '/x/{a}{b}/y' }), { input: {}, places: plainPlaces }, dots, {
          baseUrl: 'http://api.test',
          headers: {},
        }),
      ),
    ).toMatchObject({ code: 'invalid_input' });
  });

  it('names the argument, not the parameter, and stays below the base path', () => {
    const parameter = parameterOf({ in: 'path', name: 'id' });
    const schemas: ToolSchemas = { input: {}, places: { path_id: { in: 'parameter', parameter } } };
    const build = (path: string, args: Record<string, unknown>) =>
      buildRequest(operationOf({ path }), schemas, args, { baseUrl: 'https://api.test/v1/', headers: {} });
    expect(refusal(() => build('/a/{id}', {})).message).toContain('"path_id" is missing');
    expect(build('/a/{id}.json', { path_id: 7 }).url).toBe('https://api.test/v1/a/7.json');
    expect(refusal(() => build('/../{id}', { path_id: 'x' }))).toMatchObject({ code: 'invalid_input' });
  });

  it('an argument without a place is refused, with a suggestion', () => {
    const build = (input: Record<string, unknown>) =>
      buildRequest(
        operationOf({ method: 'POST', body: bodyOf('application/json') }),
        { input, places: { amount: { in: 'body', property: 'amount' } } },
        { amuont: 5 },
        { baseUrl: 'http://api.test', headers: {} },
      );
    expect(refusal(() => build({})).message).toMatch(/"amuont".*did you mean "amount"/);
    expect(build({ additionalProperties: true }).body).toBe('{"amuont":5}');
  });
});

describe('headers', () => {
  it.each(['a\r\nx-evil: 1', 'a\nb', 'a\0b', 'Grüße – €', 'a\x7fb'])(
    'what a header cannot carry is refused: %j',
    (value) => {
      const error = refusal(() => withParameter({ in: 'header', name: 'X-Note' }, value));
      expect(error).toMatchObject({ code: 'invalid_input' });
      expect(error.message).not.toContain(value);
    },
  );

  it('Latin-1 passes', () => {
    expect(withParameter({ in: 'header', name: 'X-Note' }, 'Grüße').headers['x-note']).toBe('Grüße');
  });

  it.each(['Accept', 'Content-Type', 'Authorization'])('%s is ignored, as OpenAPI says', (name) => {
    const { headers } = withParameter({ in: 'header', name }, 'evil');
    expect(Object.values(headers)).not.toContain('evil');
  });

  it.each(['Host', 'Content-Length', 'Transfer-Encoding', 'Connection', 'Cookie', 'TE', 'Expect'])(
    '%s is refused',
    (name) => {
      expect(refusal(() => withParameter({ in: 'header', name }, '1'))).toMatchObject({ code: 'invalid_input' });
    },
  );

  it("the configuration's headers and the key win over arguments", () => {
    const options: Options = { headers: { 'X-Color': 'configured', Authorization: 'Bearer t' } };
    const { headers } = withParameter({ in: 'header', name: 'x-color' }, 'red', options);
    expect(headers).toMatchObject({ 'x-color': 'configured', authorization: 'Bearer t' });
    const key = { in: 'header', name: 'Idempotency-Key', value: 'k-1' } as const;
    expect(withParameter({ in: 'header', name: 'idempotency-key' }, 'mine', { key }).headers['idempotency-key']).toBe(
      'k-1',
    );
  });

  it('a configured header that HTTP cannot carry is told without its value', () => {
    const error = refusal(() => withParameter({ in: 'query' }, 'x', { headers: { 'x-secret': 's3cret\n' } }));
    expect(error).toMatchObject({ code: 'tool_invalid' });
    expect(error.message).not.toContain('s3cret');
  });

  it('what a cookie cannot hold is encoded', () => {
    expect(withParameter({ in: 'cookie' }, 'a;b, c"\\\r\n%é').headers.cookie).toBe(
      'color=a%3Bb%2C%20c%22%5C%0D%0A%25%C3%A9',
    );
  });
});

describe('bodies', () => {
  it('JSON, with the key as a property that no argument overrides', () => {
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

  it('the same arguments in another order give the same bytes', () => {
    const places = { a: { in: 'body', property: 'a' }, b: { in: 'body', property: 'b' } } as const;
    const operation = operationOf({ method: 'POST', body: bodyOf('application/json') });
    const build = (args: Record<string, unknown>) =>
      buildRequest(operation, { input: {}, places }, args, { baseUrl: 'http://api.test', headers: {} });
    expect(build({ b: 2, a: 1 })).toEqual(build({ a: 1, b: 2 }));
    expect(build({ b: 2, a: 1 }).body).toBe('{"a":1,"b":2}');
  });

  it('none without arguments, unless it is required', () => {
    expect(withBody(bodyOf('application/json'), {}).body).toBeUndefined();
    expect(withBody(bodyOf('application/json', { required: true }), {}).body).toBe('{}');
    expect(withBody(bodyOf('application/json'), {}).headers).not.toHaveProperty('content-type');
  });

  it('a form is nested as Stripe takes it', () => {
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

  it('a form honours the encoding of the document, and holds the key', () => {
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

  it('text and binary', () => {
    expect(withWholeBody('text/plain', 'Grüße').body).toBe('Grüße');
    expect(withWholeBody('application/octet-stream', 'aGk=').body).toEqual(Buffer.from('hi'));
    expect(withWholeBody('image/png', 'data:image/png;base64,aGk=').body).toEqual(Buffer.from('hi'));
    expect(withWholeBody('application/json', [1, 2]).body).toBe('[1,2]');
    const error = refusal(() => withWholeBody('application/octet-stream', 'not base64!'));
    expect(error).toMatchObject({ code: 'invalid_input' });
    expect(error.message).not.toContain('not base64!');
  });

  it('a key cannot be a property of a body that is no object', () => {
    const key = { in: 'body', name: 'k', value: 'v' } as const;
    expect(refusal(() => withWholeBody('application/json', [1], { key }))).toMatchObject({ code: 'tool_invalid' });
    expect(withWholeBody('application/json', { a: 1 }, { key }).body).toBe('{"a":1,"k":"v"}');
  });
});

describe('multipart', () => {
  const schemas = {
    file: { type: 'string', contentEncoding: 'base64' },
    pages: { type: 'array', items: { type: 'string', format: 'binary' } },
    meta: { type: 'object' },
    name: { type: 'string' },
    photo: { type: 'string' },
  };
  const args = { file: 'aGk=', pages: ['YQ==', 'Yg=='], meta: { a: 1 }, name: 'x"y', photo: 'cA==', none: null };
  const body = bodyOf('multipart/form-data', { encoding: { photo: { contentType: 'image/png, image/jpeg' } } });

  it('files, objects and plain values are parts that a server reads back', async () => {
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

  it('the same arguments give the same bytes, others another boundary', () => {
    const first = withBody(body, args, schemas);
    expect(withBody(body, structuredClone(args), schemas)).toEqual(first);
    expect(withBody(body, { ...args, name: 'z' }, schemas).headers['content-type']).not.toBe(
      first.headers['content-type'],
    );
  });

  it('a name cannot break out of its part', () => {
    const request = withBody(bodyOf('multipart/form-data'), { 'a"\r\nX: 1': 'v' });
    expect(Buffer.from(request.body as Uint8Array).toString()).toContain('name="a%22%0D%0AX: 1"\r\n\r\nv');
  });

  it('a file that is not base64 is refused by name', () => {
    expect(refusal(() => withBody(body, { file: '***' }, schemas)).message).toContain('"file"');
  });
});
