import { isAlias, isMap, isScalar, isSeq, type Node, type Pair, parseDocument } from 'yaml';
import type { SettingsFormat, SettingsMember, SettingsNode, SettingsValue } from './node.ts';
import { depthMax, TextError } from './text-error.ts';

/** Words that YAML 1.1 or 1.2 reads as something else than text. */
const reserved = /^(?:true|false|yes|no|on|off|null|y|n)$/i;

export const yamlFormat: SettingsFormat = {
  // Every JSON string is a double-quoted string of YAML.
  text: (value) => JSON.stringify(value),
  key: (name) => (/^[A-Za-z_][\w-]*$/.test(name) && !reserved.test(name) ? name : JSON.stringify(name)),
  member: (key, value) => `${key}: ${value}`,
};

/** Reads YAML, as Goose writes it. @throws TextError */
export function readYaml(text: string): SettingsNode {
  const document = parseDocument(text, { uniqueKeys: false, logLevel: 'silent' });
  const [error] = document.errors;
  if (error) throw new TextError(error.linePos?.[0].line ?? 1, error.linePos?.[0].col ?? 1);
  if (!document.contents) return { kind: 'map', start: 0, end: 0, layout: 'fixed', members: [] };
  return nodeOf(text, document.contents, 0);
}

function nodeOf(text: string, node: Node, depth: number): SettingsNode {
  if (depth > depthMax) throw new TextError(1, 1);
  const [start, end] = node.range ?? [0, 0];
  if (isAlias(node)) return { kind: 'scalar', start, end, value: undefined };
  if (isScalar(node)) return { kind: 'scalar', start, end: trimmed(text, end), value: scalarOf(node.value) };
  if (isSeq(node)) {
    const items = node.items.map((item) => nodeOf(text, item as Node, depth + 1));
    const last = node.flow ? end : (items.at(-1)?.end ?? end);
    return { kind: 'list', start, end: last, layout: node.flow ? 'brackets' : 'lines', items };
  }
  if (!isMap(node)) return { kind: 'scalar', start, end, value: undefined };
  const members = node.items.flatMap((pair) => memberOfPair(text, pair as Pair<Node, Node | null>, depth));
  const last = node.flow ? end : (members.at(-1)?.end ?? end);
  return { kind: 'map', start, end: last, layout: node.flow ? 'brackets' : 'lines', members };
}

function memberOfPair(text: string, { key, value }: Pair<Node, Node | null>, depth: number): SettingsMember[] {
  const [keyStart, keyEnd] = key.range ?? [0, 0];
  if (!isScalar(key)) return [];
  const node: SettingsNode = value
    ? nodeOf(text, value, depth + 1)
    : { kind: 'scalar', start: keyEnd + 1, end: keyEnd + 1, value: null };
  const end = Math.max(node.end, keyEnd);
  return [{ name: String(key.value), keyStart, keyEnd, start: keyStart, end, value: node, isSection: false }];
}

/** The value of a block scalar ends after its line ends. */
function trimmed(text: string, end: number): number {
  return text.slice(0, end).trimEnd().length;
}

function scalarOf(value: unknown): SettingsValue {
  const isPlain = ['string', 'number', 'boolean'].includes(typeof value) || value === null;
  return isPlain ? (value as SettingsValue) : undefined;
}
