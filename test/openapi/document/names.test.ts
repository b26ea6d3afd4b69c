import { describe, expect, test } from 'vitest';
import { chooseOperations, matchesOperation } from '../../../src/openapi/document/operation-patterns.ts';
import { searchIndex } from '../../../src/openapi/document/search-operations.ts';
import { toolNames } from '../../../src/openapi/document/tool-names.ts';
import type { ListedOperation, Method } from '../../../src/openapi/document/types.ts';

function listed(operation: string, operationId?: string, more: Partial<ListedOperation> = {}): ListedOperation {
  const [method = '', path = ''] = operation.split(' ');
  const known = { method: method as Method, path, pointer: operation, tags: [], deprecated: false, extensions: {} };
  return { ...known, ...(operationId !== undefined && { operationId }), ...more };
}

const nameOf = (operation: string, operationId?: string) =>
  [...toolNames([listed(operation, operationId)]).values()][0];

describe('the name of a tool', () => {
  test.each([
    ['getPetById', 'get_pet_by_id'],
    ['repos/list-for-org', 'repos_list_for_org'],
    ['listHTTPServers', 'list_http_servers'],
    ['GetV2Orders', 'get_v2_orders'],
    ['Créer une commande', 'creer_une_commande'],
    ['__private__', 'private'],
    ['списокЗаказов', 'get_a'],
  ])('turns the operationId %s into %s', (operationId, name) => {
    expect(nameOf('GET /a', operationId)).toBe(name);
  });

  test.each([
    ['GET /orders/{id}', 'get_orders_by_id'],
    ['POST /', 'post_root'],
    ['DELETE /v1/orders/{orderId}/lines/{line-no}.json', 'delete_v1_orders_by_order_id_lines_by_line_no_json'],
  ])('turns %s without an operationId into %s', (operation, name) => {
    expect(nameOf(operation)).toBe(name);
  });

  test('is cut and ends in a hash of method and path if it is too long', () => {
    const id = 'a'.repeat(100);
    const names = [...toolNames([listed('GET /a', id), listed('GET /b', `${id}b`)]).values()];
    for (const name of names) expect(name).toMatch(/^a{55}_[0-9a-f]{8}$/);
    expect(names[0]).not.toBe(names[1]);
    expect(nameOf('GET /a', id)).toBe(names[0]);
  });

  test('ends in a hash for both operations that would share it, in any order', () => {
    const listedOperations = [listed('GET /a', 'get-a'), listed('GET /b', 'getA'), listed('GET /c', 'other')];
    const names = toolNames(listedOperations);
    expect([...names.values()]).toEqual([
      expect.stringMatching(/^get_a_[0-9a-f]{8}$/),
      expect.stringMatching(/^get_a_[0-9a-f]{8}$/),
      'other',
    ]);
    const turned = toolNames(listedOperations.toReversed());
    for (const each of listedOperations) expect(turned.get(each)).toBe(names.get(each));
    expect([...turned.keys()]).toEqual(listedOperations.toReversed());
  });

  test('begins with the prefix and stays within 64 characters', () => {
    const listedOperations = [listed('GET /a', 'getA'), listed('GET /b', 'b'.repeat(62))];
    const [first, second] = toolNames(listedOperations, { prefix: 'shop' }).values();
    expect(first).toBe('shop_get_a');
    expect(second).toMatch(/^shop_b{50}_[0-9a-f]{8}$/);
    expect(second).toHaveLength(64);
    expect(() => toolNames(listedOperations, { prefix: 'no space' })).toThrow(/prefix/);
  });

  test('can be configured and wins over derived names, but must be valid and unique', () => {
    const [a, b] = [listed('GET /a', 'getA'), listed('GET /b', 'getB')];
    const names = toolNames([a, b], { names: new Map([[b, 'get_a']]) });
    expect(names.get(b)).toBe('get_a');
    expect(names.get(a)).toMatch(/^get_a_[0-9a-f]{8}$/);
    const twice = new Map([
      [a, 'x'],
      [b, 'x'],
    ]);
    expect(() => toolNames([a, b], { names: twice })).toThrow(/Two operations have the tool name "x"/);
    expect(() => toolNames([a], { names: new Map([[a, 'no space']]) })).toThrow(
      /tool name "no space" for GET \/a is not valid/,
    );
  });
});

describe('a selection of operations', () => {
  const listedOperations = [
    listed('GET /orders', 'orders/list', { tags: ['orders', 'read'] }),
    listed('POST /orders', 'orders/create', { tags: ['orders'] }),
    listed('GET /orders/{id}', 'orders/get', { tags: ['orders'] }),
    listed('DELETE /users/{id}', undefined, { tags: ['users'] }),
  ];
  const chosen = (include: readonly string[], exclude: readonly string[] = []) =>
    chooseOperations(listedOperations, { include, exclude }).chosen.map(({ method, path }) => `${method} ${path}`);

  test.each([
    [[], 4],
    [['tag:orders'], 3],
    [['tag:*e*s'], 4],
    [['GET /orders'], 1],
    [['get /orders*'], 2],
    [['* /orders'], 2],
    [['/orders/*'], 1],
    [['/*/{id}'], 2],
    [['orders/list'], 1],
    [['orders/*'], 3],
    [['*'], 4],
    [['GET *'], 2],
    [['orders'], 0],
    [['tag:order'], 0],
  ])('includes with %j %i operations', (include, count) => {
    expect(chosen(include)).toHaveLength(count);
  });

  test('applies exclude before include and returns patterns that match nothing', () => {
    expect(chosen(['tag:orders', '/users/*'], ['GET *'])).toEqual(['POST /orders', 'DELETE /users/{id}']);
    expect(chosen([], ['tag:orders'])).toEqual(['DELETE /users/{id}']);
    const found = chooseOperations(listedOperations, {
      include: ['tag:ordres', 'tag:orders'],
      exclude: ['PUT *', 'PUT *'],
    });
    expect(found.unmatched).toEqual({ include: ['tag:ordres'], exclude: ['PUT *'] });
  });

  test('matches the parts between stars in order and without overlap', () => {
    const operation = listed('GET /a', 'abcabc');
    for (const pattern of ['a*c', '*b*b*', 'abc*abc', '***', 'a*b*c*'])
      expect(matchesOperation(operation, pattern)).toBe(true);
    for (const pattern of ['abca*cabc', '*d*', 'b*', '*ab', 'abcabc*c'])
      expect(matchesOperation(operation, pattern)).toBe(false);
  });
});

describe('the search for operations', () => {
  const listedOperations = [
    listed('GET /repos/{owner}/issues', 'issues/list', { summary: 'List repository issues', tags: ['issues'] }),
    listed('POST /repos/{owner}/issues', 'issues/create', { summary: 'Create an issue', tags: ['issues'] }),
    listed('GET /users', 'users/list', { summary: 'List users', description: 'Some have opened an issue.' }),
    listed('GET /emojis', 'emojis/get', { summary: 'Get emojis' }),
  ];
  const names = toolNames(listedOperations);
  const search = searchIndex(listedOperations, names);
  const found = (query: string, limit = 10) => search(query, limit).map((each) => names.get(each));

  test.each([
    ['create issue', 'issues_create'],
    ['Issues, please: CREATE one!', 'issues_create'],
    ['list users', 'users_list'],
    ['emoji', 'emojis_get'],
    ['emo', 'emojis_get'],
    ['post', 'issues_create'],
  ])('finds for %j %s first', (query, name) => {
    expect(found(query)[0]).toBe(name);
  });

  test('ranks words in names above words in descriptions and finds nothing for an empty query', () => {
    expect(found('issue')).toEqual(['issues_list', 'issues_create', 'users_list']);
    expect(found('issue', 1)).toEqual(['issues_list']);
    expect(found('')).toEqual([]);
    expect(found('zzz')).toEqual([]);
    expect(found('issue', 0)).toEqual([]);
  });
});
