import { expect, test } from 'vitest';
import type { ApiOperation, SecurityScheme } from '../../../src/openapi/document/types.ts';
import { unsetVariables } from '../../../src/openapi/http/missing-credentials.ts';

const schemes: Readonly<Record<string, SecurityScheme>> = {
  token: { type: 'bearer' },
  apiKey: { type: 'apiKey', in: 'header', name: 'X-Key' },
  login: { type: 'basic' },
  mutual: { type: 'unsupported', what: 'mutual TLS' },
};

function unset(
  securities: readonly ApiOperation['security'][],
  environment: Readonly<Record<string, string>> = {},
  headers: Readonly<Record<string, string>> = {},
) {
  return unsetVariables({ schemes, prefix: 'shop', headers, securities }, environment);
}

test.each([
  ['nothing where no operation asks for anything', [[], [{}]], []],
  ['what an operation asks for', [[], [{ token: [] }]], ['SHOP_TOKEN']],
  ['nothing where an operation also does without', [[{ token: [] }, {}]], []],
  ['all ways of an operation', [[{ token: [] }, { apiKey: [] }]], ['SHOP_TOKEN', 'SHOP_API_KEY']],
  ['what is needed together', [[{ login: [] }]], ['SHOP_LOGIN_USERNAME', 'SHOP_LOGIN_PASSWORD']],
  ['each once', [[{ token: [] }], [{ token: [] }]], ['SHOP_TOKEN']],
  ['nothing that would not help', [[{ mutual: [], token: [] }], [{ none: [] }]], []],
])('tells %s', (_, securities, expected) => {
  expect(unset(securities as ApiOperation['security'][])).toEqual(expected);
});

test('tells what is left, and nothing once one way is open', () => {
  const ways = [[{ token: [] }, { login: [] }]];
  expect(unset(ways, { SHOP_LOGIN_USERNAME: 'ann', SHOP_TOKEN: ' ' })).toEqual(['SHOP_TOKEN', 'SHOP_LOGIN_PASSWORD']);
  expect(unset(ways, { SHOP_TOKEN: 'secret' })).toEqual([]);
});

test('counts the headers of the configuration, and asks for the variables in them', () => {
  expect(unset([[{ apiKey: [] }], [{ token: [] }]], {}, { 'x-KEY': 'abc' })).toEqual(['SHOP_TOKEN']);
  expect(unset([[{ token: [] }]], {}, { Authorization: `token ${'$'}{GITHUB_TOKEN}` })).toEqual(['GITHUB_TOKEN']);
});
