import { describe, expect, it } from 'vitest';
import type { ToolSchemas } from '../../../src/openapi/document/tool-schemas.ts';
import type { ApiParameter } from '../../../src/openapi/document/types.ts';
import { buildRequest } from '../../../src/openapi/http/request.ts';
import { bodyOf, operationOf, parameterOf, refusal, withParameter } from '../support/request.ts';

const array = ['blue', 'black', 'brown'];
const object = { R: 100, G: 200, B: 150 };

// The table "Style Examples" of OpenAPI 3.1.1: style, explode, empty, string, array, object. null means n/a.
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

  it.each(rows)('gives $expected for $style, explode $explode, $value', ({ style, explode, value, expected }) => {
    const place = ['matrix', 'label', 'simple'].includes(style) ? 'path' : 'query';
    if (place === 'path' && value === '') {
      // An empty value would produce another path, so every style refuses it.
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
  ])('applies to headers in simple style, explode %s', (explode, list, entries) => {
    expect(withParameter({ in: 'header', name: 'X-Color', explode }, array).headers['x-color']).toBe(list);
    expect(withParameter({ in: 'header', name: 'X-Color', explode }, object).headers['x-color']).toBe(entries);
  });

  it('applies to cookies in form style, separated by semicolons', () => {
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

  it('encode reserved characters, unless they are allowed', () => {
    const text = "a/b?c=d&e+f g#h[i]%41,'!";
    expect(queryOf({}, text)).toBe('?color=a%2Fb%3Fc%3Dd%26e%2Bf%20g%23h%5Bi%5D%2541%2C%27%21');
    expect(new URLSearchParams(queryOf({}, text)).get('color')).toBe(text);
    expect(queryOf({ allowReserved: true }, 'a/b?c=d&e+f g#h[i]%41,!')).toBe(
      '?color=a/b?c=d%26e%2Bf%20g%23h%5Bi%5D%41,!',
    );
  });

  it('keep an item that contains the delimiter as one item', () => {
    expect(queryOf({}, ['a,b', 'c'])).toBe('?color=a%2Cb,c');
  });

  it('use brackets for nested deepObject values', () => {
    const value = { a: { b: { c: 1 } }, d: ['x', 'y'], e: null };
    expect(decodeURIComponent(queryOf({ style: 'deepObject', explode: true }, value))).toBe(
      '?color[a][b][c]=1&color[d][0]=x&color[d][1]=y',
    );
  });

  it('use form for values that the table leaves open', () => {
    expect(queryOf({ style: 'pipeDelimited', explode: true }, ['a', 'b'])).toBe('?color=a&color=b');
    expect(queryOf({ style: 'spaceDelimited' }, 'a b')).toBe('?color=a%20b');
  });

  it('leave out null, empty lists and empty objects, except with allowEmptyValue', () => {
    for (const value of [null, [], {}, [null], { a: null }]) expect(queryOf({}, value)).toBe('');
    expect(queryOf({ allowEmptyValue: true }, [])).toBe('?color=');
    expect(queryOf({}, ['a', null, 'b'])).toBe('?color=a,b');
  });

  it('write numbers, booleans and deeply nested values as JSON text', () => {
    expect(queryOf({}, 0)).toBe('?color=0');
    expect(queryOf({}, false)).toBe('?color=false');
    expect(new URLSearchParams(queryOf({ explode: true }, [{ a: 1 }])).get('color')).toBe('{"a":1}');
  });

  it('write a parameter with content as JSON text', () => {
    expect(new URLSearchParams(queryOf({ contentType: 'application/json' }, { a: [1, 'x'] })).get('color')).toBe(
      '{"a":[1,"x"]}',
    );
    expect(queryOf({ contentType: 'text/plain' }, 'a b')).toBe('?color=a%20b');
  });

  it('use a querystring parameter as the whole query', () => {
    const whole = (contentType: string, value: unknown) =>
      new URL(withParameter({ in: 'querystring', contentType }, value).url).search;
    expect(whole('application/x-www-form-urlencoded', { a: 'x y', b: ['1', '2'] })).toBe('?a=x%20y&b=1&b=2');
    expect(decodeURIComponent(whole('application/json', { a: 1 }))).toBe('?{"a":1}');
    expect(whole('application/x-www-form-urlencoded', 'a=1&b=#')).toBe('?a=1&b=%23');
  });

  it('keep a fixed query of the path in front', () => {
    const parameter = parameterOf({ in: 'query' });
    const schemas: ToolSchemas = { input: {}, places: { color: { in: 'parameter', parameter } } };
    const operation = operationOf({ path: '/things?v=2#x' });
    const request = buildRequest(operation, schemas, { color: 'blue' }, { baseUrl: 'http://api.test', headers: {} });
    expect(request.url).toBe('http://api.test/things?v=2&color=blue');
  });

  it('refuse half of a surrogate pair', () => {
    expect(refusal(() => queryOf({}, 'a\ud800'))).toMatchObject({ code: 'invalid_input' });
  });
});

describe('paths', () => {
  const pathOf = (value: unknown) => new URL(withParameter({ in: 'path' }, value).url).pathname;

  it('keep a value in its segment', () => {
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
  ])('refuse a step upwards: %s', (value) => {
    const error = refusal(() => pathOf(value));
    expect(error).toMatchObject({ code: 'invalid_input' });
    expect(error.message).toMatch(/^the argument "color" .*; [a-z].*[^.?]$/);
    expect(error.message).not.toContain(`"${value}"`.length > 4 ? value : '\0');
  });

  it.each([undefined, null, '', [], {}])('refuse an empty or missing value: %s', (value) => {
    expect(refusal(() => pathOf(value))).toMatchObject({ code: 'invalid_input' });
  });

  it('refuse two values that together make a step upwards', () => {
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

  it('name the argument instead of the parameter, and stay below the base path', () => {
    const parameter = parameterOf({ in: 'path', name: 'id' });
    const schemas: ToolSchemas = { input: {}, places: { path_id: { in: 'parameter', parameter } } };
    const build = (path: string, args: Record<string, unknown>) =>
      buildRequest(operationOf({ path }), schemas, args, { baseUrl: 'https://api.test/v1/', headers: {} });
    expect(refusal(() => build('/a/{id}', {})).message).toContain('"path_id" is missing');
    expect(build('/a/{id}.json', { path_id: 7 }).url).toBe('https://api.test/v1/a/7.json');
    expect(refusal(() => build('/../{id}', { path_id: 'x' }))).toMatchObject({ code: 'invalid_input' });
  });

  it('refuse an unknown argument with a suggestion', () => {
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
