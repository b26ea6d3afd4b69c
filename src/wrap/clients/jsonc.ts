import { type Node, parseTree, visit } from 'jsonc-parser';
import { refuse } from '../../command/cli.ts';

/** A value in a JSON text, with its `offset` and `length` there, in UTF-16 units. */
export type JsonNode = Node;

/** A member of an object in a JSON text. */
export interface JsonProperty {
  readonly name: string;
  readonly key: JsonNode;
  readonly value: JsonNode;
}

const depthMax = 200;
const byteOrderMark = '\uFEFF';

/**
 * Reads JSON with comments, trailing commas and a byte order mark, as VS Code and others write it. The nodes carry
 * their places in the text, so that an edit can leave all other bytes as they are.
 *
 * @throws McpOnceError `invalid_input` that names file and line, and never quotes the text: it may hold a secret.
 */
export function readJsonc(source: string, file: string): JsonNode {
  // A space of the same length keeps all offsets.
  const text = source.startsWith(byteOrderMark) ? ` ${source.slice(1)}` : source;
  const fail = (line: number, column: number): never =>
    refuse(
      `${file}: invalid JSON at line ${line + 1}, column ${column + 1}. Nothing was changed. Correct the file and try again.`,
    );
  let depth = 0;
  const enter = (_offset: number, _length: number, line: number, column: number): void => {
    depth += 1;
    if (depth > depthMax) fail(line, column);
  };
  const leave = (): void => {
    depth -= 1;
  };
  const options = { allowTrailingComma: true };
  // The parser is recursive, so the depth is checked while it descends.
  visit(
    text,
    {
      onObjectBegin: enter,
      onArrayBegin: enter,
      onObjectEnd: leave,
      onArrayEnd: leave,
      onError: (_error, _offset, _length, line, column) => fail(line, column),
    },
    options,
  );
  return parseTree(text, [], options) ?? fail(0, 0);
}

/** The members of an object; none for any other value. */
export function jsonPropertiesOf(node: JsonNode | undefined): readonly JsonProperty[] {
  if (node?.type !== 'object') return [];
  return (node.children ?? []).flatMap(({ children: [key, value] = [] }) =>
    key && value ? [{ name: String(key.value), key, value }] : [],
  );
}

/** The member of this name. Of several, the last one counts, as in `JSON.parse`. */
export function jsonPropertyOf(node: JsonNode | undefined, name: string): JsonProperty | undefined {
  return jsonPropertiesOf(node).findLast((property) => property.name === name);
}

/** The items of an array; undefined for any other value. */
export function jsonItemsOf(node: JsonNode | undefined): readonly JsonNode[] | undefined {
  return node?.type === 'array' ? (node.children ?? []) : undefined;
}

export function jsonStringOf(node: JsonNode | undefined): string | undefined {
  return node?.type === 'string' ? String(node.value) : undefined;
}

/** The items of an array of strings; undefined for any other value. */
export function jsonStringsOf(node: JsonNode | undefined): readonly string[] | undefined {
  const strings = jsonItemsOf(node)?.map(jsonStringOf);
  return strings?.every((each) => each !== undefined) ? strings : undefined;
}
