import { McpOnceError } from '../../core/errors.ts';
import { defined } from '../../core/json.ts';
import type { ToolSchemas } from '../document/tool-schemas.ts';
import type { ApiOperation } from '../document/types.ts';
import { encodeBody } from './body.ts';
import { isHeaderText } from './credentials.ts';
import { cookieEncode, encodeArgument, invalidArgument, percentEncode } from './encode.ts';
import { type PlacedParameter, placeArguments } from './place-arguments.ts';
import { expandStyle, stylePairs } from './styles.ts';
import type { HttpRequest } from './types.ts';
import { contentParameterText, requestUrl } from './url.ts';

/** The settings of a request. */
export interface RequestOptions {
  /** An absolute URL. The request's path stays below its path. */
  readonly baseUrl: string;
  /** Configured headers. They override arguments. */
  readonly headers: Readonly<Record<string, string>>;
  /** The derived idempotency key in the format that the API accepts. */
  readonly key?: { readonly in: 'header' | 'body'; readonly name: string; readonly value: string };
}

/** Header parameters with these names are ignored (OpenAPI 3.1.1, Parameter Object). */
const ignoredHeaders: ReadonlySet<string> = new Set(['accept', 'content-type', 'authorization']);

/** Arguments must not set headers of the connection or of authentication (RFC 9110, 7.2, 7.6; RFC 9112, 6). */
const reservedHeaders: ReadonlySet<string> = new Set([
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
 * Builds a request from a tool's arguments. The same arguments give the same bytes, so that a request can be sent again
 * with its key.
 * @throws McpOnceError `invalid_input` naming the argument that cannot be sent; `tool_invalid` if the configuration or the
 *   document does not allow any request. Nothing was sent.
 */
export function buildRequest(
  operation: ApiOperation,
  schemas: ToolSchemas,
  args: Readonly<Record<string, unknown>>,
  options: RequestOptions,
): HttpRequest {
  const placed = placeArguments(schemas, args);
  const url = requestUrl(operation, schemas, placed.parameters, options.baseUrl);
  const { key } = options;
  const bodyKey = key?.in === 'body' ? key : undefined;
  const assumedBody = bodyKey && { required: false, contentType: 'application/json', schema: {}, encoding: {} };
  const declared = operation.body ?? assumedBody;
  const body = declared && encodeBody(declared, placed, schemas.input, bodyKey);
  const headers: Record<string, string> = { accept: acceptOf(operation), 'user-agent': 'mcp-once' };
  Object.assign(headers, headersOf(placed.parameters));
  const cookies = cookiesOf(placed.parameters);
  for (const [name, value] of Object.entries(options.headers)) setHeader(headers, name, value, 'configured header');
  if (cookies !== '') headers.cookie = headers.cookie ? `${headers.cookie}; ${cookies}` : cookies;
  if (body) setHeader(headers, 'content-type', body.contentType, 'content type');
  if (key?.in === 'header') setHeader(headers, key.name, key.value, 'key header');
  return { method: operation.method, url, headers, ...defined({ body: body?.content }) };
}

/** Returns the media types of the documented responses, followed by a wildcard so that the API does not refuse. */
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
    if (parameter.in !== 'header' || ignoredHeaders.has(name)) continue;
    if (reservedHeaders.has(name)) {
      throw invalidArgument(
        argument,
        `would set the header ${parameter.name}, which arguments must not set`,
        'Leave it out',
      );
    }
    const text =
      parameter.contentType === undefined
        ? expandStyle(parameter.name, value, parameter, (each) => each)
        : contentParameterText(parameter.contentType, value);
    if (!isHeaderText(text)) {
      const problem =
        'contains characters that a header cannot carry (a line break, a control character, or one outside Latin-1)';
      throw invalidArgument(argument, problem, 'Remove them');
    }
    setHeader(headers, name, text, 'header');
  }
  return headers;
}

/** Separates all pairs by semicolons (RFC 6265, 4.2.1), even if `form` with `explode` uses ampersands. */
function cookiesOf(placed: readonly PlacedParameter[]): string {
  return placed
    .flatMap(({ argument, parameter, value }) => {
      if (parameter.in !== 'cookie') return [];
      return encodeArgument(argument, () =>
        parameter.contentType === undefined
          ? stylePairs(parameter.name, value, parameter, cookieEncode)
          : [
              [
                percentEncode(parameter.name),
                cookieEncode(contentParameterText(parameter.contentType, value)),
              ] as const,
            ],
      );
    })
    .map(([name, value]) => `${name}=${value}`)
    .join('; ');
}

/** Sets a header. @throws McpOnceError `tool_invalid` without the value */
function setHeader(headers: Record<string, string>, name: string, value: string, what: string): void {
  if (/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name) && isHeaderText(value)) {
    headers[name.toLowerCase()] = value;
    return;
  }
  const message = `The ${what} ${JSON.stringify(name)} has a name or a value that HTTP cannot carry. Correct the configuration or the document.`;
  throw new McpOnceError('tool_invalid', message);
}
