import {
  ErrorCode,
  type JSONRPCMessage,
  JSONRPCNotificationSchema,
  JSONRPCRequestSchema,
  JSONRPCResponseSchema,
  type RequestId,
  RequestIdSchema,
} from '@modelcontextprotocol/sdk/types.js';

/** An error response. `id` is null where no id could be read (JSON-RPC 2.0, section 5). */
export interface ErrorResponse {
  readonly jsonrpc: '2.0';
  readonly id: RequestId | null;
  readonly error: { readonly code: number; readonly message: string };
}

/** What one line from the peer is. */
export type Incoming =
  | { readonly type: 'message'; readonly message: JSONRPCMessage }
  | { readonly type: 'refused'; readonly response: ErrorResponse }
  /** Not as it should be, and nothing that may be answered. */
  | { readonly type: 'ignored'; readonly reason: string };

const utf8 = new TextDecoder('utf-8', { fatal: true });
const notExecuted = 'Nothing was executed.';

export function errorResponse(id: RequestId | null, code: number, message: string): ErrorResponse {
  return { jsonrpc: '2.0', id, error: { code, message } };
}

/**
 * Reads one line. A message is handed on as it was parsed, not as a schema would copy it, so that
 * what is unusual in `params` (an own `__proto__`, an unknown field) reaches whoever has to judge it.
 * Messages name what is wrong and never hold a value. Never throws.
 */
export function readLine(bytes: Uint8Array): Incoming {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes));
  } catch (error) {
    const why = error instanceof SyntaxError ? 'JSON' : 'UTF-8';
    return refused(null, ErrorCode.ParseError, `The line is not valid ${why}.`);
  }
  if (Array.isArray(value)) {
    return refused(null, ErrorCode.InvalidRequest, 'MCP takes no batches: send one message a line.');
  }
  if (typeof value !== 'object' || value === null) {
    return refused(null, ErrorCode.InvalidRequest, 'The line is not a JSON-RPC message.');
  }
  return readMessage(value);
}

/** Checks what was parsed already, as `readLine` does. */
export function readMessage(value: object): Incoming {
  const isRequest = Object.hasOwn(value, 'id');
  if (!Object.hasOwn(value, 'method')) {
    const parsed = JSONRPCResponseSchema.safeParse(value);
    if (parsed.success) return { type: 'message', message: value as JSONRPCMessage };
    // To answer what means to be an answer could go on for ever between two peers.
    if (Object.hasOwn(value, 'result') || Object.hasOwn(value, 'error')) {
      return { type: 'ignored', reason: 'a response that is not as JSON-RPC has it' };
    }
    return refused(usableId(value), ErrorCode.InvalidRequest, 'The message has no method.');
  }
  const parsed = (isRequest ? JSONRPCRequestSchema : JSONRPCNotificationSchema).safeParse(value);
  if (parsed.success) return { type: 'message', message: value as JSONRPCMessage };
  const kind = isRequest ? 'request' : 'notification';
  const why = `The ${kind} is not as JSON-RPC and MCP have it${where(parsed.error.issues[0])}.`;
  const { jsonrpc, method } = value as { jsonrpc?: unknown; method?: unknown };
  if (!isRequest && jsonrpc === '2.0' && typeof method === 'string') return { type: 'ignored', reason: why };
  return refused(usableId(value), ErrorCode.InvalidRequest, why);
}

function refused(id: RequestId | null, code: number, message: string): Incoming {
  return { type: 'refused', response: errorResponse(id, code, `${message} ${notExecuted}`) };
}

function usableId(value: object): RequestId | null {
  const parsed = RequestIdSchema.safeParse((value as { id?: unknown }).id);
  return parsed.success ? parsed.data : null;
}

function where(
  issue: { readonly path: readonly PropertyKey[]; readonly code?: string | undefined } | undefined,
): string {
  if (!issue) return '';
  if (issue.code === 'unrecognized_keys') return ' (it has a member that is not known)';
  return issue.path.length > 0 ? ` (at ${issue.path.map(String).join('.')})` : '';
}
