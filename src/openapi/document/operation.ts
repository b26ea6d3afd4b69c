import { describeError, McpOnceError } from '../../core/errors.ts';
import { isObject, type JsonObject, nonBlankText, objectOf } from '../../core/json.ts';
import { sentence } from '../../core/suggest.ts';
import { readBody } from './body.ts';
import { remember } from './converted.ts';
import { DocumentFault } from './document-fault.ts';
import type { RawOperation } from './heads.ts';
import { isJson, responseMedia } from './media.ts';
import { type ParameterContext, readParameters } from './parameters.ts';
import type { Resource } from './references.ts';
import { securityOf } from './security.ts';
import { serversOf } from './servers.ts';
import type { ApiOperation, ApiResponse } from './types.ts';

/** What is needed to read the operations of a document. */
export interface OperationContext extends ParameterContext {
  /** Undefined for a document that did not come over HTTP. */
  readonly documentUrl: string | undefined;
}

/**
 * One operation with all that it refers to. Of the responses only the schema of the successful answer is read:
 * nothing else is checked by one, and a document whose errors are described badly can be served.
 * @throws McpOnceError `tool_invalid` naming its pointer and what is wrong.
 */
export function readOperation(context: OperationContext, raw: RawOperation): ApiOperation {
  const { head, operation, pathItem, resource } = raw;
  const root = context.references.main.root as JsonObject;
  try {
    const shared = bodyParameters(pathItem.parameters);
    const own = bodyParameters(operation.parameters);
    const body = readBody(context.store, operation.requestBody ?? own.body ?? shared.body, resource);
    return {
      ...head,
      servers: serversOf([operation.servers, pathItem.servers, root.servers], context.documentUrl),
      parameters: readParameters(context, [shared.parameters, own.parameters], resource, head.path),
      ...(body && { body }),
      responses: readResponses(context, objectOf(operation.responses), resource),
      security: securityOf([operation.security, root.security], context.securitySchemes),
    };
  } catch (error) {
    const reason = error instanceof DocumentFault ? error.message : `it cannot be read: ${describeError(error)}`;
    const message = sentence(`${head.method} ${head.path} (${head.pointer}) cannot be called: ${reason}`);
    throw new McpOnceError('tool_invalid', message, { cause: error });
  }
}

/** Upgraded documents refer to shared bodies from among the parameters. */
function bodyParameters(value: unknown): { parameters: readonly unknown[]; body: unknown } {
  const list = Array.isArray(value) ? value : [];
  const isBody = (each: unknown) => isObject(each) && String(each.$ref).startsWith('#/components/requestBodies/');
  return { parameters: list.filter((each) => !isBody(each)), body: list.find(isBody) };
}

function readResponses(context: OperationContext, declared: JsonObject, from: Resource): ApiOperation['responses'] {
  let isAnswered = false;
  const responses: [string, ApiResponse][] = [];
  for (const [status, value] of Object.entries(declared)) {
    if (!/^([1-5](\d\d|XX)|default)$/.test(status)) continue;
    const isSuccess = status.startsWith('2');
    const { response, schema, resource } = readResponse(context, value, from, isSuccess);
    const isAnswer: boolean = isSuccess && !isAnswered && schema !== undefined && isJson(response.contentType ?? '');
    isAnswered ||= isAnswer;
    const converted = isAnswer ? remember(context.store.convert(schema, resource, 'received')) : undefined;
    responses.push([status, { ...response, ...(converted && { schema: converted }) }]);
  }
  return Object.fromEntries(responses);
}

function readResponse(
  context: OperationContext,
  value: unknown,
  from: Resource,
  isNeeded: boolean,
): { response: ApiResponse; schema: unknown; resource: Resource } {
  try {
    const found = context.store.find(value, from);
    const response = objectOf(found.value);
    const resolve = (media: unknown) => context.store.find(media, found.resource).value;
    const chosen = isObject(response.content) ? responseMedia(response.content, resolve) : undefined;
    const description = nonBlankText(response.description);
    const read = {
      ...(description !== undefined && { description }),
      ...(chosen && { contentType: chosen.contentType }),
    };
    return { response: read, schema: chosen?.media.schema, resource: found.resource };
  } catch (error) {
    if (isNeeded || !(error instanceof DocumentFault)) throw error;
    return { response: {}, schema: undefined, resource: from };
  }
}
