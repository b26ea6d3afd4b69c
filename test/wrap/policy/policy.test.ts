import { describe, expect, test } from 'vitest';
import { wordsOf } from '../../../src/core/key/fold-text.ts';
import { guessByName, soundsLikeMoney } from '../../../src/core/tool/class-words.ts';
import { decideGuard } from '../../../src/wrap/policy/policy.ts';
import type { GuardDecision, McpTool, TrustAnnotations, WrapRule } from '../../../src/wrap/policy/types.ts';

const text = { type: 'string' };

function listed(name: string, more: Partial<McpTool> & { properties?: Record<string, unknown> } = {}): McpTool {
  const { properties = { title: text }, ...rest } = more;
  return { name, inputSchema: { type: 'object', properties }, ...rest };
}

function decided(tool: McpTool, tools: Record<string, WrapRule> = {}, trustAnnotations: TrustAnnotations = 'readOnly') {
  return decideGuard(tool, { trustAnnotations, tools });
}

function guardOf(...args: Parameters<typeof decided>): GuardDecision {
  const decision = decided(...args);
  if (decision.type !== 'guard') throw new Error(`not guarded: ${decision.why}`);
  return decision;
}

describe('a tool without hints', () => {
  test('is guarded by all its arguments for ten minutes, and is never recovered by a repeat', () => {
    expect(guardOf(listed('create_issue'))).toEqual({
      type: 'guard',
      because: 'default',
      why: 'nothing marks it as read-only',
      warnings: [],
      effect: 'create',
      class: 'create',
      movesMoney: false,
      windowMs: 600_000,
      recovery: ['refuse'],
      undeclared: 'pass',
      lookupLagMs: 60_000,
    });
  });

  test('has a warning where it makes something without arguments', () => {
    const sent = listed('send_alarm', { properties: {} });
    expect(guardOf(sent).warnings[0]).toMatch(/no arguments.*within 600 s.*class: state, repeatable or off/);
    expect(guardOf(listed('roll', { properties: {} })).warnings).toEqual([]);
    expect(guardOf(sent, { '*': { class: 'create' } }).warnings).toEqual([]);
  });
});

describe('the class by name', () => {
  test.each([
    ['create_issue', 'create', 'create'],
    ['send_message', 'create', 'create'],
    ['edit_file', 'state', 'update'],
    ['delete_file', 'state', 'delete'],
    ['cancel_order', 'state', 'delete'],
    ['browser_click', 'repeatable', 'update'],
    ['append_row', 'repeatable', 'update'],
    ['frobnicate', 'state', 'update'],
    ['update_issue', 'state', 'update'],
    ['jira_transition_issue', 'state', 'update'],
    ['mark_message_read', 'state', 'update'],
    ['order_cancel', 'state', 'delete'],
  ] as const)('%s is %s, with the effect %s', (name, toolClass, effect) => {
    expect(guardOf(listed(name))).toMatchObject({ class: toolClass, effect });
  });

  test.each([
    ['pay_invoice', true],
    ['refund', true],
    ['create_issue', false],
    ['transfer_funds', true],
    ['invoice_finalize', true],
    ['order_status', false],
    ['manage_notification_subscription', false],
    ['set_sort_order', false],
  ])('%s moves money: %s', (name, movesMoney) => {
    expect(soundsLikeMoney(name)).toBe(movesMoney);
    if (name === 'order_status') return;
    expect(guardOf(listed(name))).toMatchObject({ movesMoney });
    expect(guardOf(listed(name), { '*': { movesMoney: !movesMoney } })).toMatchObject({ movesMoney: !movesMoney });
  });
});

describe('annotations', () => {
  const reads = listed('run_report', { annotations: { readOnlyHint: true } });

  test('readOnlyHint lets calls pass from a trusted server', () => {
    expect(decided(reads)).toMatchObject({ type: 'pass', because: 'annotation' });
    expect(decided(reads, {}, 'all').type).toBe('pass');
    expect(decided(reads, {}, 'none').type).toBe('guard');
  });

  test('idempotentHint lets a tool recover by a repeat, with trust in all annotations', () => {
    const sets = listed('set_label', { annotations: { idempotentHint: true } });
    expect(guardOf(sets, {}, 'all')).toMatchObject({ class: 'state', recovery: ['natural', 'refuse'] });
    expect(guardOf(sets)).toMatchObject({ class: 'state', recovery: ['refuse'] });
  });

  test('readOnlyHint: false guards a tool named get_', () => {
    expect(guardOf(listed('get_ticket', { annotations: { readOnlyHint: false } })).warnings[0]).toMatch(/class: off/);
    expect(decided(listed('get_ticket', { annotations: { destructiveHint: true } })).type).toBe('guard');
  });

  test('a hint that contradicts the name has a warning', () => {
    const odd = listed('get_or_create', { annotations: { readOnlyHint: true } });
    expect(decided(odd).warnings[0]).toMatch(/may create/);
  });
});

describe('names', () => {
  test.each([
    'get_issue',
    'getIssue',
    'get-issue',
    'GetIssue',
    'list',
    'search_code',
    'read_file',
    'find_user',
    'describe_table',
    'github_list_issues',
    'API-get-user',
    'users.list',
    'getHTTPStatus',
    'github_get_issue',
    'get_order',
  ])('%s passes', (name) => {
    expect(decided(listed(name))).toMatchObject({ type: 'pass', because: 'name' });
  });

  test.each([
    'create_issue',
    'getaway',
    'listing_add',
    'shopping_list_add',
    'delete_list',
    'readjust',
    'check_in',
    'hotel_check_out',
    'execute_query',
    'search_and_replace',
    'find_or_create_user',
    'getOrCreateUser',
    'mark_as_read',
    'order_list_cancel',
    'book_check',
    'get_and_book',
  ])('%s is guarded', (name) => {
    expect(decided(listed(name)).type).toBe('guard');
  });

  test('an uncertain guess has a warning', () => {
    const warning = (name: string, properties = {}) => decided(listed(name, { properties })).warnings.join();
    expect(warning('query_users', { sql: text })).toMatch(/"query" may read and "sql" may write/);
    expect(warning('get_update_status')).toBe('');
    expect(warning('fetch', { url: text, method: text })).toMatch(/"fetch" may read and "method" may write/);
    expect(warning('get_or_create', { a: text })).toMatch(/"create" may write: if it only reads, set class: off/);
    expect(warning('get_issue', { id: text })).toBe('');
  });

  test('wordsOf splits snake, kebab, camel and dotted names', () => {
    expect(wordsOf('getHTTPStatus_of-it.now2Go')).toEqual(['get', 'http', 'status', 'of', 'it', 'now2', 'go']);
    expect(guessByName('')).toMatchObject({ act: 'state', word: '' });
  });
});

describe('findKeyField', () => {
  const keyOf = (name: string, schema: object, description?: string) => {
    const tool = listed('pay', { properties: { amount: text, [name]: schema }, description });
    const decision = decided(tool);
    return decision.type === 'guard' ? decision.key : undefined;
  };

  test.each(['idempotency_key', 'idempotencyKey', 'Idempotency-Key', 'idempotency_token', 'dedupe_key'])(
    'accepts %s by its name',
    (name) => {
      expect(keyOf(name, text)).toEqual({ path: [name], chars: 36 });
    },
  );

  test('accepts client_token unless its description is about something else', () => {
    expect(keyOf('client_token', text)).toBeDefined();
    expect(keyOf('clientToken', { ...text, description: 'Makes retries safe.' })).toBeDefined();
    expect(keyOf('client_token', { ...text, description: 'The token of the OAuth client.' })).toBeUndefined();
  });

  test('accepts request_id only if a description is about idempotency', () => {
    expect(keyOf('request_id', text)).toBeUndefined();
    expect(keyOf('requestId', { ...text, description: 'For tracing.' })).toBeUndefined();
    expect(keyOf('requestId', { ...text, description: 'Idempotency: at most once.' })).toBeDefined();
    expect(keyOf('request_id', text, 'Pays. Safe to retry with the same request_id.')).toBeDefined();
  });

  test('requires room for a key that distinguishes operations', () => {
    expect(keyOf('idempotency_key', { ...text, maxLength: 32 })).toEqual({ path: ['idempotency_key'], chars: 32 });
    expect(keyOf('idempotency_key', { ...text, maxLength: 20 })).toEqual({ path: ['idempotency_key'], chars: 20 });
    expect(keyOf('idempotency_key', { ...text, maxLength: 8 })).toBeUndefined();
    expect(keyOf('idempotency_key', { ...text, pattern: '^[0-9a-f]+$' })).toMatchObject({ chars: 32 });
    expect(keyOf('idempotency_key', { ...text, pattern: '^ORDER-' })).toBeUndefined();
    expect(keyOf('idempotency_key', { ...text, format: 'uuid' })).toMatchObject({ chars: 36 });
    expect(keyOf('idempotency_key', { ...text, enum: ['a'] })).toBeUndefined();
    expect(keyOf('idempotency_key', { type: 'integer' })).toBeUndefined();
    expect(keyOf('idempotency_key', { anyOf: [text, { type: 'null' }] })).toMatchObject({ chars: 36 });
  });

  test('takes precedence over name and idempotentHint', () => {
    const properties = { idempotency_key: text };
    const tool = listed('get_or_pay', { properties, annotations: { idempotentHint: true } });
    expect(guardOf(tool, {}, 'all')).toMatchObject({
      because: 'key-field',
      class: 'create',
      recovery: ['resend', 'refuse'],
    });
    expect(decided(listed('get_invoice', { properties })).type).toBe('guard');
  });
});

describe('rules of the configuration', () => {
  test('take precedence, and a later pattern wins for each key', () => {
    const rules = { 'get_*': { class: 'create', windowMs: 1 }, get_token: { windowMs: 5_000 } } as const;
    expect(guardOf(listed('get_token'), rules)).toMatchObject({ because: 'configuration', windowMs: 5_000 });
    expect(decided(listed('create_issue'), { create_issue: { class: 'off' } })).toMatchObject({ type: 'pass' });
  });

  test('do not guard reads by a rule for all tools', () => {
    const rules = { '*': { class: 'create', windowMs: 1_000 } } as const;
    expect(decided(listed('get_issue'), rules).type).toBe('pass');
    expect(guardOf(listed('create_issue'), rules).windowMs).toBe(1_000);
  });

  test('accept a JSON pointer or JSON path as identity', () => {
    const properties = { order: { type: 'object' }, note: text };
    const rule = { identity: ['/order/id', '$.order.lines[0]', "$['note']"] };
    const guard = guardOf(listed('create', { properties }), { create: rule });
    expect(guard.identity).toEqual([['order', 'id'], ['order', 'lines', '0'], ['note']]);
    expect(guard.warnings).toEqual([]);
  });

  test('are ignored with a warning where the tool does not support them', () => {
    const rule = { recovery: ['resend', 'reconcile', 'natural'], identity: ['id', '/nope'] } as const;
    const guard = guardOf(listed('pay'), { pay: rule });
    expect(guard.recovery).toEqual(['natural', 'refuse']);
    expect(guard.identity).toEqual([['nope']]);
    expect(guard.warnings.join('\n')).toMatch(/"resend" is ignored[\s\S]*"reconcile" is ignored|not a JSON pointer/);
    expect(guard.warnings.filter((each) => /\/nope/.test(each))).toHaveLength(1);
  });

  test('allow reconcile with a lookup that has an argument for its marker', () => {
    const lookup = { tool: 'list', arguments: {}, items: '/items', marker: { argument: 'ref', field: 'ref' } };
    const withRef = listed('pay', { properties: { ref: text } });
    expect(guardOf(withRef, { pay: { lookup } })).toMatchObject({ recovery: ['reconcile', 'refuse'] });
    expect(guardOf(listed('pay'), { pay: { lookup } }).warnings[0]).toMatch(/no "ref"/);
  });
});

test('decideGuard does not throw for an invalid schema', () => {
  for (const inputSchema of [{}, { properties: 5 }, { properties: { idempotency_key: 7 } }, { properties: null }]) {
    expect(decideGuard({ name: 'pay', inputSchema }, { trustAnnotations: 'all', tools: {} }).type).toBe('guard');
  }
});
