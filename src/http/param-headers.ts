import { withoutMark } from '../core/exact-json.ts';
import { isObject, objectOf } from '../core/json.ts';
import type { Tool } from '../core/tool/types.ts';

/** An argument that the client repeats in a header for intermediaries (MCP 2026-07-28, `x-mcp-header`). */
interface MirroredArgument {
  readonly path: readonly string[];
  readonly header: string;
  readonly isNumber: boolean;
}

const annotation = 'x-mcp-header';
/** RFC 9110, 5.1. */
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const encoded = /^=\?base64\?(.*)\?=$/s;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const decimal = /^-?\d+(\.\d+)?$/;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Each tool's schema is walked once. */
const argumentsByTool = new WeakMap<Tool, readonly MirroredArgument[]>();

/**
 * Checks that the headers of a `tools/call` agree with its arguments, because intermediaries act on the headers (MCP
 * 2026-07-28, Streamable HTTP, custom headers from tool parameters). The SDK checks this only for tools in its own
 * registry. An argument that is null or left out needs no header.
 * @returns what is wrong, without any value; undefined when everything agrees
 */
export function paramHeaderFault(tool: Tool, args: unknown, headers: Headers): string | undefined {
  for (const { path, header, isNumber } of mirroredArguments(tool)) {
    const expected = textOf(withoutMark(argumentAt(args, path)));
    if (expected === undefined) continue;
    const sent = headers.get(header);
    if (sent === null) return `the header ${header} is missing, but the arguments have a value for it`;
    const value = decodeHeader(sent);
    if (value === undefined) return `the header ${header} is marked as Base64 but is not Base64 of UTF-8`;
    const isSame = value === expected || (isNumber && decimal.test(value) && Number(value) === Number(expected));
    if (!isSame) return `the header ${header} has another value than the arguments`;
  }
  return undefined;
}

function mirroredArguments(tool: Tool): readonly MirroredArgument[] {
  const found = argumentsByTool.get(tool) ?? declaredIn(tool.input.jsonSchema);
  argumentsByTool.set(tool, found);
  return found;
}

/** Returns none where one declaration is invalid: clients drop such a tool (MCP, same section, constraints). */
function declaredIn(schema: unknown): readonly MirroredArgument[] {
  const found = collectMirrored(schema, []);
  if (found === undefined) return [];
  const names = new Set(found.map(({ header }) => header.toLowerCase()));
  return names.size === found.length ? found : [];
}

/** Returns the declarations in a schema, or undefined when one of them is invalid. */
function collectMirrored(schema: unknown, path: readonly string[]): readonly MirroredArgument[] | undefined {
  if (!isObject(schema)) return [];
  const found: MirroredArgument[] = [];
  if (Object.hasOwn(schema, annotation)) {
    const { [annotation]: name, type } = schema;
    const isPrimitive = type === 'string' || type === 'integer' || type === 'boolean';
    if (path.length === 0 || !isPrimitive || typeof name !== 'string' || !token.test(name)) return undefined;
    found.push({ path, header: `Mcp-Param-${name}`, isNumber: type === 'integer' });
  }
  const { properties } = schema;
  for (const [name, each] of Object.entries(objectOf(properties))) {
    const inner = collectMirrored(each, [...path, name]);
    if (inner === undefined) return undefined;
    found.push(...inner);
  }
  return found;
}

function argumentAt(args: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, name) => (isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined),
    args,
  );
}

/** Returns the header's text for a value; undefined for a missing value and for one that the schema refuses anyway. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : undefined;
  return typeof value === 'string' || typeof value === 'boolean' ? String(value) : undefined;
}

function decodeHeader(value: string): string | undefined {
  const [, inner] = encoded.exec(value) ?? [];
  if (inner === undefined) return value;
  if (!base64.test(inner)) return undefined;
  try {
    return utf8.decode(Buffer.from(inner, 'base64'));
  } catch {
    return undefined;
  }
}
