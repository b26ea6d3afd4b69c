import type { Environment } from '../../config/config.ts';

/** Variables that carry a header each, `Name: value`: on a command line everybody on the machine could read it. */
const prefix = 'MCP_ONCE_HEADER_';

/** The variable of one header, counted from 1. */
export function headerVariable(number: number): string {
  return `${prefix}${number}`;
}

export function isHeaderVariable(name: string): boolean {
  return name.startsWith(prefix);
}

/** A variable's text as name and value; undefined where it is none. */
export function parseHeader(text: string): readonly [name: string, value: string] | undefined {
  const found = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*([^\r\n\0]*)$/.exec(text);
  return found?.[1] === undefined || found[2] === undefined ? undefined : [found[1], found[2].trimEnd()];
}

/** The headers that a client's rewritten file hands to `mcp-once wrap URL`. What is no header is left out. */
export function headersFromVariables(environment: Environment): Readonly<Record<string, string>> {
  const texts = Object.entries(environment).flatMap(([name, text]) => (isHeaderVariable(name) && text ? [text] : []));
  return Object.fromEntries(texts.flatMap((text) => [parseHeader(text) ?? []]).filter((each) => each.length === 2));
}
