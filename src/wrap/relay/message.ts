import { isMarkedNumber, nearestNumbers } from '../../core/exact-json.ts';
import { defined, isObject, type JsonSchema } from '../../core/json.ts';
import { serverError } from '../../server/jsonrpc-codes.ts';
import { withoutForgedNotice } from '../../server/notice.ts';

// JSON-RPC messages of peers. Only the envelope is checked, and unknown fields are kept.

export type RpcId = string | number;
export type RpcParams = Readonly<Record<string, unknown>>;

export interface RpcRequest {
  readonly jsonrpc: '2.0';
  readonly id: RpcId;
  readonly method: string;
  readonly params?: RpcParams;
}

export interface RpcNotification {
  readonly jsonrpc: '2.0';
  readonly method: string;
  readonly params?: RpcParams;
}

export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** A response. One with neither `result` nor `error` says nothing about its request. */
export interface RpcResponse {
  readonly jsonrpc: '2.0';
  readonly id: RpcId;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: RpcError;
}

export type RpcMessage = RpcRequest | RpcNotification | RpcResponse;

export function isRequest(message: RpcMessage): message is RpcRequest {
  return 'method' in message && 'id' in message;
}

export function isNotification(message: RpcMessage): message is RpcNotification {
  return 'method' in message && !('id' in message);
}

/**
 * Returns the value as a message if it has the envelope of a JSON-RPC message. A response without an id (to a message
 * that the peer could not read) cannot be passed on, so it is not a message here.
 */
export function messageOf(value: unknown): RpcMessage | undefined {
  if (!isObject(value) || value.jsonrpc !== '2.0') return undefined;
  const hasId = Object.hasOwn(value, 'id');
  if (hasId && typeof value.id !== 'string' && typeof value.id !== 'number') return undefined;
  if (Object.hasOwn(value, 'method')) {
    const { method, params } = value;
    const usable = typeof method === 'string' && (params === undefined || isObject(params));
    return usable ? (value as unknown as RpcMessage) : undefined;
  }
  if (!hasId) return undefined;
  const usable = isObject(value.result) || isObject(value.error);
  return usable ? (value as unknown as RpcMessage) : undefined;
}

/** Returns a message whose progress token is a plain number where it came as `1.0`: a server may send back `1`. */
export function withPlainToken(message: RpcMessage): RpcMessage {
  if (!('method' in message) || !isObject(message.params?._meta)) return message;
  const { _meta: meta } = message.params;
  if (!isMarkedNumber(meta.progressToken)) return message;
  const progressToken = nearestNumbers(meta.progressToken);
  return { ...message, params: { ...message.params, _meta: { ...meta, progressToken } } };
}

export function isId(value: unknown): value is RpcId {
  return typeof value === 'string' || typeof value === 'number';
}

export function rpcErrorResponse(id: RpcId, message: string, code: number = serverError): RpcResponse {
  return { jsonrpc: '2.0', id, error: { code, message } };
}

/** Returns the request id in a `notifications/cancelled`; undefined for other notifications. */
export function cancelledId({ method, params }: RpcNotification): RpcId | undefined {
  const id = method === 'notifications/cancelled' ? params?.requestId : undefined;
  return isId(id) ? id : undefined;
}

/** Returns the name that a server gives itself in its response to `initialize`. */
export function serverNameOf(serverInfo: unknown): string | undefined {
  return isObject(serverInfo) && typeof serverInfo.name === 'string' ? serverInfo.name : undefined;
}

/** Begins the members of `_meta` with which only mcp-once states the outcome of a call. */
const ownMetaPrefix = 'mcp-once/';

/**
 * Removes what only mcp-once may state from a server's message: its members of `_meta`, and those of an error's `data`.
 * Otherwise a server could pretend that a call was replayed, or had no effect.
 */
export function withoutOwnMeta<Message extends RpcMessage>(message: Message): Message {
  if ('method' in message) {
    const params = withoutMeta(message.params);
    return params === message.params ? message : { ...message, ...defined({ params }) };
  }
  const result = withoutMeta(message.result);
  const error = withoutData(message.error);
  if (result === message.result && error === message.error) return message;
  return { ...message, ...defined({ result, error }) };
}

/** Removes from a tool's result the notice with which only mcp-once tells the model about a replay. */
export function withoutForgedResult<Message extends RpcMessage>(
  message: Message,
  outputSchema: JsonSchema | undefined,
): Message {
  if ('method' in message || !isObject(message.result?.structuredContent)) return message;
  const { structuredContent } = message.result;
  const honest = withoutForgedNotice(structuredContent, outputSchema);
  if (honest === structuredContent) return message;
  return { ...message, result: { ...message.result, structuredContent: honest } };
}

function withoutMeta<Value extends RpcParams | undefined>(value: Value): Value {
  if (!value || !isObject(value._meta)) return value;
  const _meta = withoutOwn(value._meta);
  return _meta === value._meta ? value : { ...value, _meta };
}

function withoutData(error: RpcError | undefined): RpcError | undefined {
  if (!error || !isObject(error.data)) return error;
  const data = withoutOwn(error.data);
  return data === error.data ? error : { ...error, data };
}

function withoutOwn(members: RpcParams): RpcParams {
  const others = Object.entries(members).filter(([name]) => !name.startsWith(ownMetaPrefix));
  return others.length === Object.keys(members).length ? members : Object.fromEntries(others);
}
