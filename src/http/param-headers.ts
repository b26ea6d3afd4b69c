import type { Tool } from '../core/tool/types.ts';

/** An argument that its caller repeats in a header, for whoever stands between (MCP 2026-07-28, `x-mcp-header`). */
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

/** A tool's schema is walked once. */
const known = new WeakMap<Tool, readonly MirroredArgument[]>();

/**
 * Whether the headers of a `tools/call` say of its arguments what the body says: what stands between has gone by them
 * (MCP 2026-07-28, Streamable HTTP, custom headers from tool parameters). The SDK checks this for its own registry of
 * tools only. An argument that is null or left out is looked for in no header.
 * @returns what is wrong, without a value; undefined when nothing is
 */
export function paramHeaderFault(tool: Tool, args: unknown, headers: Headers): string | undefined {
  for (const { path, header, isNumber } of mirroredArguments(tool)) {
    const expected = textOf(valueAt(args, path));
    if (expected === undefined) continue;
    const sent = headers.get(header);
    if (sent === null) return `the header ${header} is missing, and the arguments have its value`;
    const said = decoded(sent);
    if (said === undefined) return `the header ${header} is not Base64 of UTF-8, as it claims to be`;
    const isSame = said === expected || (isNumber && decimal.test(said) && Number(said) === Number(expected));
    if (!isSame) return `the header ${header} says another value than the arguments`;
  }
  return undefined;
}

function mirroredArguments(tool: Tool): readonly MirroredArgument[] {
  const found = known.get(tool) ?? declaredIn(tool.input.jsonSchema);
  known.set(tool, found);
  return found;
}

/** Clients drop a tool that declares one wrongly (same place, constraints): none of its headers is then asked for. */
function declaredIn(schema: unknown): readonly MirroredArgument[] {
  const found: MirroredArgument[] = [];
  const isRight = declare(schema, [], found);
  const names = new Set(found.map(({ header }) => header.toLowerCase()));
  return isRight && names.size === found.length ? found : [];
}

function declare(schema: unknown, path: readonly string[], found: MirroredArgument[]): boolean {
  if (!isObject(schema)) return true;
  if (Object.hasOwn(schema, annotation)) {
    const { [annotation]: name, type } = schema;
    const isPrimitive = type === 'string' || type === 'integer' || type === 'boolean';
    if (path.length === 0 || !isPrimitive || typeof name !== 'string' || !token.test(name)) return false;
    found.push({ path, header: `Mcp-Param-${name}`, isNumber: type === 'integer' });
  }
  const { properties } = schema;
  if (!isObject(properties)) return true;
  return Object.entries(properties).every(([name, each]) => declare(each, [...path, name], found));
}

function valueAt(args: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, name) => (isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined),
    args,
  );
}

/** Undefined for what has no header: what is not there, and what the schema refuses anyhow. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : undefined;
  return typeof value === 'string' || typeof value === 'boolean' ? String(value) : undefined;
}

function decoded(value: string): string | undefined {
  const [, inner] = encoded.exec(value) ?? [];
  if (inner === undefined) return value;
  if (!base64.test(inner)) return undefined;
  try {
    return utf8.decode(Buffer.from(inner, 'base64'));
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
