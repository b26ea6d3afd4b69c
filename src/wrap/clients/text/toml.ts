import { type AST, ParseError, parseTOML } from 'toml-eslint-parser';
import type { Layout, SettingsFormat, SettingsMember, SettingsNode, SettingsValue } from './node.ts';
import { TextError } from './text-error.ts';

export const tomlFormat: SettingsFormat = {
  // A JSON string is a basic string of TOML, except for this one control character.
  text: (value) => JSON.stringify(value).replaceAll('\u007f', '\\u007f'),
  key: (name) => (/^[\w-]+$/.test(name) ? name : tomlFormat.text(name)),
  member: (key, value) => `${key} = ${value}`,
};

/** A map while its members are collected: tables add to it from several places of the file. */
interface OpenMap {
  kind: 'map';
  start: number;
  end: number;
  layout: Layout;
  members: SettingsMember[];
}

/** Reads TOML, as Codex writes it. @throws TextError */
export function readToml(text: string): SettingsNode {
  const [table] = parsed(text).body;
  const root: OpenMap = { kind: 'map', start: 0, end: 0, layout: 'fixed', members: [] };
  for (const part of table.body) {
    if (part.type === 'TOMLKeyValue') addKeyValue(root, part);
    else addTable(root, part);
  }
  return root;
}

function parsed(text: string): AST.TOMLProgram {
  try {
    return parseTOML(text, { tomlVersion: 'latest' });
  } catch (error) {
    if (error instanceof ParseError) throw new TextError(error.lineNumber, error.column + 1);
    throw error;
  }
}

function addTable(root: OpenMap, { kind, key, range, body, resolvedKey }: AST.TOMLTable): void {
  // Lists of tables hold no server.
  if (kind !== 'standard' || resolvedKey.some((each) => typeof each === 'number')) return;
  const parent = openMap(root, key.keys.slice(0, -1));
  const last = key.keys.at(-1);
  if (!last) return;
  const headerEnd = last.range[1] + 1;
  const own: OpenMap = { kind: 'map', start: headerEnd, end: headerEnd, layout: 'lines', members: [] };
  const name = nameOf(last);
  const before = parent.members.findIndex((member) => member.name === name);
  // A table may follow its own sub-tables.
  const earlier = before < 0 ? undefined : parent.members[before]?.value;
  for (const each of body) addKeyValue(own, each);
  own.end = own.members.at(-1)?.end ?? headerEnd;
  if (earlier?.kind === 'map') own.members.push(...earlier.members);
  const places = { keyStart: last.range[0], keyEnd: last.range[1], start: range[0], end: own.end };
  const member: SettingsMember = { name, ...places, value: own, isSection: true };
  if (before < 0) parent.members.push(member);
  else parent.members[before] = member;
}

function addKeyValue(parent: OpenMap, { key, value, range }: AST.TOMLKeyValue): void {
  const last = key.keys.at(-1);
  if (!last) return;
  const owner = openMap(parent, key.keys.slice(0, -1));
  const places = { keyStart: last.range[0], keyEnd: last.range[1], start: range[0], end: range[1] };
  owner.members.push({ name: nameOf(last), ...places, value: nodeOf(value), isSection: false });
}

/** Finds or makes the map that a dotted key leads to. Without a header of its own, no member can be added to it. */
function openMap(parent: OpenMap, keys: readonly (AST.TOMLBare | AST.TOMLQuoted)[]): OpenMap {
  return keys.reduce((map, key) => {
    const [keyStart, keyEnd] = key.range;
    const name = nameOf(key);
    const found = map.members.find((member) => member.name === name)?.value;
    if (found?.kind === 'map') return found as OpenMap;
    const made: OpenMap = { kind: 'map', start: keyStart, end: keyEnd, layout: 'fixed', members: [] };
    map.members.push({ name, keyStart, keyEnd, start: keyStart, end: keyEnd, value: made, isSection: true });
    return made;
  }, parent);
}

function nodeOf(node: AST.TOMLContentNode): SettingsNode {
  const [start, end] = node.range;
  switch (node.type) {
    case 'TOMLArray':
      return { kind: 'list', start, end, layout: 'brackets', items: node.elements.map(nodeOf) };
    case 'TOMLInlineTable': {
      const map: OpenMap = { kind: 'map', start, end, layout: 'brackets', members: [] };
      for (const each of node.body) addKeyValue(map, each);
      return map;
    }
    case 'TOMLValue':
      return { kind: 'scalar', start, end, value: scalarOf(node.value) };
  }
}

function scalarOf(value: unknown): SettingsValue {
  return ['string', 'number', 'boolean'].includes(typeof value) ? (value as SettingsValue) : undefined;
}

function nameOf(key: AST.TOMLBare | AST.TOMLQuoted): string {
  return key.type === 'TOMLBare' ? key.name : key.value;
}
