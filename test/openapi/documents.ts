import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { readDocument } from '../../src/openapi/document/read.ts';
import { type ToolSchemas, toolSchemas } from '../../src/openapi/document/schemas.ts';
import type { ApiDocument, ApiOperation } from '../../src/openapi/document/types.ts';

/** A file of an installed package. */
export function packageFile(path: string): string {
  return fileURLToPath(new URL(`../../node_modules/${path}`, import.meta.url));
}

/** Reads a text as if it came on stdin. */
export function readText(text: string, refHosts: readonly string[] = []): Promise<ApiDocument> {
  return readDocument({ source: '-', refHosts, allowPrivate: false, stdin: Readable.from([Buffer.from(text)]) });
}

/** Reads a path or a URL. */
export function readSource(
  source: string,
  refHosts: readonly string[] = [],
  allowPrivate = false,
): Promise<ApiDocument> {
  return readDocument({ source, refHosts, allowPrivate });
}

/** Reads a document of OpenAPI 3.1 with these paths, or what else is given. */
export function read(document: Readonly<Record<string, unknown>>): Promise<ApiDocument> {
  const whole = { openapi: '3.1.0', info: { title: 'Test', version: '1' }, paths: {}, ...document };
  return readText(JSON.stringify(whole));
}

/** The operation `METHOD /path`. @throws where the document has none. */
export function operationOf(document: ApiDocument, name: string): ApiOperation {
  const head = document.heads.find(({ method, path }) => `${method} ${path}` === name);
  if (!head) throw new Error(`no ${name} among ${document.heads.map(({ method, path }) => `${method} ${path}`)}`);
  return document.operation(head);
}

/** The one operation of a document that has a single one. */
export async function only(document: Readonly<Record<string, unknown>>): Promise<ApiOperation> {
  const { heads, operation } = await read(document);
  if (heads[0] === undefined || heads.length > 1) throw new Error(`${heads.length} operations`);
  return operation(heads[0]);
}

/** The schemas of `POST /things` with this body of JSON. */
export async function bodySchemas(
  schema: unknown,
  document: Readonly<Record<string, unknown>> = {},
): Promise<ToolSchemas> {
  const requestBody = { required: true, content: { 'application/json': { schema } } };
  return toolSchemas(await only({ ...document, paths: { '/things': { post: { requestBody, responses: {} } } } }));
}

/** The schemas of `GET /things` with these parameters. */
export async function parameterSchemas(
  parameters: readonly unknown[],
  document: Readonly<Record<string, unknown>> = {},
): Promise<ToolSchemas> {
  return toolSchemas(await only({ ...document, paths: { '/things/{id}': { get: { parameters, responses: {} } } } }));
}
