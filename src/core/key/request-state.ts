import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Upstream } from '../tool/types.ts';
import type { Scope } from './derive-key.ts';

const STATE_FORMAT = 1;
/** `q1.<kind>.<count>.<generation>.<round>.<expires>.<key>.<mac>`: counts in decimal, the last two in base64url. */
const STATE =
  /^q1\.(again|input)\.([1-9]\d{0,8})\.([1-9]\d{0,8})\.([1-9]\d{0,8})\.(\d{1,15})\.([\w-]{22})\.([\w-]{43})$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

interface QuestionParts {
  /** The operation that the question is about. */
  readonly key: string;
  readonly generation: number;
  /** Which question of the operation this is: 1 for the first. */
  readonly round: number;
  /** When the answer stops counting, in whole ms since the epoch. */
  readonly expiresAt: number;
}

/** Asks whether the caller means another operation like the one named by `key`. */
interface RepeatQuestion extends QuestionParts {
  readonly kind: 'again';
  /** The occurrence of the operation named by `key`. */
  readonly occurrence: number;
}

/** Asks for the input that a tool requested during `attempt`. */
export interface InputQuestion extends QuestionParts {
  readonly kind: 'input';
  readonly attempt: number;
}

/** A question that a caller answers with a later call. */
export type Question = RepeatQuestion | InputQuestion;

/** The call that a question is about. An answer counts for this call only. */
export interface QuestionedCall {
  readonly scope: Scope;
  readonly upstream: Upstream;
  readonly tool: string;
  readonly fingerprint: string;
}

export type OpenedState =
  | { readonly ok: true; readonly question: Question; readonly expired: boolean }
  | { readonly ok: false; readonly reason: 'malformed' | 'forged' };

interface Signed {
  /** Shared by all processes of a store. */
  readonly secret: string | Uint8Array;
  readonly call: QuestionedCall;
}

/**
 * Makes the state that a client returns with its responses (MCP 2026-07-28, multi round-trip requests, server
 * requirements 4 and 5). It names the question and its operation, followed by an HMAC-SHA256 (RFC 2104) over them and
 * the call: scope, upstream, tool and arguments. No record is needed to recognise the question. A state cannot be
 * invented, and is not valid for another caller or call. It has at most 150 characters of `[A-Za-z0-9_.-]`.
 */
export function makeRequestState(signed: Signed & { readonly question: Question }): string {
  const { kind, key, generation, round, expiresAt } = signed.question;
  if (!UUID.test(key)) throw new RangeError('a request state needs a key that is a UUID in lower case');
  const packed = Buffer.from(key.replaceAll('-', ''), 'hex').toString('base64url');
  const mac = macOf(signed).toString('base64url');
  return `q1.${kind}.${countOf(signed.question)}.${generation}.${round}.${expiresAt}.${packed}.${mac}`;
}

/**
 * Opens the state that a client returned with `call`.
 *
 * `malformed`: not a state of this format. `forged`: invented, altered, or made with another secret or for another caller
 * or call. These cases cannot be distinguished. An expired state is authentic and belongs to this call.
 */
export function openRequestState(input: Signed & { readonly state: string; readonly nowMs: number }): OpenedState {
  const match = STATE.exec(input.state);
  if (match === null) return { ok: false, reason: 'malformed' };
  const [, kind, count, generation, round, expiresAt, packed = '', mac = ''] = match;
  const keyBytes = Buffer.from(packed, 'base64url');
  const macBytes = Buffer.from(mac, 'base64url');
  // 22 and 43 characters carry more bits than 16 and 32 bytes. Only the canonical spelling is valid.
  if (keyBytes.toString('base64url') !== packed || macBytes.toString('base64url') !== mac) {
    return { ok: false, reason: 'malformed' };
  }
  const parts: QuestionParts = {
    key: uuidText(keyBytes),
    generation: Number(generation),
    round: Number(round),
    expiresAt: Number(expiresAt),
  };
  const question: Question = Object.freeze(
    kind === 'again'
      ? { kind, ...parts, occurrence: Number(count) }
      : { kind: 'input', ...parts, attempt: Number(count) },
  );
  if (!timingSafeEqual(macBytes, macOf({ ...input, question }))) return { ok: false, reason: 'forged' };
  return { ok: true, question, expired: input.nowMs >= question.expiresAt };
}

/** A JSON array of strings and integers has a single text, so different questions never share a MAC. */
function macOf({ secret, call, question }: Signed & { readonly question: Question }): Buffer {
  const { scope, upstream, tool, fingerprint } = call;
  const { tenant, subject, conversation = null } = scope;
  const { origin, mode, account } = upstream;
  const { kind, key, generation, round, expiresAt } = question;
  const whose = [tenant, subject, conversation, origin, mode, account, tool, fingerprint];
  const text = JSON.stringify([
    'mcp-once/request-state',
    STATE_FORMAT,
    ...whose,
    kind,
    key,
    generation,
    countOf(question),
    round,
    expiresAt,
  ]);
  return createHmac('sha256', secret).update(text).digest();
}

/** The one number of the wire format whose meaning depends on the kind. */
function countOf(question: Question): number {
  return question.kind === 'again' ? question.occurrence : question.attempt;
}

function uuidText(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
