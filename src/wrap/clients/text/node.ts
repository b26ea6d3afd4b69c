/** A value of a settings file. `undefined` stands for one that mcp-once does not read, such as a date or an alias. */
export type SettingsValue =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly SettingsValue[]
  | { readonly [name: string]: SettingsValue };

/** An object of a settings file. */
export type SettingsObject = { readonly [name: string]: SettingsValue };

/**
 * How a map or a list is written, and so where a member can be added: between brackets, one member a line, or in a way
 * in which only values can be replaced (dotted keys, tables without a header).
 */
export type Layout = 'brackets' | 'lines' | 'fixed';

/** A value in the text of a settings file. Places are offsets in UTF-16 units. */
export type SettingsNode =
  | {
      readonly kind: 'scalar';
      readonly start: number;
      readonly end: number;
      readonly value: SettingsValue;
    }
  | {
      readonly kind: 'list';
      readonly start: number;
      readonly end: number;
      readonly layout: Layout;
      readonly items: readonly SettingsNode[];
    }
  | SettingsMap;

export interface SettingsMap {
  readonly kind: 'map';
  readonly start: number;
  readonly end: number;
  readonly layout: Layout;
  readonly members: readonly SettingsMember[];
}

export interface SettingsMember {
  readonly name: string;
  readonly keyStart: number;
  readonly keyEnd: number;
  /** Where the whole member begins and ends, without the line end or the comma after it. */
  readonly start: number;
  readonly end: number;
  readonly value: SettingsNode;
  /** Whether it is a table with a header of its own (TOML), after which no member of its parent may stand. */
  readonly isSection: boolean;
}

/** How values and members are written in a format. */
export interface SettingsFormat {
  text(value: string): string;
  key(name: string): string;
  member(key: string, value: string): string;
}

/** The member of this name. Of several, the last one counts, as in `JSON.parse`. */
export function memberOf(node: SettingsNode | undefined, name: string): SettingsMember | undefined {
  return node?.kind === 'map' ? node.members.findLast((member) => member.name === name) : undefined;
}

export function settingsValueOf(node: SettingsNode): SettingsValue {
  switch (node.kind) {
    case 'scalar':
      return node.value;
    case 'list':
      return node.items.map(settingsValueOf);
    case 'map':
      return Object.fromEntries(node.members.map(({ name, value }) => [name, settingsValueOf(value)]));
  }
}

export function isSettingsObject(value: SettingsValue): value is SettingsObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether two values are equal. The order of an object's members does not count. */
export function isSameValue(a: SettingsValue, b: SettingsValue): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((each, index) => isSameValue(each, b[index]));
  }
  if (isSettingsObject(a) && isSettingsObject(b)) {
    const names = Object.keys(a);
    return names.length === Object.keys(b).length && names.every((name) => name in b && isSameValue(a[name], b[name]));
  }
  return a === b;
}
