import { isObject } from '../../core/json.ts';

/** The part of a value to keep: all of it, or some of its members. `*` stands for every member. */
type Selection = { all: boolean; readonly members: Map<string, Selection> };

/**
 * Keeps the fields that JSON pointers (RFC 6901) name. `*` matches every item of a list or member of an object, as in
 * `/items/*` + `/id`. Drops all other list items. Returns undefined if no field exists.
 */
export function selectFields(value: unknown, pointers: readonly string[]): unknown {
  const root: Selection = { all: false, members: new Map() };
  for (const pointer of pointers) {
    let current = root;
    for (const token of tokensOf(pointer)) {
      const next = current.members.get(token) ?? { all: false, members: new Map() };
      current.members.set(token, next);
      current = next;
    }
    current.all = true;
  }
  return select(value, [root]);
}

function tokensOf(pointer: string): string[] {
  if (pointer === '') return [];
  const path = pointer.startsWith('/') ? pointer.slice(1) : pointer;
  return path.split('/').map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function select(value: unknown, selections: readonly Selection[]): unknown {
  if (selections.length === 0) return undefined;
  if (selections.some(({ all }) => all)) return value;
  const inside = (name: string): Selection[] =>
    selections.flatMap(({ members }) => [members.get(name) ?? [], members.get('*') ?? []].flat());
  if (Array.isArray(value)) {
    const kept = value.flatMap((item, index) => present(select(item, inside(String(index)))));
    return kept.length > 0 || value.length === 0 ? kept : undefined;
  }
  if (!isObject(value)) return undefined;
  const kept = Object.entries(value).flatMap(([name, member]) =>
    present(select(member, inside(name))).map((each) => [name, each] as const),
  );
  return kept.length > 0 ? Object.fromEntries(kept) : undefined;
}

function present(value: unknown): unknown[] {
  return value === undefined ? [] : [value];
}
