import { McpOnceError } from '../../core/errors.ts';
import type { ToolSchemas } from '../document/schemas.ts';
import type { ApiOperation } from '../document/types.ts';
import { invalidArgument, isJsonType, isRecord, percentEncode, reservedEncode, textOf, writing } from './encode.ts';
import { formPairs } from './form.ts';
import type { PlacedParameter } from './place.ts';
import { expand, type Pair, pairs } from './styles.ts';

/**
 * The URL of a request: the template filled, the query appended, normalised. Below the base URL's own path, whatever
 * the arguments are. @throws McpOnceError `invalid_input` naming the argument; `tool_invalid` for a base URL that is none.
 */
export function urlOf(
  operation: ApiOperation,
  schemas: ToolSchemas,
  placed: readonly PlacedParameter[],
  baseUrl: string,
): string {
  const base = parseBase(baseUrl);
  const [template = '', fixedQuery] = splitOnce(operation.path.split('#', 1)[0] ?? '', '?');
  const path = fill(template.startsWith('/') ? template : `/${template}`, schemas, placed);
  const query = [...(fixedQuery ? [fixedQuery] : []), ...queryOf(placed)].join('&');
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
  const message = 'The base URL of the API is not an absolute http or https URL: give one by baseUrl.';
  throw new McpOnceError('tool_invalid', message);
}

function invalidPath(placed: readonly PlacedParameter[], problem: string): McpOnceError {
  const argument = placed.find(({ parameter }) => parameter.in === 'path')?.argument ?? '';
  return invalidArgument(argument, problem, 'Give the plain identifier');
}

/** The path with every `{name}` filled in. Text of the template that a URL cannot hold is percent-encoded. */
function fill(template: string, schemas: ToolSchemas, placed: readonly PlacedParameter[]): string {
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
      // A segment that is nothing but dots would be taken as a step upwards by whoever normalises the URL.
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
  if (!found) throw invalidArgument(argumentOf(name, schemas), 'is missing: it is part of the path', 'Give it');
  const { argument, parameter, value } = found;
  const text = writing(argument, () =>
    parameter.contentType === undefined
      ? expand(name, value, parameter, (part) => percentEncode(inSegment(argument, part)))
      : percentEncode(inSegment(argument, contentText(parameter.contentType, value))),
  );
  const isEmpty = text === '' || value === '' || (text === '.' && parameter.style === 'label');
  if (isEmpty) throw invalidArgument(argument, 'is empty: it is part of the path', 'Give it');
  return text;
}

/** Decoded as often as a chain of proxies may do it, the value must not be a step upwards. */
function inSegment(argument: string, text: string): string {
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

function queryOf(placed: readonly PlacedParameter[]): string[] {
  return placed.flatMap(({ argument, parameter, value }) => {
    if (parameter.in === 'querystring') return writing(argument, () => wholeQuery(parameter.contentType, value));
    if (parameter.in !== 'query') return [];
    return writing(argument, () => {
      const encode = parameter.allowReserved ? reservedEncode : percentEncode;
      if (parameter.contentType !== undefined) {
        return [`${percentEncode(parameter.name)}=${encode(contentText(parameter.contentType, value))}`];
      }
      const written = pairs(parameter.name, value, parameter, encode);
      if (written.length === 0 && parameter.allowEmptyValue) return [`${percentEncode(parameter.name)}=`];
      return written.map(joined);
    });
  });
}

/** A parameter that is the whole query (OpenAPI 3.2, `in: querystring`): a form of an object, else its text. */
function wholeQuery(contentType: string | undefined, value: unknown): string[] {
  if (isRecord(value) && (contentType === undefined || !isJsonType(contentType))) {
    return Object.entries(value)
      .flatMap(([name, member]) => formPairs(name, member))
      .map(joined);
  }
  const text = contentText(contentType ?? 'text/plain', value);
  const isForm = contentType === 'application/x-www-form-urlencoded';
  // A form that is a string already comes with its own separators.
  return [
    isForm ? text.replace(/%[0-9A-Fa-f]{2}|[^A-Za-z0-9\-._~!$'()*,;:@/?&=+]/gu, keepTriple) : percentEncode(text),
  ];
}

function keepTriple(piece: string): string {
  return piece.length === 3 && piece.startsWith('%') ? piece : percentEncode(piece);
}

/** A parameter with `content`: JSON text, or the string itself. */
export function contentText(contentType: string, value: unknown): string {
  return isJsonType(contentType) ? JSON.stringify(value) : textOf(value);
}

function joined([name, value]: Pair): string {
  return `${name}=${value}`;
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
