import { Keyv } from 'keyv';
import { describe, expect, it } from 'vitest';
import { readToolList } from '../../src/guard/listed-tools.ts';
import { guardSettings } from '../../src/guard/options.ts';
import { buildTool, policiesFor, toContent } from '../../src/guard/policy.ts';
import { argumentParser } from '../../src/guard/registrations.ts';
import { scopeFor } from '../../src/guard/scope.ts';
import type { GuardPolicy, ToolHints } from '../../src/guard/types.ts';
import { z } from '../../src/index.ts';
import { keysText } from '../support/encryption.ts';

const upstream = { origin: 'mcp', mode: 'local', account: 'test' };
const minute = 60_000;
const hour = 60 * minute;

function toolOf(annotations: ToolHints, policy: GuardPolicy = {}) {
  const {
    effect,
    class: toolClass,
    windowMs,
    recovery,
  } = buildTool({
    name: 'a_tool',
    annotations,
    policies: [policy],
    upstream,
    results: 'content',
  });
  return { effect, class: toolClass, windowMs, recovery };
}

describe('guardSettings', () => {
  it('fills in every default, with durations in milliseconds', () => {
    const settings = guardSettings({}, { HOME: '/home/ada' });
    expect(settings).toMatchObject({ waitMs: 45_000, maxRunMs: 600_000, leaseMs: 10_000, drainMs: 30_000 });
    expect(settings.storeIsDefault).toBe(true);
    expect(settings.store).toContain('ledger.sqlite');
    expect(guardSettings({ wait: '30s' }, {}).waitMs).toBe(30_000);
  });

  it('takes store, subject and secret from the environment when no option sets them', () => {
    const environment = { MCP_ONCE_STORE: 'memory:', MCP_ONCE_SUBJECT: 'ada', MCP_ONCE_SECRET: 's'.repeat(32) };
    const settings = guardSettings({}, environment);
    expect(settings).toMatchObject({ store: 'memory:', fallbackScope: { subject: 'ada' }, secret: 's'.repeat(32) });
    expect(guardSettings({ store: 'redis://x' }, environment).store).toBe('redis://x');
    expect(() => guardSettings({}, { MCP_ONCE_SECRET: 'short' })).toThrow(/MCP_ONCE_SECRET is too short/);
  });

  it('takes encryption keys from the environment, as the server does', () => {
    const environment = { MCP_ONCE_ENCRYPTION_KEYS: keysText('b', 'a') };
    expect(guardSettings({}, environment).encryptionKeys.map(({ id }) => id)).toEqual(['b', 'a']);
    expect(guardSettings({}, {}).encryptionKeys).toEqual([]);
    expect(() => guardSettings({}, { MCP_ONCE_ENCRYPTION_KEYS: 'hunter2' })).toThrow(/key 1 is not written id:base64/);
  });

  it.each([
    [{ stroe: 'memory:' }, /"stroe" is not known; did you mean "store"\?/],
    [{ tools: { a: { windw: 1 } } }, /tools\.a: "windw" is not known; did you mean "window"\?/],
    [{ tools: { a: { identity: 'x' } } }, /tools\.a\.identity: must be a function/],
    [{ wait: '1h' }, /wait: must be/],
    [{ lease: '1m', wait: '30s' }, /lease must be shorter than wait/],
    [{ store: 5 }, /store: must be a store's URL or a Keyv instance/],
    [{ scope: { user: 'ada' } }, /scope/],
  ])('refuses %j and names what is wrong', (options, message) => {
    expect(() => guardSettings(options as never, {})).toThrow(message);
  });

  it('never repeats a secret that it refuses', () => {
    const secret = 'hunter2';
    expect(() => guardSettings({ secret }, {})).toThrow(expect.not.stringContaining(secret));
  });

  it('names the program by its code or its script, and requires a name otherwise', () => {
    const shared = { MCP_ONCE_STORE: 'redis://x' };
    expect(guardSettings({ name: 'shop' }, shared).programName).toBe('shop');
    expect(guardSettings({ store: 'redis://x' }, {}).programName).toBe('local');
    expect(guardSettings({}, {}).programName).toMatch(/^script:/);
    expect(guardSettings({}, { MCP_ONCE_STORE: 'sqlite:/tmp/x' }).programName).toMatch(/^script:/);
    expect(guardSettings({}, shared).programName).toBeUndefined();
  });

  it('recognises a Keyv instance by its shape', () => {
    const keyv = new Keyv();
    expect(guardSettings({ store: keyv }, {}).store).toBe(keyv);
  });
});

describe('guardTool', () => {
  it.each([
    [{ readOnlyHint: true }, {}, { effect: 'read', class: 'off' }],
    [{}, {}, { effect: 'create', class: 'create', windowMs: 24 * hour, recovery: ['refuse'] }],
    [{ idempotentHint: true }, {}, { effect: 'update', class: 'state', recovery: ['natural', 'refuse'] }],
    [{ readOnlyHint: true }, { effect: 'create' }, { effect: 'create', class: 'create' }],
    [{}, { effect: 'update' }, { class: 'state', windowMs: 10 * minute, recovery: ['refuse'] }],
    [{}, { effect: 'update', resource: () => 1 }, { class: 'state', windowMs: 2 * minute }],
    [{}, { window: '7d' }, { windowMs: 168 * hour }],
    [{}, { recovery: 'resend', keyMemory: '24h' }, { recovery: ['resend', 'refuse'] }],
  ] as const)('returns for %j with %o the policy %o', (hints, policy, expected) => {
    expect(toolOf(hints, policy as GuardPolicy)).toMatchObject(expected);
  });

  it.each([
    [{ recovery: 'reconcile' }, /needs lookup/],
    [{ recovery: 'natural' }, /needs resource/],
    [{ recovery: 'resend' }, /needs keyMemory/],
    [{ effect: 'delete', resource: () => 1, recovery: 'natural' }, /needs gone/],
  ] as const)('refuses %o', (policy, message) => {
    expect(() => toolOf({}, policy as GuardPolicy)).toThrow(message);
  });

  it('overrides earlier policies with later ones, member by member', () => {
    const policies = policiesFor(
      'create_invoice',
      { 'create_*': { window: '1h', class: 'create' }, 'delete_*': { window: '2h' } },
      { create_invoice: { window: '3h' } },
    );
    expect(Object.assign({}, ...policies)).toEqual({ window: '3h', class: 'create' });
  });
});

describe('scopeFor', () => {
  const token = { authInfo: { token: 't', clientId: 'c', scopes: [], extra: { sub: 'ada', iss: 'https://id' } } };

  it("takes the author's option, else the token, else the environment, else local", () => {
    const none = { scope: undefined, fallback: undefined, shared: false };
    const local = { tenant: 'default', subject: 'local' };
    expect(scopeFor({ ...none, scope: () => ({ subject: 'eve' }) }, token)).toEqual({
      tenant: 'default',
      subject: 'eve',
    });
    expect(scopeFor(none, token)).toEqual({ tenant: 'https://id', subject: 'ada' });
    expect(scopeFor(none, { http: token })).toEqual({ tenant: 'https://id', subject: 'ada' });
    expect(scopeFor({ ...none, fallback: { subject: 'bob' } }, {})).toEqual({ tenant: 'default', subject: 'bob' });
    expect(scopeFor(none, {})).toEqual(local);
  });

  it('refuses a token that names a client only, an unscoped call on a shared store, and an empty subject', () => {
    const none = { scope: undefined, fallback: undefined, shared: true };
    expect(() => scopeFor(none, {})).toThrow(/shared/);
    expect(() => scopeFor(none, { authInfo: { clientId: 'c' } })).toThrow(/names no subject/);
    expect(() => scopeFor({ ...none, scope: () => ({ subject: '' }) }, {})).toThrow(/scope: subject/);
  });
});

describe('the list of a server', () => {
  it('keeps the entries that have a name', () => {
    expect(readToolList(undefined)).toEqual({ tools: [], nextCursor: undefined });
    expect(readToolList({ tools: [{ name: 'a' }, 5], nextCursor: 'n' })).toEqual({
      tools: [{ name: 'a' }],
      nextCursor: 'n',
    });
    expect(toContent('x')).toEqual({ content: [{ type: 'text', text: 'x' }] });
    expect(toContent({ a: 1 })).toEqual({ content: [{ type: 'text', text: '{"a":1}' }] });
    expect(toContent({ structuredContent: { a: 1 } })).toEqual({ structuredContent: { a: 1 }, content: [] });
    expect(toContent(undefined)).toEqual({ content: [{ type: 'text', text: 'null' }] });
  });

  it('checks arguments with the registered schema, keeps the sent values and drops unknown fields', () => {
    const schema = z.object({ a: z.string().transform(Number), b: z.number().optional() });
    const jsonSchema = { type: 'object', properties: { a: { type: 'string' }, b: { type: 'number' } } };
    const parse = argumentParser(schema, jsonSchema);
    expect(parse?.({ a: '5', c: 1 })).toEqual({ ok: true, value: { a: '5' } });
    expect(parse?.({ a: 5 })).toMatchObject({ ok: false, issues: [{ path: '/a' }] });
    const renames = argumentParser(
      z.object({ a: z.string() }).transform(({ a }) => ({ b: a })),
      jsonSchema,
    );
    expect(renames?.({ a: 'x' })).toEqual({ ok: true, value: { a: 'x' } });
    expect(argumentParser({ type: 'object' }, jsonSchema)).toBeUndefined();
    const later = argumentParser(z.object({ a: z.string().refine(async () => true) }), jsonSchema);
    expect(later?.({ a: 'x' })).toEqual({ ok: true, value: { a: 'x' } });
  });
});
