import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/core/json.ts';
import { readsByRule, readsBySchema } from '../../../src/wrap/policy/read-calls.ts';
import { isReadOnlyGraphql } from '../../../src/wrap/policy/read-only-graphql.ts';
import { isReadOnlySql } from '../../../src/wrap/policy/read-only-sql.ts';

describe('SQL that certainly reads', () => {
  test.each([
    'SELECT 1',
    'select * from orders where id = 5;',
    "SELECT name, count(*) FROM users WHERE name LIKE 'O''Brien; DROP TABLE x' GROUP BY name HAVING count(*) > 1",
    'WITH recent AS (SELECT * FROM orders WHERE at > now()) SELECT sum(total) FROM recent',
    '-- the newest\nSELECT id /* delete nothing */ FROM orders ORDER BY at DESC LIMIT 5 --',
    'SELECT `update`, "delete" FROM t WHERE a IN (1, 2) AND EXISTS (SELECT 1 FROM u)',
    "select replace(name, 'a', 'b'), cast(total as numeric(10, 2)) from t where tags[1] = 'x'",
    'EXPLAIN ANALYZE SELECT * FROM t',
    'SHOW CREATE TABLE orders',
    'describe orders',
    'PRAGMA main.table_info(orders)',
    'SELECT [order id] FROM [order details]',
    'SELECT * FROM t ORDER BY a FETCH FIRST 10 ROWS ONLY',
    'select row_number() over (partition by a order by b) from t\r\nwhere c is null',
  ])('%s', (sql) => {
    expect(isReadOnlySql(sql)).toBe(true);
  });
});

describe('SQL that may write', () => {
  test.each([
    '',
    ';',
    'DELETE FROM t',
    'SELECT 1; DELETE FROM t',
    'SELECT 1;; DELETE FROM t;',
    'WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone',
    "SELECT * INTO OUTFILE '/tmp/x' FROM t",
    'SELECT * INTO copy FROM t',
    'SELECT pay_out(5)',
    'SELECT "pay_out"(5)',
    'SELECT `pay_out`(5)',
    'SELECT [dbo].[pay_out](5)',
    'SELECT billing.version()',
    'SELECT pay_out /* now */ (5)',
    "SELECT nextval('seq'), setval('seq', 1)",
    'select seq.nextval from dual',
    'SELECT NEXT VALUE FOR seq',
    "SELECT pg_terminate_backend(pid), set_config('a', 'b', false)",
    'SELECT 1 DROP TABLE t',
    "SELECT 1 EXEC sp_rename 'a', 'b'",
    'EXPLAIN ANALYZE DELETE FROM t',
    'PRAGMA user_version = 5',
    'PRAGMA user_version(table_info)',
    'PRAGMA journal_mode(wal)',
    'SELECT * FROM t FOR UPDATE',
    "EXECUTE 'x'",
    'BEGIN; SELECT 1; COMMIT',
    // What one dialect takes for a comment or a quote, another does not.
    "SELECT 1 --'\n; DELETE FROM t --'",
    "SELECT 1 -- '\r; DELETE FROM t -- '",
    "SELECT 1 # '\n; DELETE FROM t -- '",
    "SELECT 1 /*!' */ ; DELETE FROM t /*' */",
    'SELECT 1 /*!; DELETE FROM t */',
    "SELECT 1 /* /* ' */ ; DELETE FROM t -- ' */",
    "SELECT 'a\\'; DELETE FROM t -- '",
    'SELECT $$a$$; DELETE FROM t',
    "SELECT q'['] ' ; DELETE FROM t -- ']",
    "SELECT [a'b] FROM t; DELETE FROM t; SELECT 'x'",
    "SELECT 'a",
  ])('%s', (sql) => {
    expect(isReadOnlySql(sql)).toBe(false);
  });
});

test.each([
  ['{ user(id: 1) { name } }', true],
  ['query Q($a: Int = 1) @x { a(where: {b: "mutation { x }"}) { ...F } } fragment F on T { c }', true],
  ['# mutation { a }\nquery { a }', true],
  ['query { a(text: """ } mutation { b } """) }', true],
  ['mutation { pay }', false],
  ['query { a } mutation { pay }', false],
  ['subscription { a }', false],
  ['query { a ', false],
  ['fragment F on T { c }', false],
  ['', false],
])('GraphQL %s reads: %s', (document, reads) => {
  expect(isReadOnlyGraphql(document)).toBe(reads);
});

const text = { type: 'string' };
const tool = (name: string, properties: Record<string, unknown>, description = '') => ({
  name,
  description,
  inputSchema: { type: 'object', properties } as const,
});

describe('a tool that does both', () => {
  test.each([
    ['execute_sql', { sql: text }, { sql: 'select 1' }, { sql: 'delete from t' }],
    ['query', { sql: text }, { sql: 'select 1' }, {}],
    [
      'run_query',
      { query: text, database: text },
      { query: 'SELECT 1' },
      { query: ['SELECT 1'] },
      'Runs a PostgreSQL query',
    ],
    ['graphql_request', { query: text, variables: {} }, { query: '{ me { id } }' }, { query: 'mutation { a }' }],
    ['http_request', { url: text, method: text }, { method: 'get', url: 'x' }, { method: 'POST', url: 'x' }],
    ['http_request', { url: text, method: { default: 'GET' } }, { url: 'x' }, { url: 'x', method: 'PATCH' }],
    [
      'http_request',
      { url: text, method: text, headers: {} },
      { method: 'GET', url: 'x', headers: { accept: 'a' } },
      { method: 'GET', url: 'x', headers: { 'X-HTTP-Method-Override': 'DELETE' } },
    ],
    ['manage_users', { action: { enum: ['list', 'get', 'create'] } }, { action: 'list' }, { action: 'create' }],
    ['manage_users', { action: { enum: ['list', 'create'] } }, { action: 'List' }, { action: 'CREATE' }],
    ['manage_users', { action: { enum: ['list', 'create'] } }, { action: ' list ' }, { action: 'lists' }],
    [
      'calendar',
      { operation: { anyOf: [{ const: 'search_events' }, { const: 'add' }] } },
      { operation: 'search_events' },
      {},
    ],
  ])('%s %j reads with %j, not with %j', (name, properties, read, write, description = '') => {
    const reads = readsBySchema(tool(name, properties, description));
    expect(reads?.test(read)).toBe(true);
    expect(reads?.test(write)).toBe(false);
  });

  test.each([
    ['delete_page', { action: { enum: ['list', 'delete'] } }],
    ['manage_users', { action: { enum: ['create', 'delete'] } }],
    ['manage_users', { action: text }],
    ['search', { query: text }],
    ['send_message', { method: text, text }],
  ])('%s %j does not say by its arguments whether it reads', (name, properties) => {
    expect(readsBySchema(tool(name, properties))).toBeUndefined();
  });

  const files = { mode: { enum: ['read', 'binary'] }, operation: { enum: ['get', 'append'] }, path: text };
  const users = { action: { enum: ['list', 'delete'] }, id: text };
  test.each<readonly [string, Record<string, unknown>, JsonObject, JsonObject]>([
    ['file_manager', files, { mode: 'read', operation: 'get' }, { mode: 'read', operation: 'append' }],
    ['manage_users', users, { action: 'list', id: '1' }, { action: ['list'] }],
    ['manage_users', users, { action: 'list', operation: null }, { action: 'list', operation: 'delete' }],
    ['manage_users', users, { action: 'list', query: 'update' }, { action: 'list', sql: 'DELETE FROM t' }],
    ['manage_users', users, { action: 'LIST' }, { action: 'LIST', operation: 'DELETE' }],
    [
      'manage_users',
      users,
      { action: 'list', options: { sort: 'name' } },
      { action: 'list', options: { saveTo: 'x' } },
    ],
    [
      'manage_users',
      users,
      { action: 'list', filter: { action: 'delete' } },
      { action: 'list', input: { op: 'delete' } },
    ],
    [
      'manage_users',
      users,
      { action: 'list', filter: { destination: 'Rome' } },
      { action: 'list', search: { saveTo: 'x' } },
    ],
    [
      'manage_users',
      users,
      { action: 'list', filter: '{"all":[{"output":"x"}]}' },
      { action: 'list', filter: '{"all":[{"save_as":"x"}]}' },
    ],
    ['manage_users', users, { action: 'list', in: '{"a":1}' }, { action: 'list', in: '{"b":[{"action":"delete"}]}' }],
    ['http_request', { url: text, method: text }, { method: 'GET' }, { method: 'GET', request: { method: 'POST' } }],
    [
      'http_request',
      { url: text, method: text },
      { method: 'GET', query: { action: 'create', into: 'x' }, headers: { mode: 'cors' } },
      { method: 'GET', options: { output_file: 'x' } },
    ],
    [
      'run_sql',
      { sql: text, params: {} },
      { sql: 'SELECT 1', params: { action: 'delete', query: 'x' }, options: { format: 'csv', into: null } },
      { sql: 'SELECT 1', options: [{ saveTo: 'x' }] },
    ],
    [
      'graphql',
      { query: text },
      { query: '{ a }', variables: { action: 'x' } },
      { query: '{ a }', in: { gql: 'mutation { b }' } },
    ],
    ['manage_users', { ...users, op: { default: 'delete' } }, { action: 'list', op: 'get' }, { action: 'list' }],
    ['run_sql', { query: text, sql: text }, { query: 'SELECT 1' }, { query: 'SELECT 1', sql: 'DELETE FROM t' }],
    ['run_sql', { query: text, sql: text }, { sql: 'SELECT 1', query: null }, { query: 'DELETE FROM t' }],
    ['execute_sql', { sql: text }, { sql: 'SELECT 1', mode: 'read' }, { sql: 'SELECT 1', query: 'DELETE FROM t' }],
    ['execute_sql', { sql: text }, { sql: 'SELECT 1' }, { sql: 'SELECT 1', statement: ['DELETE FROM t'] }],
    ['execute_sql', { sql: text }, { sql: 'SELECT 1' }, { sql: 'SELECT 1', action: 'truncate' }],
    ['run_sql', { sql: text, output: text }, { sql: 'SELECT 1', output: 'json' }, { sql: 'SELECT 1', output: 'copy' }],
    ...['destination', 'destination_table', 'into', 'save_as', 'saveTo', 'target_table', 'outputDirPath'].map(
      (name) =>
        ['run_sql', { sql: text, [name]: text }, { sql: 'SELECT 1' }, { sql: 'SELECT 1', [name]: 'copy' }] as const,
    ),
    ['graphql', { query: text }, { query: '{ a }' }, { query: '{ a }', mutation: 'mutation { b }' }],
    ['http_request', { url: text, method: text }, { method: 'GET' }, { method: 'GET', action: 'create' }],
    ['http_request', { url: text, method: { default: 'GET' } }, { url: 'x' }, { url: 'x', method: null }],
    ['http_request', { url: text, method: text }, { method: 'GET' }, { method: 'GET', http_method: 'DELETE' }],
    ['http_request', { url: text, method: text }, { method: 'GET' }, { method: 'GET', url: 'x?_method=DELETE' }],
  ])('%s %j reads with %j, but not with %j, which says two things', (name, properties, read, write) => {
    const reads = readsBySchema(tool(name, properties));
    expect(reads?.test(read)).toBe(true);
    expect(reads?.test(write)).toBe(false);
  });

  test('reads as a rule says, when each place has one of its values', () => {
    const { test: reads } = readsByRule({ '/method': ['GET', 'HEAD'], '/options/dry_run': [true] });
    expect(reads({ method: 'get', options: { dry_run: true } })).toBe(true);
    expect(reads({ method: 'GET' })).toBe(false);
    expect(reads({ method: 'POST', options: { dry_run: true } })).toBe(false);
    expect(readsByRule({}).test({})).toBe(false);
  });
});

test.each([
  ['apply_migration', { name: text, query: text }, 'Applies a SQL migration.'],
  ['write_query', { query: text }, 'Runs SQL.'],
  ['create_table', { query: text }, 'Creates a table in the SQLite database.'],
])('%s writes, whatever its SQL does', (name, properties, description) => {
  expect(readsBySchema(tool(name, properties, description))).toBeUndefined();
});
