import { expect, test } from 'vitest';
import type { ApiOperation, SecurityScheme } from '../../../src/openapi/document/types.ts';
import { unsetVariables } from '../../../src/openapi/http/missing-credentials.ts';
import { variablesOf } from '../support/http.ts';

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
  return unsetVariables({ schemes, variables: variablesOf(schemes, 'shop'), headers, securities }, environment);
}

test.each([
  ['nothing if no operation needs credentials', [[], [{}]], []],
  ['the variable that an operation needs', [[], [{ token: [] }]], ['SHOP_TOKEN']],
  ['nothing if an operation also works without credentials', [[{ token: [] }, {}]], []],
  ['all alternatives of an operation', [[{ token: [] }, { apiKey: [] }]], ['SHOP_TOKEN', 'SHOP_API_KEY']],
  ['variables that are needed together', [[{ login: [] }]], ['SHOP_LOGIN_USERNAME', 'SHOP_LOGIN_PASSWORD']],
  ['no duplicates', [[{ token: [] }], [{ token: [] }]], ['SHOP_TOKEN']],
  ['nothing for unsupported schemes', [[{ mutual: [], token: [] }], [{ none: [] }]], []],
])('returns unset variables: %s', (_, securities, expected) => {
  expect(unset(securities as ApiOperation['security'][])).toEqual(expected);
});

test('returns the remaining variables, and nothing if one alternative is complete', () => {
  const ways = [[{ token: [] }, { login: [] }]];
  expect(unset(ways, { SHOP_LOGIN_USERNAME: 'ann', SHOP_TOKEN: ' ' })).toEqual(['SHOP_TOKEN', 'SHOP_LOGIN_PASSWORD']);
  expect(unset(ways, { SHOP_TOKEN: 'secret' })).toEqual([]);
});

test('accepts configured headers, and returns the variables in them', () => {
  expect(unset([[{ apiKey: [] }], [{ token: [] }]], {}, { 'x-KEY': 'abc' })).toEqual(['SHOP_TOKEN']);
  expect(unset([[{ token: [] }]], {}, { Authorization: `token ${'$'}{GITHUB_TOKEN}` })).toEqual(['GITHUB_TOKEN']);
});
