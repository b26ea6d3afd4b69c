import {
  isSameValue,
  isSettingsObject,
  type SettingsFormat,
  type SettingsMap,
  type SettingsMember,
  type SettingsNode,
  type SettingsObject,
  type SettingsValue,
  settingsValueOf,
} from './node.ts';

/** Replaces the text from `start` to `end`. */
export interface TextEdit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Thrown where the form of the text allows no such edit: dotted keys, anchors, several members on a line. */
export class FixedForm extends Error {}

/** The values that members of a map shall have, in the order in which new ones are added; undefined removes a member. */
export type MemberTargets = ReadonlyMap<string, SettingsValue>;

/** A text, its format, and where its lines end. */
interface Text {
  readonly source: string;
  readonly format: SettingsFormat;
}

/** Applies edits that do not overlap. Of two at one place, an insertion comes first. */
export function applyEdits(source: string, edits: readonly TextEdit[]): string {
  const sorted = edits.toSorted((a, b) => a.start - b.start || a.end - b.end);
  let place = 0;
  let text = '';
  for (const edit of sorted) {
    if (edit.start < place) throw new FixedForm();
    text += source.slice(place, edit.start) + edit.text;
    place = edit.end;
  }
  return text + source.slice(place);
}

/**
 * Returns the edits that give the members of a map these values, and leave all other bytes as they are.
 *
 * @param renames the present name of a member by its new one: it keeps its place and its comments.
 * @throws FixedForm
 */
export function editsFor(
  text: Text,
  map: SettingsMap,
  targets: MemberTargets,
  renames: ReadonlyMap<string, string> = new Map(),
): readonly TextEdit[] {
  const edits: TextEdit[] = [];
  const find = (name: string): SettingsMember | undefined => map.members.findLast((member) => member.name === name);
  const renamed = new Set<string>();
  let anchor: SettingsMember | undefined;
  for (const [name, value] of targets) {
    if (value === undefined) continue;
    const old = renames.get(name);
    const from = old !== undefined && targets.has(old) && targets.get(old) === undefined ? find(old) : undefined;
    const member = find(name) ?? from;
    if (member) {
      if (member.name !== name) edits.push(...renameMember(text, map, member, name));
      if (member.name !== name) renamed.add(member.name);
      edits.push(...changeValue(text, member, value));
      if (!member.isSection) anchor = member;
    } else {
      edits.push(insertMember(text, map, anchor, memberText(text, name, value)));
    }
  }
  const isRemoved = ({ name }: SettingsMember): boolean =>
    targets.has(name) && targets.get(name) === undefined && !renamed.has(name);
  return [...edits, ...removeMembers(text, map, isRemoved)];
}

function renameMember(
  { format }: Text,
  { layout }: SettingsMap,
  member: SettingsMember,
  name: string,
): readonly TextEdit[] {
  if (layout === 'fixed' || (member.isSection && member.value.kind === 'map' && member.value.layout === 'fixed')) {
    throw new FixedForm();
  }
  return [{ start: member.keyStart, end: member.keyEnd, text: format.key(name) }];
}

function changeValue(text: Text, member: SettingsMember, value: SettingsValue): readonly TextEdit[] {
  const node = member.value;
  if (isSameValue(settingsValueOf(node), value)) return [];
  if (node.kind === 'list' && Array.isArray(value)) return changeList(text, member, node, value);
  if (node.kind === 'map' && isSettingsObject(value)) return changeMap(text, node, value);
  return replaceValue(text, member, value);
}

/** Replaces a whole value. One that is written in lines begins in the line of its key from now on. */
function replaceValue(text: Text, { value: node, keyEnd, isSection }: SettingsMember, value: SettingsValue) {
  if (node.kind === 'scalar' || node.layout === 'brackets') {
    // A key without any value.
    const gap = node.start === node.end ? ' ' : '';
    return [{ start: node.start, end: node.end, text: gap + valueText(text, value) }];
  }
  const from = text.source.indexOf(':', keyEnd) + 1;
  if (isSection || node.layout === 'fixed' || /[&!*]/.test(text.source.slice(from, node.start))) throw new FixedForm();
  return [{ start: from, end: node.end, text: ` ${valueText(text, value)}` }];
}

/** Adds items before the others, or removes the first ones; replaces the list only where both do not apply. */
function changeList(
  text: Text,
  member: SettingsMember,
  node: Extract<SettingsNode, { kind: 'list' }>,
  values: readonly SettingsValue[],
): readonly TextEdit[] {
  const { items, layout } = node;
  const [first] = items;
  let common = 0;
  while (
    common < Math.min(items.length, values.length) &&
    isSameValue(settingsValueOf(items.at(-1 - common) as SettingsNode), values.at(-1 - common))
  ) {
    common += 1;
  }
  const added = values.slice(0, values.length - common).map((value) => valueText(text, value));
  if (!first) {
    return layout === 'brackets' ? [insertion(node.start + 1, added.join(', '))] : replaceValue(text, member, values);
  }
  const startOf = (item: SettingsNode): number =>
    layout === 'brackets' ? item.start : text.source.lastIndexOf('-', item.start - 1);
  if (common === items.length) return [insertion(startOf(first), itemsBefore(text, node, startOf(first), added))];
  const kept = items[items.length - common];
  if (common !== values.length || !kept) return replaceValue(text, member, values);
  return [{ start: startOf(first), end: startOf(kept), text: '' }];
}

function itemsBefore(
  { source }: Text,
  { start, layout }: { start: number; layout: string },
  first: number,
  added: readonly string[],
): string {
  if (layout === 'brackets') {
    const before = source.slice(start + 1, first);
    const gap = before !== '' && before.trim() === '' ? before : ' ';
    return added.map((each) => `${each},${gap}`).join('');
  }
  return added.map((each) => `- ${each}${lineEndOf(source)}${indentAt(source, first)}`).join('');
}

/** Gives a map these members. Members of other names are renamed in their place, from the last one. */
function changeMap(text: Text, map: SettingsMap, value: SettingsObject): readonly TextEdit[] {
  const names = Object.keys(value);
  const gone = map.members.filter(({ name }) => !(name in value));
  const missing = names.filter((name) => !map.members.some((member) => member.name === name));
  const pairs = Math.min(gone.length, missing.length);
  const renames = Array.from({ length: pairs }, (_, index) => ({
    member: gone[gone.length - pairs + index] as SettingsMember,
    name: missing[missing.length - pairs + index] as string,
  }));
  const added = missing.slice(0, missing.length - pairs).map((name) => memberText(text, name, value[name]));
  const removed = new Set(gone.slice(0, gone.length - pairs));
  return [
    ...(added.length > 0 ? [insertFirst(text, map, added)] : []),
    ...map.members.flatMap((member) => (member.name in value ? changeValue(text, member, value[member.name]) : [])),
    ...renames.flatMap(({ member, name }) => [
      ...renameMember(text, map, member, name),
      ...changeValue(text, member, value[name]),
    ]),
    ...removeMembers(text, map, (member) => removed.has(member)),
  ];
}

function insertFirst(text: Text, map: SettingsMap, added: readonly string[]): TextEdit {
  const { source } = text;
  const [first] = map.members;
  if (map.layout === 'fixed' || first?.isSection) throw new FixedForm();
  if (map.layout === 'brackets') return insertion(map.start + 1, added.join(', ') + (first ? ', ' : ''));
  const end = lineEndOf(source);
  if (!first) return insertion(endOfLine(source, map.start), added.map((each) => end + each).join(''));
  const indent = indentAt(source, first.start);
  return insertion(first.start, added.map((each) => `${each}${end}${indent}`).join(''));
}

/** Inserts a member after another one; without one, at the beginning. */
function insertMember(text: Text, map: SettingsMap, anchor: SettingsMember | undefined, added: string): TextEdit {
  const { source } = text;
  if (!anchor) return insertFirst(text, map, [added]);
  if (map.layout === 'fixed') throw new FixedForm();
  if (map.layout === 'brackets') {
    const before = /\r?\n[ \t]*$/.exec(source.slice(Math.max(0, anchor.start - 1_000), anchor.start));
    return insertion(anchor.end, `,${before?.[0] ?? ' '}${added}`);
  }
  return insertion(endOfLine(source, anchor.end), `${lineEndOf(source)}${indentAt(source, anchor.start)}${added}`);
}

/** Removes members, with the commas or the lines that belong to them. */
function removeMembers(
  { source }: Text,
  { members, layout }: SettingsMap,
  isRemoved: (member: SettingsMember) => boolean,
): readonly TextEdit[] {
  const edits: TextEdit[] = [];
  for (const [index, member] of members.entries()) {
    if (!isRemoved(member)) continue;
    if (layout === 'fixed') throw new FixedForm();
    if (layout === 'lines' || member.isSection) {
      edits.push(wholeLines(source, member));
      continue;
    }
    const before = members[index - 1];
    if (before && isRemoved(before)) continue;
    const last = members.findIndex((each, place) => place >= index && !isRemoved(each));
    const after = last < 0 ? undefined : members[last];
    const end = members.at(-1)?.end ?? member.end;
    if (after) edits.push({ start: member.start, end: after.start, text: '' });
    else if (before) edits.push({ start: before.end, end, text: '' });
    else edits.push({ start: member.start, end: end + (/^\s*,/.exec(source.slice(end))?.[0].length ?? 0), text: '' });
  }
  return edits;
}

function wholeLines(source: string, { start, end }: SettingsMember): TextEdit {
  const lineStart = source.lastIndexOf('\n', start - 1) + 1;
  const lineEnd = endOfLine(source, end);
  const rest = source.slice(end, lineEnd).trim();
  if (source.slice(lineStart, start).trim() !== '' || (rest !== '' && !rest.startsWith('#'))) throw new FixedForm();
  const next = source.indexOf('\n', lineEnd);
  return { start: lineStart, end: next < 0 ? source.length : next + 1, text: '' };
}

function memberText(text: Text, name: string, value: SettingsValue): string {
  return text.format.member(text.format.key(name), valueText(text, value));
}

function valueText(text: Text, value: SettingsValue): string {
  if (typeof value === 'string') return text.format.text(value);
  if (Array.isArray(value)) return `[${value.map((each) => valueText(text, each)).join(', ')}]`;
  if (!isSettingsObject(value)) return String(value);
  const members = Object.entries(value).map(([name, each]) => memberText(text, name, each));
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
}

function insertion(start: number, text: string): TextEdit {
  return { start, end: start, text };
}

function endOfLine(source: string, from: number): number {
  const next = source.indexOf('\n', from);
  if (next < 0) return source.length;
  return source[next - 1] === '\r' && next > from ? next - 1 : next;
}

function lineEndOf(source: string): string {
  return source.includes('\r\n') ? '\r\n' : '\n';
}

/** The indentation of a member or an item that begins its line. @throws FixedForm for one that does not. */
function indentAt(source: string, place: number): string {
  const before = source.slice(source.lastIndexOf('\n', place - 1) + 1, place);
  if (before.trim() !== '') throw new FixedForm();
  return before;
}
