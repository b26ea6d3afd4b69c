import { McpOnceError } from '../../core/errors.ts';
import { writeJson } from '../../core/exact-json.ts';
import { isObject } from '../../core/json.ts';
import type { ToolSchemas } from '../document/tool-schemas.ts';
import type { ApiOperation } from '../document/types.ts';
import { encodeArgument, invalidArgument, isJsonType, percentEncode, reservedEncode, valueText } from './encode.ts';
import type { PlacedParameter } from './place-arguments.ts';
import { expandStyle, formPairs, type Pair, stylePairs } from './styles.ts';

/**
 * Builds the normalised URL of a request from the path template and the arguments. Its path stays below the base URL's
 * path for all arguments.
 * @throws McpOnceError `invalid_input` naming the argument; `tool_invalid` for an invalid base URL
 */
export function requestUrl(
  operation: ApiOperation,
  schemas: ToolSchemas,
  placed: readonly PlacedParameter[],
  baseUrl: string,
): string {
  const base = parseBase(baseUrl);
  const [template = '', fixedQuery] = splitOnce(operation.path.split('#', 1)[0] ?? '', '?');
  const path = fillTemplate(template.startsWith('/') ? template : `/${template}`, schemas, placed);
  const query = [...(fixedQuery ? [fixedQuery] : []), ...queryPairs(placed)].join('&');
  const prefix = base.pathname.replace(/\/+$/, '');
  const url = new URL(`${base.origin}${prefix}${path}${query === '' ? '' : `?${query}`}`);
  const isBelow = url.origin === base.origin && (url.pathname === prefix || url.pathname.startsWith(`${prefix}/`));
  if (!isBelow || url.pathname.split('/').length !== `${prefix}${path}`.split('/').length) {
    throw invalidPath(placed, `of ${operation.method} ${operation.path} would leave its place in the path`);
  }
  return url.href;
}

function parseBase(baseUrl: string): URL {
  const base = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (base && /^https?:$/.test(base.protocol)) return base;
  const message = 'The base URL of the API is not an absolute http or https URL. Set baseUrl.';
  throw new McpOnceError('tool_invalid', message);
}

function invalidPath(placed: readonly PlacedParameter[], problem: string): McpOnceError {
  const argument = placed.find(({ parameter }) => parameter.in === 'path')?.argument ?? '';
  return invalidArgument(argument, problem, 'Give the plain identifier');
}

/** Replaces every `{name}` in a path template. Percent-encodes text of the template that a URL cannot contain. */
function fillTemplate(template: string, schemas: ToolSchemas, placed: readonly PlacedParameter[]): string {
  return template
    .split('/')
    .map((segment) => {
      const names: string[] = [];
      const pieces = segment.split(/\{([^{}]*)\}/);
      const filled = pieces
        .map((piece, index) => {
          if (index % 2 === 0)
            return piece.replace(/[^\x21\x23-\x3b\x3d\x40-\x5b\x5d\x5f\x61-\x7a\x7e]/gu, percentEncode);
          names.push(piece);
          return pathValue(piece, schemas, placed);
        })
        .join('');
      // URL normalisation removes segments of dots, or goes one level up.
      if (names.length > 0 && /^(?:\.|%2e){1,2}$/i.test(filled)) {
        throw invalidArgument(
          argumentOf(names[0] ?? '', schemas),
          'makes a path segment of dots',
          'Give the plain identifier',
        );
      }
      return filled;
    })
    .join('/');
}

function pathValue(name: string, schemas: ToolSchemas, placed: readonly PlacedParameter[]): string {
  const found = placed.find(({ parameter }) => parameter.in === 'path' && parameter.name === name);
  if (!found) throw invalidArgument(argumentOf(name, schemas), 'is missing, but the path needs it', 'Set it');
  const { argument, parameter, value } = found;
  const text = encodeArgument(argument, () =>
    parameter.contentType === undefined
      ? expandStyle(name, value, parameter, (part) => percentEncode(checkSegment(argument, part)))
      : percentEncode(checkSegment(argument, contentParameterText(parameter.contentType, value))),
  );
  const isEmpty = text === '' || value === '' || (text === '.' && parameter.style === 'label');
  if (isEmpty) throw invalidArgument(argument, 'is empty, but the path needs it', 'Set it');
  return text;
}

/** Refuses values that leave their path segment, even if a chain of proxies decodes them several times. */
function checkSegment(argument: string, text: string): string {
  let current = text;
  for (let round = 0; round < 4; round += 1) {
    if (current === '.' || current.split(/[/\\]/).includes('..')) {
      throw invalidArgument(argument, 'would leave its place in the path ("." or "..")', 'Give the plain identifier');
    }
    const next = current.replace(/%(2e|2f|5c|25)/gi, (triple) => decodeURIComponent(triple));
    if (next === current) break;
    current = next;
  }
  return text;
}

function argumentOf(name: string, schemas: ToolSchemas): string {
  const entry = Object.entries(schemas.places).find(
    ([, where]) => where.in === 'parameter' && where.parameter.in === 'path' && where.parameter.name === name,
  );
  return entry?.[0] ?? name;
}

function queryPairs(placed: readonly PlacedParameter[]): string[] {
  return placed.flatMap(({ argument, parameter, value }) => {
    if (parameter.in === 'querystring')
      return encodeArgument(argument, () => encodeWholeQuery(parameter.contentType, value));
    if (parameter.in !== 'query') return [];
    return encodeArgument(argument, () => {
      const encode = parameter.allowReserved ? reservedEncode : percentEncode;
      if (parameter.contentType !== undefined) {
        return [`${percentEncode(parameter.name)}=${encode(contentParameterText(parameter.contentType, value))}`];
      }
      const encoded = stylePairs(parameter.name, value, parameter, encode);
      if (encoded.length === 0 && parameter.allowEmptyValue) return [`${percentEncode(parameter.name)}=`];
      return encoded.map(joinPair);
    });
  });
}

/** Encodes a parameter that is the whole query (OpenAPI 3.2, `in: querystring`): objects as a form, other values as text. */
function encodeWholeQuery(contentType: string | undefined, value: unknown): string[] {
  if (isObject(value) && (contentType === undefined || !isJsonType(contentType))) {
    return Object.entries(value)
      .flatMap(([name, member]) => formPairs(name, member))
      .map(joinPair);
  }
  const text = contentParameterText(contentType ?? 'text/plain', value);
  const isForm = contentType === 'application/x-www-form-urlencoded';
  // A form that is a string already contains its separators.
  return [
    isForm
      ? text.replace(/%[0-9A-Fa-f]{2}|[^A-Za-z0-9\-._~!$'()*,;:@/?&=+]/gu, encodeUnlessTriple)
      : percentEncode(text),
  ];
}

function encodeUnlessTriple(piece: string): string {
  return piece.length === 3 && piece.startsWith('%') ? piece : percentEncode(piece);
}

/** Returns the text of a parameter with `content`: JSON, or the string itself. */
export function contentParameterText(contentType: string, value: unknown): string {
  return isJsonType(contentType) ? writeJson(value) : valueText(value);
}

function joinPair([name, value]: Pair): string {
  return `${name}=${value}`;
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
