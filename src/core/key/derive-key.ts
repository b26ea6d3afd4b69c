import { hash } from 'node:crypto';
import type { Upstream } from '../tool/types.ts';
import { canonicalize, withoutUndefined } from './canonical-json.ts';

/**
 * The format of all hashed values in this file. A new format changes every key, so the engine would have to look for keys
 * of the previous format too, for the length of one window.
 */
export const KEY_FORMAT = 1;

const weekMs = 604_800_000;
/** The longest key that a provider accepts, in characters (Stripe). */
const HOST_KEY_CHARS_MAX = 255;

/** Whose operation it is. `conversation` is present only if the configuration says so. */
export interface Scope {
  readonly tenant: string;
  readonly subject: string;
  readonly conversation?: string | undefined;
}

/**
 * The source of an operation's key: `host` a key of the host program, `identical` the arguments or a declared identity,
 * `latest` the resource that a `state` tool writes.
 */
export type KeySource = 'host' | 'identical' | 'latest';

/** A second or later one of several identical operations that the caller meant. A repeat token leads to it. */
export interface LaterOccurrence {
  /** 2 for the second operation. */
  readonly occurrence: number;
  /** The key of the occurrence before this one. */
  readonly after: string;
  /** The generation of the occurrence before this one. */
  readonly generation: number;
  /**
   * Tells apart the later operations of one token: the values of a call that may name a thing, although they do not count
   * for the hash. Absent where there are none.
   */
  readonly among?: string | undefined;
}

export interface KeyParts {
  readonly scope: Scope;
  readonly upstream: Upstream;
  /** Undefined if all tools of the upstream share the record. */
  readonly tool: string | undefined;
  /** The kind of the identity, then the identity. Different kinds always give different keys. */
  readonly identity: readonly (string | null)[];
  /** Absent for the first occurrence. */
  readonly later?: LaterOccurrence | undefined;
}

export interface DeriveKeyInput {
  readonly tool: string;
  readonly scope: Scope;
  readonly upstream: Upstream;
  /** SHA-256 of the folded, canonical arguments. */
  readonly fingerprint: string;
  /** The tool's business key, a JSON value. @defaultValue the fingerprint */
  readonly identity?: unknown;
  /** The thing that a `state` tool writes, a JSON value. It replaces `identity`. */
  readonly resource?: unknown;
  /** SHA-256 of the skeleton, for a tool with free text. Later occurrences belong to it. */
  readonly family?: string | undefined;
  /** The number that a caller of a repeatable tool gives to one of several equal operations. @defaultValue 1 */
  readonly occurrence?: number | undefined;
  /** A key from the host program that `parseHostKey` accepted. It replaces every other identity. */
  readonly hostKey?: string | undefined;
  /** Used only by `identical`. Absent for the first occurrence. */
  readonly later?: LaterOccurrence | undefined;
}

export interface DerivedKey {
  /** Names the operation in the ledger. UUIDv8. */
  readonly key: string;
  /** Compared between calls with this key. For `latest` it includes the tool, since the key does not. */
  readonly fingerprint: string;
  readonly source: KeySource;
  readonly scope: Scope;
}

/**
 * Derives the key of the operation that a tool call means. The same input gives the same key in every process and release
 * of this format.
 *
 * @throws McpOnceError `invalid_input` if `identity` is not JSON
 */
export function deriveKey(input: DeriveKeyInput): DerivedKey {
  const { tool, scope, upstream, hostKey, resource, later } = input;
  if (hostKey !== undefined) {
    return derived(input, 'host', keyOf({ scope, upstream, tool, identity: ['host', hostKey] }));
  }
  if (resource !== undefined) {
    const identity = ['resource', jsonText(resource)];
    return derived(input, 'latest', keyOf({ scope, upstream, tool: undefined, identity }));
  }
  return derived(input, 'identical', keyOf({ scope, upstream, tool, identity: identityPartsOf(input), later }));
}

/** Returns the kind of the identity, then the identity. */
function identityPartsOf({ identity, family, fingerprint, occurrence = 1, later }: DeriveKeyInput): string[] {
  const numbered = occurrence === 1 ? [] : ['occurrence', String(occurrence)];
  if (identity !== undefined) return ['identity', jsonText(identity), ...numbered];
  // The repeat token of one wording is valid for another one.
  if (family !== undefined && later !== undefined) return ['family', family];
  return ['arguments', fingerprint, ...numbered];
}

/** Returns the key of the entry that lists the recent operations of a family. It is never the key of an operation. */
export function familyKeyOf(parts: { tool: string; scope: Scope; upstream: Upstream; family: string }): string {
  const { tool, scope, upstream, family } = parts;
  return uuidOf('family', [...whoseAndWhere(scope, upstream), tool, family]);
}

/**
 * Returns the key that versions before the classes gave to a call of a tool that was recognised by call ids. It is read
 * for one window after an upgrade.
 */
export function callIdKeyOf(
  parts: Pick<DeriveKeyInput, 'tool' | 'scope' | 'upstream' | 'fingerprint'> & {
    readonly callId: string;
    readonly conversation: string | undefined;
  },
): string {
  const { tool, scope, upstream, fingerprint, callId, conversation = null } = parts;
  return keyOf({ scope, upstream, tool, identity: ['call', callId, conversation, fingerprint] });
}

/** Returns the key of an operation: a UUIDv8 of format, scope, upstream, tool, identity and occurrence. */
export function keyOf(parts: KeyParts): string {
  const { scope, upstream, tool, identity, later } = parts;
  const among = later?.among === undefined ? [] : [later.among];
  const which = later === undefined ? null : [later.occurrence, later.after, later.generation, ...among];
  return uuidOf('key', [...whoseAndWhere(scope, upstream), tool ?? null, identity, which]);
}

/**
 * Returns the key to send to the API for one attempt of one generation, or for one of its steps. It is unique to this
 * effect and never equals a key of the ledger.
 *
 * It includes the week of the first claim of the generation (from `createdAt`, in ms since the epoch). If a record is lost
 * within the week, the next call gets the same key, and the upstream still knows the operation. After the retention of a
 * record the next call gets another key.
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
 * Returns the marker that is stored upstream with the effect, so that `lookup` can find it. All attempts of a generation
 * have the same marker. It includes `markedAt`, so that a forgotten and newly created operation does not find the effect
 * of the earlier one. It has 41 characters of `[a-z0-9_]`.
 *
 * @param parts `markedAt` is absent in records of earlier versions, whose markers include the time of the first claim
 */
export function markerOf(parts: {
  key: string;
  generation: number;
  createdAt: number;
  markedAt?: number | undefined;
}): string {
  const { key, generation, createdAt, markedAt = createdAt } = parts;
  return `mcp_once_${uuidOf('marker', [key, generation, markedAt]).replaceAll('-', '')}`;
}

/**
 * Returns the time that a new operation's marker includes: the beginning of the week of the upstream key. If a record is
 * lost, the next call then sends the same body with the same key. A record that is kept for less than a week may end within
 * it, so its marker includes the time of the claim.
 */
export function markedAtOf({ createdAt, retentionMs }: { createdAt: number; retentionMs: number }): number {
  return retentionMs < weekMs ? createdAt : Math.floor(createdAt / weekMs) * weekMs;
}

export type HostKey =
  | { readonly ok: true; readonly hostKey: string }
  | { readonly ok: false; readonly message: string };

/**
 * Checks an idempotency key from the host program: a string of 1 to 255 characters without control characters. The key is
 * not trimmed or normalised, and its case is kept.
 *
 * The message states the problem (`the idempotency key is empty`) and does not contain the key.
 */
export function parseHostKey(value: unknown): HostKey {
  if (typeof value !== 'string') return { ok: false, message: 'the idempotency key is not a string' };
  if (value === '') return { ok: false, message: 'the idempotency key is empty' };
  if (value.length > 2 * HOST_KEY_CHARS_MAX || [...value].length > HOST_KEY_CHARS_MAX) {
    return { ok: false, message: `the idempotency key is over ${HOST_KEY_CHARS_MAX} characters` };
  }
  if (/[\p{Cc}\p{Surrogate}]/u.test(value)) {
    return { ok: false, message: 'the idempotency key contains a control character or half a surrogate pair' };
  }
  return { ok: true, hostKey: value };
}

/** Returns the two keys of a resource: of the record of its `latest` writes, and of the latch of all other writes. */
export function resourceKeysOf(parts: { scope: Scope; upstream: Upstream; resource: unknown }): {
  record: string;
  latch: string;
} {
  const { scope, upstream, resource } = parts;
  const record = keyOf({ scope, upstream, tool: undefined, identity: ['resource', jsonText(resource)] });
  return { record, latch: uuidOf('resource-latch', [...whoseAndWhere(scope, upstream), jsonText(resource)]) };
}

/** Returns the key of the latch that names the operation which made a thing. */
export function makerKeyOf(parts: { scope: Scope; upstream: Upstream; thing: unknown }): string {
  const { scope, upstream, thing } = parts;
  return uuidOf('maker', [...whoseAndWhere(scope, upstream), jsonText(thing)]);
}

/** Returns the key of what a tool found out about its arguments before the call had a key. */
export function factKeyOf(parts: { tool: string; scope: Scope; upstream: Upstream; name: string }): string {
  const { tool, scope, upstream, name } = parts;
  return uuidOf('fact', [...whoseAndWhere(scope, upstream), tool, name]);
}

/** Accepts undefined members, which a tool's `identity` may return. The text is in NFC, like that of the arguments. */
function jsonText(identity: unknown): string {
  return canonicalize(withoutUndefined(identity));
}

function derived({ scope, resource, tool, fingerprint }: DeriveKeyInput, source: KeySource, key: string): DerivedKey {
  const own = resource === undefined ? fingerprint : hash('sha256', encode('fingerprint', [tool, fingerprint]), 'hex');
  const frozenScope = Object.isFrozen(scope) ? scope : Object.freeze({ ...scope });
  return Object.freeze({ key, fingerprint: own, source, scope: frozenScope });
}

function whoseAndWhere({ tenant, subject, conversation }: Scope, { origin, mode, account }: Upstream): Encodable[] {
  return [
    [tenant, subject, conversation ?? null],
    [origin, mode, account],
  ];
}

type Encodable = string | number | null | readonly Encodable[];

/**
 * A JSON array of strings, integers and null has a single text (it is canonical by RFC 8785), so different lists of parts
 * never have the same hash input. The domain separates values that are derived for different purposes.
 */
function encode(domain: string, parts: readonly Encodable[]): string {
  return JSON.stringify([`mcp-once/${domain}`, KEY_FORMAT, ...parts]);
}

/**
 * Returns a UUIDv8 (RFC 9562 section 5.8): 122 bits of SHA-256, with the version and variant bits set. A collision is
 * expected after about 2^61 keys, as with any hash of 122 bits.
 */
function uuidOf(domain: string, parts: readonly Encodable[]): string {
  const digest = hash('sha256', encode(domain, parts), 'hex');
  const variant = '89ab'.charAt(Number.parseInt(digest.charAt(16), 16) & 3);
  return `${digest.slice(0, 8)}-${digest.slice(8, 12)}-8${digest.slice(13, 16)}-${variant}${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
}
