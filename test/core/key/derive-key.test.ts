import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  type DeriveKeyInput,
  deriveKey,
  KEY_FORMAT,
  type KeyParts,
  keyOf,
  markerOf,
  parseHostKey,
  resourceKeysOf,
  upstreamKeyOf,
} from '../../../src/core/key/derive-key.ts';

interface VectorInput extends Omit<DeriveKeyInput, 'later'> {
  occurrence?: { ordinal: number; after: string; generation: number };
}

interface Vectors {
  format: number;
  /** The vectors call the number of an occurrence `ordinal`. */
  derived: { name: string; input: VectorInput; output: Record<string, unknown> }[];
  upstreamKeys: { input: Parameters<typeof upstreamKeyOf>[0]; output: string }[];
  markers: { input: Parameters<typeof markerOf>[0]; output: string }[];
  resources: { input: Parameters<typeof resourceKeysOf>[0]; output: ReturnType<typeof resourceKeysOf> }[];
}

const vectors: Vectors = JSON.parse(readFileSync(new URL('./vectors/keys.json', import.meta.url), 'utf8'));
const UUID_V8 = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const scope = { tenant: 'acme', subject: 'ada' };
const upstream = { origin: 'https://api.stripe.com', mode: 'test', account: 'acct_1' };
const fingerprint = 'a'.repeat(64);
const call = { tool: 'create_invoice', scope, upstream, fingerprint, uniqueId: 'unique-1' } as const;
const identical: DeriveKeyInput = { ...call, match: 'identical' };
const latest: DeriveKeyInput = { ...call, match: 'latest', identity: { id: 'in_1' } };
const sameCall: DeriveKeyInput = { ...call, match: 'same-call', callId: 'call-1', conversation: 'talk-1' };

describe('the vectors', () => {
  it('have the present format', () => {
    expect(vectors.format).toBe(KEY_FORMAT);
  });

  it.each(vectors.derived)('deriveKey: $name', ({ input: { occurrence, ...input }, output }) => {
    const later = occurrence && { ...occurrence, occurrence: occurrence.ordinal };
    expect(deriveKey({ ...input, later })).toEqual({ ...output, scope: input.scope });
  });

  it.each(vectors.upstreamKeys)('upstreamKeyOf $input', ({ input, output }) => {
    expect(upstreamKeyOf(input)).toBe(output);
  });

  it.each(vectors.markers)('markerOf $input', ({ input, output }) => {
    expect(markerOf(input)).toBe(output);
  });

  it.each(vectors.resources)('resourceKeysOf $input.resource', ({ input, output }) => {
    expect(resourceKeysOf(input)).toEqual(output);
  });
});

describe('keyOf', () => {
  const parts: KeyParts = {
    scope: { ...scope, conversation: 'talk' },
    upstream,
    tool: 'create_invoice',
    identity: ['identity', '{"a":1}'],
    later: { occurrence: 2, after: 'k', generation: 1 },
  };
  const others: [string, KeyParts][] = [
    ['the tenant', { ...parts, scope: { ...parts.scope, tenant: 'other' } }],
    ['the subject', { ...parts, scope: { ...parts.scope, subject: 'other' } }],
    ['the conversation', { ...parts, scope: { ...parts.scope, conversation: 'other' } }],
    ['no conversation', { ...parts, scope }],
    ['tenant and subject run together', { ...parts, scope: { ...parts.scope, tenant: 'acmea', subject: 'da' } }],
    ['the origin', { ...parts, upstream: { ...upstream, origin: 'https://other' } }],
    ['the mode', { ...parts, upstream: { ...upstream, mode: 'live' } }],
    ['the account', { ...parts, upstream: { ...upstream, account: 'acct_2' } }],
    ['the tool', { ...parts, tool: 'create_customer' }],
    ['no tool', { ...parts, tool: undefined }],
    ['the kind of identity', { ...parts, identity: ['host', '{"a":1}'] }],
    ['the identity', { ...parts, identity: ['identity', '{"a":2}'] }],
    ['one part of identity more', { ...parts, identity: ['identity', '{"a":1}', null] }],
    ['no occurrence', { ...parts, later: undefined }],
    ['the occurrence', { ...parts, later: { occurrence: 3, after: 'k', generation: 1 } }],
    ['the operation before', { ...parts, later: { occurrence: 2, after: 'l', generation: 1 } }],
    ['its generation', { ...parts, later: { occurrence: 2, after: 'k', generation: 2 } }],
  ];

  it('returns a UUID of version 8 that changes with every component', () => {
    const keys = [parts, ...others.map(([, other]) => other)].map(keyOf);
    for (const key of keys) expect(key).toMatch(UUID_V8);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('uses all four variants and both ends of its 122 bits', () => {
    const keys = Array.from({ length: 400 }, (_, index) => keyOf({ ...parts, identity: [String(index)] }));
    expect(new Set(keys.map((key) => key[19]))).toEqual(new Set(['8', '9', 'a', 'b']));
    for (const position of [0, 12, 15, 20, 35]) expect(new Set(keys.map((key) => key[position])).size).toBe(16);
  });
});

describe('a host key', () => {
  const hosted = { ...identical, hostKey: 'host-1' };

  it('decides alone, without arguments, call id, conversation and occurrence', () => {
    const key = deriveKey(hosted);
    expect(key.source).toBe('host');
    const others = {
      fingerprint: 'b'.repeat(64),
      identity: { other: true },
      callId: 'call-2',
      conversation: 'talk-2',
      uniqueId: 'unique-2',
      later: { occurrence: 2, after: key.key, generation: 1 },
    };
    expect(deriveKey({ ...hosted, ...others }).key).toBe(key.key);
    expect(deriveKey({ ...hosted, match: 'same-call' }).key).toBe(key.key);
    expect(deriveKey({ ...hosted, match: 'same-call' })).not.toHaveProperty('latchKey');
  });

  it('means another operation for another tool, tenant or host key', () => {
    const keys = [
      hosted,
      identical,
      { ...hosted, tool: 'other' },
      { ...hosted, scope: { ...scope, tenant: 'other' } },
      { ...hosted, hostKey: 'host-2' },
      { ...hosted, hostKey: 'HOST-1' },
    ].map((input) => deriveKey(input).key);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('leaves the keys of a resource the same for all tools', () => {
    const keys = resourceKeysOf({ scope, upstream, resource: { id: 'in_1' } });
    expect(keys.record).toBe(deriveKey(latest).key);
    expect(keys.record).toBe(deriveKey({ ...latest, tool: 'void_invoice' }).key);
    expect(resourceKeysOf({ scope, upstream, resource: { id: 'in_2' } }).latch).not.toBe(keys.latch);
    expect(keys.latch).not.toBe(keys.record);
  });
});

describe('identical', () => {
  it('derives the key from the arguments, or from the business key of the tool', () => {
    const byArguments = deriveKey(identical);
    const byIdentity = deriveKey({ ...identical, identity: { customer: 'c', lines: [1] } });
    expect(byArguments.source).toBe('identical');
    expect(byIdentity.key).not.toBe(byArguments.key);
    expect(deriveKey({ ...identical, fingerprint: 'b'.repeat(64) }).key).not.toBe(byArguments.key);
    expect(deriveKey({ ...identical, identity: { lines: [1], customer: 'c' }, fingerprint: 'b'.repeat(64) }).key).toBe(
      byIdentity.key,
    );
  });

  it('normalises an identity to JSON in NFC', () => {
    const of = (identity: unknown) => deriveKey({ ...identical, identity }).key;
    expect(of({ name: 'caf\u00e9', email: undefined })).toBe(of({ name: 'cafe\u0301' }));
    expect(() => of({ at: new Date(0) })).toThrow(expect.objectContaining({ code: 'invalid_input' }));
  });

  it('does not depend on call id, conversation or random ids', () => {
    const other = { callId: 'call-2', conversation: 'talk-2', uniqueId: 'unique-2' };
    expect(deriveKey({ ...identical, ...other })).toEqual(deriveKey(identical));
  });

  it('returns a frozen key with the fingerprint', () => {
    const key = deriveKey({ ...identical, scope: { ...scope, conversation: 'talk' } });
    expect(Object.isFrozen(key) && Object.isFrozen(key.scope)).toBe(true);
    expect(key).toMatchObject({ fingerprint, scope: { ...scope, conversation: 'talk' } });
  });
});

describe('latest', () => {
  it('gives all tools that write a resource the same key', () => {
    const update = deriveKey(latest);
    const remove = deriveKey({ ...latest, tool: 'void_invoice' });
    expect(update.source).toBe('latest');
    expect(remove.key).toBe(update.key);
    expect(deriveKey({ ...latest, identity: { id: 'in_2' } }).key).not.toBe(update.key);
    expect(deriveKey({ ...latest, upstream: { ...upstream, mode: 'live' } }).key).not.toBe(update.key);
  });

  it('includes the tool in the fingerprint', () => {
    const pause = deriveKey({ ...latest, tool: 'pause_subscription' });
    const resume = deriveKey({ ...latest, tool: 'resume_subscription' });
    expect(pause.key).toBe(resume.key);
    expect(pause.fingerprint).not.toBe(resume.fingerprint);
    expect(pause.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(deriveKey({ ...latest, tool: 'pause_subscription', uniqueId: 'unique-2' })).toEqual(pause);
  });

  it('requires a resource', () => {
    expect(() => deriveKey({ ...latest, identity: undefined })).toThrow('is undefined');
  });
});

describe('same-call', () => {
  it('derives the key from call id, conversation and arguments', () => {
    const key = deriveKey(sameCall);
    expect(key.source).toBe('same-call');
    expect(deriveKey({ ...sameCall, uniqueId: 'unique-2' }).key).toBe(key.key);
    const others = [
      { ...sameCall, callId: 'call-2' },
      { ...sameCall, conversation: 'talk-2' },
      { ...sameCall, conversation: undefined },
      { ...sameCall, fingerprint: 'b'.repeat(64) },
      { ...sameCall, tool: 'other' },
    ].map((input) => deriveKey(input).key);
    expect(new Set([key.key, ...others]).size).toBe(6);
  });

  it('gives each call its own key when the host sends no call id', () => {
    const first = deriveKey({ ...sameCall, callId: undefined });
    const second = deriveKey({ ...sameCall, callId: undefined, uniqueId: 'unique-2' });
    expect(first.source).toBe('call');
    expect(second.key).not.toBe(first.key);
  });

  it('gives identical calls the same latch key for all call ids and conversations', () => {
    const { latchKey, key } = deriveKey(sameCall);
    expect(latchKey).toMatch(UUID_V8);
    expect(latchKey).not.toBe(key);
    for (const twin of [{ callId: 'call-2' }, { callId: undefined }, { conversation: 'talk-2' }]) {
      expect(deriveKey({ ...sameCall, ...twin }).latchKey).toBe(latchKey);
    }
    for (const other of [
      { tool: 'other' },
      { fingerprint: 'b'.repeat(64) },
      { scope: { ...scope, subject: 'other' } },
      { upstream: { ...upstream, account: 'other' } },
    ]) {
      expect(deriveKey({ ...sameCall, ...other }).latchKey).not.toBe(latchKey);
    }
  });
});

describe('what is derived from a key', () => {
  const { key } = deriveKey(identical);
  const createdAt = Date.UTC(2026, 0, 2);

  it('gives every effect another upstream key', () => {
    const keys = [
      { key, generation: 1, attempt: 1 },
      { key, generation: 2, attempt: 1 },
      { key, generation: 1, attempt: 2 },
      { key, generation: 11, attempt: 1 },
      { key, generation: 1, attempt: 1, step: 'invoice' },
      { key, generation: 1, attempt: 1, step: 'lines' },
      { key, generation: 1, attempt: 1, step: '' },
      { key: deriveKey(latest).key, generation: 1, attempt: 1 },
    ].map((parts) => upstreamKeyOf({ createdAt, ...parts }));
    for (const upstreamKey of keys) expect(upstreamKey).toMatch(UUID_V8);
    expect(new Set([...keys, key]).size).toBe(9);
  });

  it('gives a lost record the same upstream key within a week, and another later', () => {
    const keyAt = (at: number) => upstreamKeyOf({ key, generation: 1, attempt: 1, createdAt: at });
    expect(keyAt(createdAt + 3_600_000)).toBe(keyAt(createdAt));
    expect(keyAt(createdAt + 7 * 86_400_000)).not.toBe(keyAt(createdAt));
  });

  it('has one marker for all attempts that fits metadata and references', () => {
    const marker = markerOf({ key, generation: 1, createdAt: 1_000 });
    expect(marker).toMatch(/^mcp_once_[0-9a-f]{32}$/);
    expect(marker).toHaveLength(41);
    expect(markerOf({ key, generation: 2, createdAt: 1_000 })).not.toBe(marker);
    expect(markerOf({ key, generation: 1, createdAt: 1_001 })).not.toBe(marker);
    expect(marker).not.toContain(key.replaceAll('-', ''));
    expect(marker).not.toContain(upstreamKeyOf({ key, generation: 1, attempt: 1, createdAt }).replaceAll('-', ''));
  });
});

describe('parseHostKey', () => {
  it.each([['a'], ['x'.repeat(255)], ['😀'.repeat(255)], [' key with spaces '], ['caf\u00e9']])(
    'accepts %j',
    (hostKey) => {
      expect(parseHostKey(hostKey)).toEqual({ ok: true, hostKey });
    },
  );

  it.each([
    ['the idempotency key is empty', ''],
    ['the idempotency key is over 255 characters', 'x'.repeat(256)],
    ['the idempotency key is over 255 characters', '😀'.repeat(256)],
    ['the idempotency key is over 255 characters', 'x'.repeat(2_000_000)],
    ['the idempotency key is not a string', 5],
    ['the idempotency key is not a string', null],
    ['the idempotency key is not a string', ['key']],
    ['the idempotency key contains a control character or half a surrogate pair', 'a\nb'],
    ['the idempotency key contains a control character or half a surrogate pair', 'a\u0000'],
    ['the idempotency key contains a control character or half a surrogate pair', '\u0085'],
    ['the idempotency key contains a control character or half a surrogate pair', '\ud800'],
  ])('refuses a key because %s', (message, value) => {
    expect(parseHostKey(value)).toEqual({ ok: false, message });
  });
});
