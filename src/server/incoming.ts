import {
  type JSONRPCMessage,
  JSONRPCNotificationSchema,
  JSONRPCRequestSchema,
  JSONRPCResponseSchema,
  type RequestId,
  RequestIdSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { parseJson } from '../core/exact-json.ts';
import { objectOf } from '../core/json.ts';
import { invalidRequest, parseError } from './jsonrpc-codes.ts';

/** An error response. `id` is null when no id could be read (JSON-RPC 2.0, section 5). */
export interface ErrorResponse {
  readonly jsonrpc: '2.0';
  readonly id: RequestId | null;
  readonly error: { readonly code: number; readonly message: string };
}

/** One message from the peer, read. */
export type Incoming =
  | { readonly type: 'message'; readonly message: JSONRPCMessage }
  | { readonly type: 'refused'; readonly response: ErrorResponse }
  /** Invalid, and of a kind that must not get a response. */
  | { readonly type: 'ignored'; readonly reason: string };

const utf8 = new TextDecoder('utf-8', { fatal: true });

export type ParsedObject =
  | { readonly type: 'object'; readonly value: object }
  | { readonly type: 'invalid'; readonly code: number; readonly message: string };

export function jsonRpcError(id: RequestId | null, code: number, message: string): ErrorResponse {
  return { jsonrpc: '2.0', id, error: { code, message } };
}

/**
 * Parses the bytes of one JSON object. Error messages quote no value.
 * @param container what held the bytes, for error messages
 * @param exactDepth as in `parseJson`
 */
export function parseObject(bytes: Uint8Array, container: 'line' | 'body', exactDepth?: number): ParsedObject {
  let value: unknown;
  try {
    value = parseJson(utf8.decode(bytes), exactDepth);
  } catch (error) {
    const format = error instanceof SyntaxError ? 'JSON' : 'UTF-8';
    return invalid(parseError, `The ${container} is not valid ${format}.`);
  }
  if (Array.isArray(value)) return invalid(invalidRequest, `MCP has no batches. Send one message per ${container}.`);
  if (typeof value !== 'object' || value === null) {
    return invalid(invalidRequest, `The ${container} is not a JSON-RPC message.`);
  }
  return { type: 'object', value };
}

/** Reads one line. Never throws. `exactDepth` is that of `parseJson`. */
export function readLine(bytes: Uint8Array, exactDepth?: number): Incoming {
  const parsed = parseObject(bytes, 'line', exactDepth);
  return parsed.type === 'object'
    ? readMessage(parsed.value)
    : { type: 'refused', response: jsonRpcError(null, parsed.code, parsed.message) };
}

/**
 * Validates a parsed message. Returns the value itself, not the copy of a schema, so that unusual members of `params`
 * (an own `__proto__`, an unknown field) reach the engine, which judges them. Error messages quote no value.
 */
export function readMessage(value: object): Incoming {
  const isRequest = Object.hasOwn(value, 'id');
  if (!Object.hasOwn(value, 'method')) {
    const parsed = JSONRPCResponseSchema.safeParse(value);
    if (parsed.success) return { type: 'message', message: value as JSONRPCMessage };
    // Responding to an invalid response could make two peers respond to each other for ever.
    if (Object.hasOwn(value, 'result') || Object.hasOwn(value, 'error')) {
      return { type: 'ignored', reason: 'a response that is not valid JSON-RPC' };
    }
    return refused(usableId(value), invalidRequest, 'The message has no method.');
  }
  const parsed = (isRequest ? JSONRPCRequestSchema : JSONRPCNotificationSchema).safeParse(value);
  if (parsed.success) return { type: 'message', message: value as JSONRPCMessage };
  const kind = isRequest ? 'request' : 'notification';
  const why = `The ${kind} is not valid in JSON-RPC and MCP${where(parsed.error.issues[0])}.`;
  const { jsonrpc, method } = value as { jsonrpc?: unknown; method?: unknown };
  if (!isRequest && jsonrpc === '2.0' && typeof method === 'string') return { type: 'ignored', reason: why };
  return refused(usableId(value), invalidRequest, why);
}

function invalid(code: number, message: string): ParsedObject {
  return { type: 'invalid', code, message: withEffect(message) };
}

function withEffect(message: string): string {
  return `${message} Nothing was executed.`;
}

function refused(id: RequestId | null, code: number, message: string): Incoming {
  return { type: 'refused', response: jsonRpcError(id, code, withEffect(message)) };
}

function usableId(value: object): RequestId | null {
  const parsed = RequestIdSchema.safeParse(objectOf(value).id);
  return parsed.success ? parsed.data : null;
}

function where(
  issue: { readonly path: readonly PropertyKey[]; readonly code?: string | undefined } | undefined,
): string {
  if (!issue) return '';
  if (issue.code === 'unrecognized_keys') return ' (it has an unknown member)';
  return issue.path.length > 0 ? ` (at ${issue.path.map(String).join('.')})` : '';
}
