import { expect, test } from 'vitest';
import type { Effect } from '../../../src/core/tool/types.ts';
import type { OperationOverride } from '../../../src/openapi/policy/overrides.ts';
import { weakerMembers } from '../../../src/openapi/policy/untrusted-document.ts';

const hour = 3_600_000;
const lookup = { operation: 'list', arguments: {}, items: '', marker: { argument: 'a', field: 'b' } };

/** The effect by the method, an `x-mcp-once`, and its members that could weaken the guard. */
const table: readonly (readonly [Effect, OperationOverride, readonly (keyof OperationOverride)[]])[] = [
  ['create', { effect: 'read' }, ['effect']],
  ['create', { effect: 'update' }, ['effect']],
  ['create', { effect: 'replace' }, ['effect']],
  ['create', { effect: 'delete' }, ['effect']],
  ['create', { effect: 'create' }, []],
  ['update', { effect: 'read' }, ['effect']],
  ['update', { effect: 'delete' }, ['effect']],
  ['update', { effect: 'create' }, []],
  ['replace', { effect: 'read' }, ['effect']],
  ['replace', { effect: 'delete' }, ['effect']],
  ['replace', { effect: 'update' }, []],
  ['delete', { effect: 'read' }, ['effect']],
  ['delete', { effect: 'replace' }, ['effect']],
  ['delete', { effect: 'create' }, []],
  ['read', { effect: 'read' }, []],
  ['read', { effect: 'delete' }, []],
  ['read', { effect: 'create' }, []],
  ['create', { class: 'create' }, []],
  ['create', { class: 'state' }, ['class']],
  ['create', { class: 'state' }, ['class']],
  ['create', { class: 'off' }, ['class']],
  ['replace', { class: 'create' }, []],
  ['replace', { class: 'state' }, ['class']],
  ['read', { effect: 'create', class: 'off' }, ['class']],
  ['create', { windowMs: 0 }, ['windowMs']],
  ['create', { windowMs: 24 * hour - 1 }, ['windowMs']],
  ['create', { windowMs: 24 * hour }, []],
  ['create', { windowMs: 48 * hour }, []],
  ['create', { recovery: [] }, []],
  ['create', { recovery: ['refuse'] }, []],
  ['create', { recovery: ['resend'] }, []],
  ['create', { recovery: ['resend', 'natural'] }, ['recovery']],
  ['replace', { recovery: ['natural'] }, ['recovery']],
  ['create', { recovery: ['reconcile'], lookup }, ['recovery', 'lookup']],
  ['replace', { clientId: 'id' }, ['clientId']],
  ['create', { enabled: false, name: 'buy', identity: ['item'], fields: ['/id'] }, []],
  ['delete', { effect: 'read', class: 'off', windowMs: 1 }, ['effect', 'class', 'windowMs']],
];

test.each(table)('x-mcp-once of a %s with %j weakens the guard by %j', (effect, given, weaker) => {
  expect(weakerMembers(given, { effect })).toEqual(weaker);
});
