import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  callIdKeyOf,
  type DeriveKeyInput,
  deriveKey,
  KEY_FORMAT,
  type KeyParts,
  keyOf,
  markedAtOf,
  markerOf,
  parseHostKey,
  resourceKeysOf,
  upstreamKeyOf,
} from '../../../src/core/key/derive-key.ts';

/** The vectors have the names of version 0.1: a way to recognise repeats, and call ids. */
interface VectorInput extends Omit<DeriveKeyInput, 'later' | 'occurrence'> {
  match: 'identical' | 'latest' | 'same-call';
  callId?: string;
  conversation?: string;
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
const identical: DeriveKeyInput = { tool: 'create_invoice', scope, upstream, fingerprint };
const latest: DeriveKeyInput = { ...identical, resource: { id: 'in_1' } };
const byCallId = { ...identical, callId: 'call-1', conversation: 'talk-1' };

describe('the vectors', () => {
  it('have the present format', () => {
    expect(vectors.format).toBe(KEY_FORMAT);
  });

  it.each(vectors.derived)('deriveKey: $name', ({ input: { occurrence, match, ...input }, output }) => {
    const { scope: whose, tool, upstream: where, fingerprint: hashed, identity, hostKey, callId, conversation } = input;
    const parts = { scope: whose, tool, upstream: where, fingerprint: hashed };
    if (match === 'same-call' && callId !== undefined && hostKey === undefined) {
      expect(callIdKeyOf({ ...parts, callId, conversation })).toBe(output.key);
      return;
    }
    const later = occurrence && { ...occurrence, occurrence: occurrence.ordinal };
    const named = match === 'latest' ? { resource: identity } : { identity };
    expect(deriveKey({ ...parts, ...named, hostKey, later })).toEqual({ ...output, scope: whose });
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

  it('decides alone, without arguments, identity, resource and occurrence', () => {
    const key = deriveKey(hosted);
    expect(key.source).toBe('host');
    const others = {
      fingerprint: 'b'.repeat(64),
      identity: { other: true },
      later: { occurrence: 2, after: key.key, generation: 1 },
    };
    expect(deriveKey({ ...hosted, ...others }).key).toBe(key.key);
    expect(deriveKey({ ...hosted, resource: { id: 'in_1' } }).key).toBe(key.key);
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

  it('gives each numbered occurrence its own key, and the first one the key of a call without a number', () => {
    const keys = [1, 2, 3].map((occurrence) => deriveKey({ ...identical, occurrence }).key);
    expect(new Set(keys).size).toBe(3);
    expect(keys[0]).toBe(deriveKey(identical).key);
  });

  it('gives reworded calls the same key for a later occurrence, and different ones for the first', () => {
    const later = { occurrence: 2, after: 'k', generation: 1 };
    const [one, other] = ['c', 'd'].map((letter) => ({ ...identical, family: 'f', fingerprint: letter.repeat(64) }));
    if (!one || !other) throw new Error('two calls');
    expect(deriveKey({ ...one, later }).key).toBe(deriveKey({ ...other, later }).key);
    expect(deriveKey(one).key).not.toBe(deriveKey(other).key);
    expect(deriveKey(one).key).toBe(deriveKey({ ...one, family: undefined }).key);
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
    expect(deriveKey({ ...latest, resource: { id: 'in_2' } }).key).not.toBe(update.key);
    expect(deriveKey({ ...latest, upstream: { ...upstream, mode: 'live' } }).key).not.toBe(update.key);
  });

  it('includes the tool in the fingerprint', () => {
    const pause = deriveKey({ ...latest, tool: 'pause_subscription' });
    const resume = deriveKey({ ...latest, tool: 'resume_subscription' });
    expect(pause.key).toBe(resume.key);
    expect(pause.fingerprint).not.toBe(resume.fingerprint);
    expect(pause.fingerprint).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('the key of a call id, of versions before the classes', () => {
  it('changes with call id, conversation, arguments and tool', () => {
    const others = [
      { ...byCallId, callId: 'call-2' },
      { ...byCallId, conversation: 'talk-2' },
      { ...byCallId, conversation: undefined },
      { ...byCallId, fingerprint: 'b'.repeat(64) },
      { ...byCallId, tool: 'other' },
    ].map((input) => callIdKeyOf(input));
    expect(new Set([callIdKeyOf(byCallId), deriveKey(identical).key, ...others]).size).toBe(7);
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

describe('the marker of a new operation', () => {
  const dayMs = 86_400_000;
  const weekStart = 7 * dayMs * 2_900;
  const markerAt = (createdAt: number, retentionMs = 7 * dayMs) =>
    markerOf({ key: 'k', generation: 1, createdAt, markedAt: markedAtOf({ createdAt, retentionMs }) });

  it('is that of a lost record as long as its upstream key is', () => {
    expect(markerAt(weekStart + 1)).toBe(markerAt(weekStart + 6 * dayMs));
    expect(markerAt(weekStart + 7 * dayMs)).not.toBe(markerAt(weekStart));
  });

  it('is new for each claim where a record may end within the week', () => {
    expect(markerAt(weekStart + 1, 6 * dayMs)).not.toBe(markerAt(weekStart + 6 * dayMs, 6 * dayMs));
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
