import { Readable } from 'node:stream';
import { readDocument } from '../../src/openapi/document/read-document.ts';
import { type ToolSchemas, toolSchemas } from '../../src/openapi/document/tool-schemas.ts';
import type { ApiDocument, ApiOperation } from '../../src/openapi/document/types.ts';

/** Reads a document from stdin. */
export function readText(text: string, refHosts: readonly string[] = []): Promise<ApiDocument> {
  return readDocument({ source: '-', refHosts, allowPrivate: false, stdin: Readable.from([Buffer.from(text)]) });
}

/** Reads a document from a path or a URL. */
export function readSource(
  source: string,
  refHosts: readonly string[] = [],
  allowPrivate = false,
): Promise<ApiDocument> {
  return readDocument({ source, refHosts, allowPrivate });
}

/** Reads an OpenAPI 3.1 document with these members. */
export function read(document: Readonly<Record<string, unknown>>): Promise<ApiDocument> {
  const whole = { openapi: '3.1.0', info: { title: 'Test', version: '1' }, paths: {}, ...document };
  return readText(JSON.stringify(whole));
}

/** Resolves the operation `METHOD /path`. @throws if the document has none. */
export function operationOf(document: ApiDocument, name: string): ApiOperation {
  const listed = document.listedOperations.find(({ method, path }) => `${method} ${path}` === name);
  if (!listed)
    throw new Error(`no ${name} among ${document.listedOperations.map(({ method, path }) => `${method} ${path}`)}`);
  return document.resolve(listed);
}

/** Resolves the only operation of a document. */
export async function only(document: Readonly<Record<string, unknown>>): Promise<ApiOperation> {
  const { listedOperations, resolve: operation } = await read(document);
  if (listedOperations[0] === undefined || listedOperations.length > 1)
    throw new Error(`${listedOperations.length} operations`);
  return operation(listedOperations[0]);
}

/** Returns the schemas of `POST /things` with this JSON body. */
export async function bodySchemas(
  schema: unknown,
  document: Readonly<Record<string, unknown>> = {},
): Promise<ToolSchemas> {
  const requestBody = { required: true, content: { 'application/json': { schema } } };
  return toolSchemas(await only({ ...document, paths: { '/things': { post: { requestBody, responses: {} } } } }));
}

/** Returns the schemas of `GET /things/{id}` with these parameters. */
export async function parameterSchemas(
  parameters: readonly unknown[],
  document: Readonly<Record<string, unknown>> = {},
): Promise<ToolSchemas> {
  return toolSchemas(await only({ ...document, paths: { '/things/{id}': { get: { parameters, responses: {} } } } }));
}
