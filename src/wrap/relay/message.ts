/** JSON-RPC messages as they came: nothing that is not known is taken off, and nothing is checked but the envelope. */
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

/** An answer: of one that has neither `result` nor `error` nothing is known. */
export interface RpcResponse {
  readonly jsonrpc: '2.0';
  readonly id: RpcId;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: RpcError;
}

export type RpcMessage = RpcRequest | RpcNotification | RpcResponse;

/** What this proxy says of itself where a server of its own would say it: not one of JSON-RPC's own codes. */
const proxyErrorCode = -32_000;

/** JSON-RPC's own codes. */
export const methodNotFound = -32_601;
export const invalidParams = -32_602;
export const internalError = -32_603;

export function isRequest(message: RpcMessage): message is RpcRequest {
  return 'method' in message && 'id' in message;
}

export function isNotification(message: RpcMessage): message is RpcNotification {
  return 'method' in message && !('id' in message);
}

/**
 * What a peer wrote, if its envelope is that of a JSON-RPC message. An answer without id (to something that
 * could not be read) is none that can be passed on.
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

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isId(value: unknown): value is RpcId {
  return typeof value === 'string' || typeof value === 'number';
}

export function errorResponse(id: RpcId, message: string, code: number = proxyErrorCode): RpcResponse {
  return { jsonrpc: '2.0', id, error: { code, message } };
}

/** The id of the request that a `notifications/cancelled` speaks of. */
export function cancelledId({ method, params }: RpcNotification): RpcId | undefined {
  const id = method === 'notifications/cancelled' ? params?.requestId : undefined;
  return isId(id) ? id : undefined;
}
