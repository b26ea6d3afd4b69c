import type { ToolSchemas } from '../../../src/openapi/document/tool-schemas.ts';
import type { ApiBody, ApiOperation, ApiParameter } from '../../../src/openapi/document/types.ts';
import { buildRequest, type RequestOptions } from '../../../src/openapi/http/request.ts';

export type Options = Partial<RequestOptions>;

export function operationOf(changes: Partial<ApiOperation> = {}): ApiOperation {
  return {
    method: 'GET',
    path: '/things',
    pointer: '/paths/~1things/get',
    tags: [],
    deprecated: false,
    extensions: {},
    servers: [],
    parameters: [],
    responses: {},
    security: [],
    ...changes,
  };
}

export function parameterOf(changes: Partial<ApiParameter> & Pick<ApiParameter, 'in'>): ApiParameter {
  return {
    name: 'color',
    required: false,
    style: changes.in === 'path' || changes.in === 'header' ? 'simple' : 'form',
    explode: false,
    allowReserved: false,
    allowEmptyValue: false,
    deprecated: false,
    schema: {},
    ...changes,
  };
}

/** Builds a request with one parameter, `color`. */
export function withParameter(
  parameter: Partial<ApiParameter> & Pick<ApiParameter, 'in'>,
  value: unknown,
  options: Options = {},
) {
  const full = parameterOf(parameter);
  const operation = operationOf({
    path: full.in === 'path' ? `/things/{${full.name}}` : '/things',
    parameters: [full],
  });
  const schemas: ToolSchemas = { input: {}, places: { color: { in: 'parameter', parameter: full } } };
  return buildRequest(operation, schemas, { color: value }, { baseUrl: 'http://api.test/v1', headers: {}, ...options });
}

export const bodyOf = (contentType: string, changes: Partial<ApiBody> = {}): ApiBody => ({
  required: false,
  contentType,
  schema: {},
  encoding: {},
  ...changes,
});

/** Builds a request whose arguments are all properties of the body. */
export function withBody(
  body: ApiBody,
  args: Record<string, unknown>,
  schemas: Record<string, object> = {},
  options: Options = {},
) {
  const places = Object.fromEntries(Object.keys(args).map((name) => [name, { in: 'body', property: name } as const]));
  const operation = operationOf({ method: 'POST', body });
  const input = { type: 'object', properties: schemas };
  return buildRequest(operation, { input, places }, args, { baseUrl: 'http://api.test', headers: {}, ...options });
}

export function withWholeBody(contentType: string, value: unknown, options: Options = {}) {
  const operation = operationOf({ method: 'POST', body: bodyOf(contentType) });
  const schemas: ToolSchemas = { input: {}, places: { body: { in: 'whole-body' } } };
  return buildRequest(operation, schemas, { body: value }, { baseUrl: 'http://api.test', headers: {}, ...options });
}

/** Returns the error that a call throws. */
export const refusal = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    return error as { code?: string; message: string };
  }
  throw new Error('the call did not throw');
};
