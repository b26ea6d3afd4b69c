import { describeError, McpOnceError } from '../../core/errors.ts';
import { arrayOf, defined, isObject, type JsonObject, type JsonSchema, objectOf } from '../../core/json.ts';
import { sentence } from '../../core/suggest.ts';
import type { RawOperation } from './collect-operations.ts';
import { DocumentFault } from './document-fault.ts';
import { documentText } from './document-text.ts';
import { isJson, responseMedia } from './media-types.ts';
import { type ParameterContext, readParameters } from './parameters.ts';
import type { Resource } from './references.ts';
import { readRequestBody } from './request-body.ts';
import { schemaOf } from './schema-store.ts';
import { securityOf } from './security.ts';
import { type ServerContext, serversOf } from './servers.ts';
import type { ApiOperation, ApiResponse } from './types.ts';

/** What the operations of one document share while they are resolved. */
export interface OperationContext extends ParameterContext {
  readonly serverContext: ServerContext;
}

/**
 * Resolves one operation and everything it refers to. Only the first successful response in JSON keeps its
 * schema: nothing else is validated, and faults in the descriptions of errors must not matter.
 * @throws McpOnceError `tool_invalid` with the operation's pointer and the fault.
 */
export function readOperation(context: OperationContext, raw: RawOperation): ApiOperation {
  const { listed, operation, pathItem, resource, pathResource, fault } = raw;
  const root = context.references.main.root as JsonObject;
  const warnings: string[] = [];
  try {
    if (fault !== undefined) throw new DocumentFault(fault);
    const shared = separateBody(pathItem.parameters);
    const own = separateBody(operation.parameters);
    const body = readRequestBody(context.store, operation.requestBody ?? own.body ?? shared.body, resource);
    const responses = readResponses(context, objectOf(operation.responses), resource, warnings);
    return {
      ...listed,
      servers: serversOf([operation.servers, pathItem.servers, root.servers], context.serverContext),
      parameters: readParameters(
        context,
        [
          { list: shared.parameters, resource: pathResource },
          { list: own.parameters, resource },
        ],
        listed.path,
      ),
      ...defined({ body }),
      responses,
      ...(warnings.length > 0 ? { warnings } : {}),
      errorSchema: () => readErrorSchema(context, objectOf(operation.responses), resource),
      security: securityOf([operation.security, root.security], context.securitySchemes),
    };
  } catch (error) {
    const reason = error instanceof DocumentFault ? error.message : `it cannot be read: ${describeError(error)}`;
    const message = sentence(`${listed.method} ${listed.path} (${listed.pointer}) cannot be called: ${reason}`);
    throw new McpOnceError('tool_invalid', message, { cause: error });
  }
}

/** Separates bodies from parameters: in an upgraded Swagger document, parameters may refer to shared bodies. */
function separateBody(value: unknown): { parameters: readonly unknown[]; body: unknown } {
  const list = arrayOf(value);
  const isBody = (each: unknown) => isObject(each) && String(each.$ref).startsWith('#/components/requestBodies/');
  return { parameters: list.filter((each) => !isBody(each)), body: list.find(isBody) };
}

/** A fault in a response costs its schema: the response is then any value. */
function readResponses(
  context: OperationContext,
  declared: JsonObject,
  from: Resource,
  warnings: string[],
): ApiOperation['responses'] {
  const statuses = Object.keys(declared).filter((status) => /^([1-5](\d\d|XX)|default)$/.test(status));
  const found = statuses.map((status) => {
    const isSuccess = status.startsWith('2');
    const warn = isSuccess
      ? (reason: string) => warnings.push(`the response ${status} counts as any value: ${reason}`)
      : undefined;
    return { status, isSuccess, ...readResponse(context, declared[status], from, warn) };
  });
  const output = found.find(
    ({ isSuccess, schema, response }) => isSuccess && schema !== undefined && isJson(response.contentType ?? ''),
  );
  const responses = found.map((each) => {
    if (each !== output) return [each.status, each.response];
    try {
      const schema = schemaOf(context.store.convert(each.schema, each.resource, 'received'));
      return [each.status, { ...each.response, schema }];
    } catch (error) {
      if (!(error instanceof DocumentFault)) throw error;
      warnings.push(`the response ${each.status} counts as any value: ${error.message}`);
      return [each.status, each.response];
    }
  });
  return Object.fromEntries(responses);
}

/** Reads the schema of the first documented error in JSON. A fault in it must not matter. */
function readErrorSchema(context: OperationContext, declared: JsonObject, from: Resource): JsonSchema | undefined {
  const statuses = Object.keys(declared).filter((status) => /^(?:default|[45](?:\d\d|XX))$/.test(status));
  for (const status of statuses) {
    try {
      const { response, schema, resource } = readResponse(context, declared[status], from);
      if (schema === undefined || !isJson(response.contentType ?? '')) continue;
      return schemaOf(context.store.convert(schema, resource, 'received'));
    } catch (error) {
      if (!(error instanceof DocumentFault)) throw error;
    }
  }
  return undefined;
}

/** Reads one response. A fault in it makes an empty response, and a warning. */
function readResponse(
  context: OperationContext,
  value: unknown,
  from: Resource,
  warn?: (reason: string) => void,
): { response: ApiResponse; schema: unknown; resource: Resource } {
  try {
    const found = context.store.find(value, from);
    const response = objectOf(found.value);
    const resolve = (media: unknown) => context.store.find(media, found.resource).value;
    const chosen = isObject(response.content) ? responseMedia(response.content, resolve) : undefined;
    const read = defined({ description: documentText(response.description), contentType: chosen?.contentType });
    return { response: read, schema: chosen?.media.schema, resource: found.resource };
  } catch (error) {
    if (!(error instanceof DocumentFault)) throw error;
    warn?.(error.message);
    return { response: {}, schema: undefined, resource: from };
  }
}
