import { isObject, objectOf } from '../../core/json.ts';
import { methodNotFound } from '../../server/jsonrpc-codes.ts';
import { type RpcParams, type RpcRequest, type RpcResponse, rpcErrorResponse } from './message.ts';

/**
 * The capabilities that the client declared in `initialize`. A server's request for sampling, elicitation or roots
 * reaches only a client that declared it. Another client might show it to a person or a model in some unintended way.
 */
export class ClientCapabilities {
  #declared: RpcParams = {};

  /** Takes the capabilities from an `initialize`. */
  note({ params }: RpcRequest): void {
    this.#declared = objectOf(params?.capabilities);
  }

  /** Returns the response to a request that must not reach the client; undefined for any other. */
  refusalOf(request: RpcRequest): RpcResponse | undefined {
    const missing = this.#missingFor(request);
    if (missing === undefined) return undefined;
    const message = `The client has not declared the capability ${missing}, so it did not get this request.`;
    return rpcErrorResponse(request.id, message, methodNotFound);
  }

  #missingFor({ method, params = {} }: RpcRequest): string | undefined {
    const { sampling, elicitation, roots } = this.#declared;
    switch (method) {
      case 'sampling/createMessage':
        if (!isObject(sampling)) return 'sampling';
        return params.tools !== undefined && !isObject(sampling.tools) ? 'sampling.tools' : undefined;
      case 'elicitation/create':
        if (!isObject(elicitation)) return 'elicitation';
        if (params.mode === 'url') return isObject(elicitation.url) ? undefined : 'elicitation.url';
        // A client that names no mode has forms (MCP 2025-11-25, elicitation).
        return isObject(elicitation.form) || !isObject(elicitation.url) ? undefined : 'elicitation.form';
      case 'roots/list':
        return isObject(roots) ? undefined : 'roots';
      default:
        return undefined;
    }
  }
}
