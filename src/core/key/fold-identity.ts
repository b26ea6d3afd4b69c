import { isPlainObject } from './check-json.ts';
import { foldText, KIND, kindOfName } from './fold-text.ts';

/** What a text without a telling name may be: these forms cannot be mistaken for anything else. */
const anyName = KIND.email | KIND.uuid;

/**
 * Folds a declared identity or resource for the key, as arguments are folded: outer white space, line ends, times, and the
 * case of e-mail addresses, UUIDs and codes. Member names say what a text is, since no schema does. Lists keep their order.
 *
 * @returns the value itself if nothing changes
 * @example
 * foldIdentity({ customer: ' Ann@Example.com' }) // { customer: 'ann@example.com' }
 */
export function foldIdentity(value: unknown, kind: number = anyName): unknown {
  if (typeof value === 'string') return foldText(value, kind);
  if (Array.isArray(value)) {
    const items = value.map((item) => foldIdentity(item, kind));
    return items.some((item, index) => item !== value[index]) ? items : value;
  }
  if (!isPlainObject(value)) return value;
  const members = Object.entries(value).map(([name, member]) => {
    return [name, foldIdentity(member, anyName | (kindOfName(name) & named))] as const;
  });
  return members.some(([name, member]) => member !== value[name]) ? Object.fromEntries(members) : value;
}

/** The kinds of a name that count. An `exact` text keeps its white space. */
const named = KIND.exact | KIND.time | KIND.email | KIND.code | KIND.uuid | KIND.hex | KIND.url;
