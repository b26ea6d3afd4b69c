import { hash } from 'node:crypto';
import type { Upstream } from '../tool/types.ts';
import { canonicalize, withoutUndefined } from './canonical-json.ts';

/**
 * The format of everything that is hashed here. A change of it changes every key: whoever raises it
 * has to look for the previous format's key, too, for the length of one window.
 */
export const KEY_FORMAT = 1;

const weekMs = 604_800_000;
/** Characters, not bytes. The longest that providers take is 255 (Stripe). */
const HOST_KEY_CHARS_MAX = 255;

/** Whose operation it is. `conversation` only where the configuration asks for it. */
export interface Scope {
  readonly tenant: string;
  readonly subject: string;
  readonly conversation?: string | undefined;
}

export type KeySource = 'host' | 'identical' | 'latest' | 'same-call' | 'call';
/** How repeats of a tool's calls are recognised. `off` never gets here. */
type KeyMatch = 'identical' | 'latest' | 'same-call';

/** A second or later one of several identical operations that were all meant. A repeat token leads to it. */
export interface LaterOccurrence {
  /** 2 for the second operation. */
  readonly occurrence: number;
  /** The key of the occurrence before this one. */
  readonly after: string;
  /** The generation of the occurrence before this one. */
  readonly generation: number;
}

export interface KeyParts {
  readonly scope: Scope;
  readonly upstream: Upstream;
  /** Undefined where all tools of the upstream share the record. */
  readonly tool: string | undefined;
  /** What kind of identity it is, then the identity. No two kinds ever give one key. */
  readonly identity: readonly (string | null)[];
  /** Absent for the first occurrence. */
  readonly later?: LaterOccurrence | undefined;
}

export interface DeriveKeyInput {
  readonly tool: string;
  readonly scope: Scope;
  readonly upstream: Upstream;
  readonly match: KeyMatch;
  /** SHA-256 of the canonical arguments. */
  readonly fingerprint: string;
  /**
   * JSON. `identical`: the tool's business key, or undefined when all arguments are (then the
   * fingerprint is it). `latest`: the resource. `same-call`: not used.
   */
  readonly identity?: unknown;
  /** A key from the host program that `parseHostKey` let through. It decides alone. */
  readonly hostKey?: string | undefined;
  readonly callId?: string | undefined;
  /** A fresh random id, for a `same-call` tool whose host sends no call id. */
  readonly uniqueId: string;
  /** The host's conversation, for telling apart call ids of two conversations. */
  readonly conversation?: string | undefined;
  /** Used only by `identical` without a host key. Absent for the first occurrence. */
  readonly later?: LaterOccurrence | undefined;
}

export interface DerivedKey {
  /** Names the operation in the ledger. UUIDv8. */
  readonly key: string;
  /** To be compared under this key. With `latest` the tool is part of it, since it is not of the key. */
  readonly fingerprint: string;
  readonly source: KeySource;
  readonly scope: Scope;
  /** `same-call`: what identical calls in flight have in common, whatever their call ids. Never a record's key. */
  readonly latchKey?: string;
}

/**
 * Turns a tool call into the key of the operation it means, once. The same input gives the same key
 * in every process and release of this format.
 *
 * @throws McpOnceError `invalid_input` when `identity` is not JSON.
 */
export function deriveKey(input: DeriveKeyInput): DerivedKey {
  const { scope, hostKey } = input;
  if (hostKey !== undefined) {
    return freeze(input, 'host', keyOf({ ...sharedParts(input), identity: ['host', hostKey] }));
  }
  switch (input.match) {
    case 'identical': {
      const identity =
        input.identity === undefined ? ['arguments', input.fingerprint] : ['identity', jsonText(input.identity)];
      return freeze(input, 'identical', keyOf({ ...sharedParts(input), identity, later: input.later }));
    }
    case 'latest': {
      const identity = ['resource', jsonText(input.identity)];
      return freeze(input, 'latest', keyOf({ scope, upstream: input.upstream, tool: undefined, identity }));
    }
    case 'same-call': {
      const latch = { latchKey: latchKeyOf(input) };
      const { callId, conversation, fingerprint } = input;
      const identity =
        callId === undefined ? ['unique', input.uniqueId] : ['call', callId, conversation ?? null, fingerprint];
      return freeze(
        input,
        callId === undefined ? 'call' : 'same-call',
        keyOf({ ...sharedParts(input), identity }),
        latch,
      );
    }
  }
}

/** The key of an operation: UUIDv8 from format, scope, upstream, tool, identity and occurrence. */
export function keyOf(parts: KeyParts): string {
  const { scope, upstream, tool, identity, later } = parts;
  const which = later === undefined ? null : [later.occurrence, later.after, later.generation];
  return uuidOf('key', [...whoseAndWhere(scope, upstream), tool ?? null, identity, which]);
}

/**
 * The key that goes to the API for one attempt of one generation of an operation, or of one step of
 * it. It never repeats for another effect, and never equals a key of the ledger.
 *
 * The week in which the generation was first claimed is part of it (from `createdAt`, ms since the epoch).
 * A record that is lost soon gives the same key once more, so that the upstream still knows the
 * operation; one that was forgotten after its retention does not.
 */
export function upstreamKeyOf(parts: {
  key: string;
  generation: number;
  attempt: number;
  createdAt: number;
  step?: string | undefined;
}): string {
  const week = Math.floor(parts.createdAt / weekMs);
  return uuidOf('upstream', [parts.key, parts.generation, parts.attempt, week, parts.step ?? null]);
}

/**
 * The marker written upstream with the effect, so that it can be found there: the same for all
 * attempts of a generation. The time at which the generation was first claimed (ms since the epoch)
 * is part of it: a record that was forgotten and made anew must not find the effect of the old one.
 * 41 characters of `[a-z0-9_]`.
 */
export function markerOf(parts: { key: string; generation: number; createdAt: number }): string {
  return `mcp_once_${uuidOf('marker', [parts.key, parts.generation, parts.createdAt]).replaceAll('-', '')}`;
}

export type HostKey =
  | { readonly ok: true; readonly hostKey: string }
  | { readonly ok: false; readonly message: string };

/**
 * Checks an idempotency key that came from the host program: a string of 1 to 255 characters without
 * control characters. It is taken as it is: no trimming, no case, no normalisation.
 *
 * The message says what is wrong (`the idempotency key is empty`) and never holds the key.
 */
export function parseHostKey(value: unknown): HostKey {
  if (typeof value !== 'string') return { ok: false, message: 'the idempotency key is not a string' };
  if (value === '') return { ok: false, message: 'the idempotency key is empty' };
  if (value.length > 2 * HOST_KEY_CHARS_MAX || [...value].length > HOST_KEY_CHARS_MAX) {
    return { ok: false, message: `the idempotency key is over ${HOST_KEY_CHARS_MAX} characters` };
  }
  if (/[\p{Cc}\p{Surrogate}]/u.test(value)) {
    return { ok: false, message: 'the idempotency key holds a control character or half a surrogate pair' };
  }
  return { ok: true, hostKey: value };
}

/** The two keys of a resource: of the record of its `latest` writes, and of the latch of all others. */
export function resourceKeysOf(parts: { scope: Scope; upstream: Upstream; resource: unknown }): {
  record: string;
  latch: string;
} {
  const { scope, upstream, resource } = parts;
  const record = keyOf({ scope, upstream, tool: undefined, identity: ['resource', jsonText(resource)] });
  return { record, latch: uuidOf('resource-latch', [...whoseAndWhere(scope, upstream), jsonText(resource)]) };
}

/** A tool's own code leaves an optional field `undefined`; its text is in NFC, as that of the arguments. */
function jsonText(identity: unknown): string {
  return canonicalize(withoutUndefined(identity));
}

/** The conversation is no part of it, unless of the scope: a host sends twins from wherever it likes. */
function latchKeyOf({ scope, upstream, tool, fingerprint }: DeriveKeyInput): string {
  return uuidOf('latch', [...whoseAndWhere(scope, upstream), tool, fingerprint]);
}

function sharedParts({ scope, upstream, tool }: DeriveKeyInput): Pick<KeyParts, 'scope' | 'upstream' | 'tool'> {
  return { scope, upstream, tool };
}

function freeze(input: DeriveKeyInput, source: KeySource, key: string, latch?: { latchKey: string }): DerivedKey {
  const { scope, match, tool, fingerprint } = input;
  const own = match === 'latest' ? hash('sha256', encode('fingerprint', [tool, fingerprint]), 'hex') : fingerprint;
  return Object.freeze({ key, fingerprint: own, source, scope: Object.freeze({ ...scope }), ...latch });
}

function whoseAndWhere({ tenant, subject, conversation }: Scope, { origin, mode, account }: Upstream): Encodable[] {
  return [
    [tenant, subject, conversation ?? null],
    [origin, mode, account],
  ];
}

type Encodable = string | number | null | readonly Encodable[];

/**
 * A JSON array of strings, whole numbers and null has one text only (it is canonical by RFC 8785), so
 * that no two different lists of parts are hashed alike. The domain keeps what is derived for
 * different purposes apart.
 */
function encode(domain: string, parts: readonly Encodable[]): string {
  return JSON.stringify([`mcp-once/${domain}`, KEY_FORMAT, ...parts]);
}

/**
 * UUIDv8 (RFC 9562 section 5.8): 122 bits of SHA-256, with the version and variant bits set. As with
 * any hash of 122 bits a collision is expected after some 2^61 keys.
 */
function uuidOf(domain: string, parts: readonly Encodable[]): string {
  const digest = hash('sha256', encode(domain, parts), 'hex');
  const variant = '89ab'.charAt(Number.parseInt(digest.charAt(16), 16) & 3);
  return `${digest.slice(0, 8)}-${digest.slice(8, 12)}-8${digest.slice(13, 16)}-${variant}${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
}
