import { isDeeperThan, resultDepthMax } from '../../core/depth.ts';
import { internalError } from '../../server/jsonrpc-codes.ts';
import { isNotification, type RpcMessage, type RpcRequest, type RpcResponse, rpcErrorResponse } from './message.ts';

/** Levels around a result: the message, its result, and what mcp-once adds. */
const aroundMax = 12;

/** Returns whether a message is nested too deep to be written as JSON by every peer. */
export function isTooDeep(message: RpcMessage): boolean {
  return isDeeperThan(resultDepthMax + aroundMax, message);
}

const tooDeep = `nested deeper than ${resultDepthMax} levels, so it cannot be passed on`;

/** Returns the error that replaces a response that is too deep. It says what is known about the effect. */
export function deepResponseError({ id, result, error }: RpcResponse, request?: RpcRequest): RpcResponse {
  if (error !== undefined) return rpcErrorResponse(id, String(error.message).slice(0, 10_000), error.code);
  if (request === undefined)
    return rpcErrorResponse(id, `The server answered, but its answer is ${tooDeep}.`, internalError);
  if (request.method !== 'tools/call') {
    const message = `The server answered ${request.method.slice(0, 64)}, but its answer is ${tooDeep}. It is safe to send the request again.`;
    return rpcErrorResponse(id, message, internalError);
  }
  const effect =
    result?.isError === true
      ? 'The server reported an error of the tool. Check whether it took effect before you call it again.'
      : 'The call was executed. Do not call the tool again only to see its answer.';
  return rpcErrorResponse(id, `The answer of the tool is ${tooDeep}. ${effect}`, internalError);
}

/** Returns the answer to the sender of a message that is too deep; undefined for a notification, which gets none. */
export function deepMessageError(message: RpcMessage): RpcResponse | undefined {
  if (isNotification(message)) return undefined;
  return rpcErrorResponse(message.id, `The message is ${tooDeep}. Nothing was executed.`, internalError);
}
