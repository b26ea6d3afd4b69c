import { McpOnceError } from '../../core/errors.ts';
import type { ToolSchemas } from '../document/schemas.ts';
import type { ApiOperation } from '../document/types.ts';
import { writeBody } from './body.ts';
import { isHeaderText } from './credentials.ts';
import { cookieEncode, invalidArgument, percentEncode, writing } from './encode.ts';
import { type PlacedParameter, place } from './place.ts';
import { expand, pairs } from './styles.ts';
import type { HttpRequest } from './types.ts';
import { contentText, urlOf } from './url.ts';

/** What a request is made with besides its arguments. */
export interface RequestOptions {
  /** Absolute; the request stays below its path. */
  readonly baseUrl: string;
  /** Of the configuration; they win over arguments. */
  readonly headers: Readonly<Record<string, string>>;
  /** The derived key, as the API takes it. */
  readonly key?: { readonly in: 'header' | 'body'; readonly name: string; readonly value: string };
}

/** OpenAPI 3.1.1, Parameter Object: header parameters of these names are ignored. */
const ignored: ReadonlySet<string> = new Set(['accept', 'content-type', 'authorization']);

/** What belongs to the connection or says who is asking: never an argument's. RFC 9110, 7.2, 7.6; RFC 9112, 6. */
const reserved: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authorization',
  'proxy-authenticate',
  'content-length',
  'content-encoding',
  'accept-encoding',
  'transfer-encoding',
  'te',
  'trailer',
  'upgrade',
  'expect',
  'cookie',
  'x-retry-count',
]);

/**
 * Makes a request out of a tool's arguments. Pure: the same arguments give the same bytes, so that a request can be
 * sent again under its key.
 * @throws McpOnceError `invalid_input` naming the argument that cannot be sent; `tool_invalid` where the
 *   configuration or the document does not allow any request. Nothing was sent either way.
 */
export function buildRequest(
  operation: ApiOperation,
  schemas: ToolSchemas,
  args: Readonly<Record<string, unknown>>,
  options: RequestOptions,
): HttpRequest {
  const placed = place(schemas, args);
  const url = urlOf(operation, schemas, placed.parameters, options.baseUrl);
  const { key } = options;
  const bodyKey = key?.in === 'body' ? key : undefined;
  const assumed = bodyKey && { required: false, contentType: 'application/json', schema: {}, encoding: {} };
  const declared = operation.body ?? assumed;
  const body = declared && writeBody(declared, placed, schemas.input, bodyKey);
  const headers: Record<string, string> = { accept: acceptOf(operation), 'user-agent': 'mcp-once' };
  Object.assign(headers, headersOf(placed.parameters));
  const cookies = cookiesOf(placed.parameters);
  for (const [name, value] of Object.entries(options.headers)) set(headers, name, value, 'configured header');
  if (cookies !== '') headers.cookie = headers.cookie ? `${headers.cookie}; ${cookies}` : cookies;
  if (body) set(headers, 'content-type', body.contentType, 'content type');
  if (key?.in === 'header') set(headers, key.name, key.value, 'key header');
  return { method: operation.method, url, headers, ...(body ? { body: body.content } : {}) };
}

/** What the document says that it answers, and anything else rather than a refusal. */
function acceptOf({ responses }: ApiOperation): string {
  const types = Object.entries(responses)
    .filter(([status]) => /^2|^default$/.test(status))
    .flatMap(([, { contentType }]) => contentType ?? []);
  const declared = [...new Set(types)].filter((type) => isHeaderText(type) && type !== '*/*').slice(0, 5);
  return declared.length === 0 ? '*/*' : `${declared.join(', ')}, */*;q=0.1`;
}

function headersOf(placed: readonly PlacedParameter[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const { argument, parameter, value } of placed) {
    const name = parameter.name.toLowerCase();
    if (parameter.in !== 'header' || ignored.has(name)) continue;
    if (reserved.has(name)) {
      throw invalidArgument(
        argument,
        `would set the header ${parameter.name}, which is not an argument's`,
        'Leave it out',
      );
    }
    const written =
      parameter.contentType === undefined
        ? expand(parameter.name, value, parameter, (text) => text)
        : contentText(parameter.contentType, value);
    if (!isHeaderText(written)) {
      const problem =
        'holds characters that a header cannot carry (a line break, a control character, or beyond Latin-1)';
      throw invalidArgument(argument, problem, 'Leave them out');
    }
    set(headers, name, written, 'header');
  }
  return headers;
}

/** Cookies are pairs between semicolons (RFC 6265, 4.2.1), also where `form` with `explode` would put an ampersand. */
function cookiesOf(placed: readonly PlacedParameter[]): string {
  return placed
    .flatMap(({ argument, parameter, value }) => {
      if (parameter.in !== 'cookie') return [];
      return writing(argument, () =>
        parameter.contentType === undefined
          ? pairs(parameter.name, value, parameter, cookieEncode)
          : [[percentEncode(parameter.name), cookieEncode(contentText(parameter.contentType, value))] as const],
      );
    })
    .map(([name, value]) => `${name}=${value}`)
    .join('; ');
}

/** Sets a header of the document or the configuration. @throws McpOnceError `tool_invalid` without its value. */
function set(headers: Record<string, string>, name: string, value: string, what: string): void {
  if (/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name) && isHeaderText(value)) {
    headers[name.toLowerCase()] = value;
    return;
  }
  const message = `The ${what} ${JSON.stringify(name)} has a name or a value that HTTP cannot carry: correct the configuration or the document.`;
  throw new McpOnceError('tool_invalid', message);
}
