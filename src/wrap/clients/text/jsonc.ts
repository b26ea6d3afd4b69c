import { type Node, parseTree, visit } from 'jsonc-parser';
import type { SettingsFormat, SettingsNode } from './node.ts';
import { depthMax, TextError } from './text-error.ts';

export const jsonFormat: SettingsFormat = {
  text: (value) => JSON.stringify(value),
  key: (name) => JSON.stringify(name),
  member: (key, value) => `${key}: ${value}`,
};

/** Reads JSON with comments and trailing commas, as VS Code, Zed and others write it. @throws TextError */
export function readJsonc(text: string): SettingsNode {
  const fail = (line: number, column: number): never => {
    throw new TextError(line + 1, column + 1);
  };
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
  return nodeOf(parseTree(text, [], options) ?? fail(0, 0));
}

function nodeOf({ type, offset, length, value, children = [] }: Node): SettingsNode {
  const place = { start: offset, end: offset + length };
  if (type === 'array') return { kind: 'list', ...place, layout: 'brackets', items: children.map(nodeOf) };
  if (type !== 'object') return { kind: 'scalar', ...place, value: value as string | number | boolean | null };
  const members = children.flatMap(({ children: [key, member] = [] }) => {
    if (!key || !member) return [];
    const end = member.offset + member.length;
    const keys = { keyStart: key.offset, keyEnd: key.offset + key.length };
    return [{ name: String(key.value), ...keys, start: key.offset, end, value: nodeOf(member), isSection: false }];
  });
  return { kind: 'map', ...place, layout: 'brackets', members };
}
