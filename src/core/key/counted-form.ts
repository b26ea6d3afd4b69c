import { foldedNumbers, isMarkedNumber } from '../exact-json.ts';

/** Begins a text that stands for another one, which has no canonical form. U+FDD1 is a noncharacter, as the mark of numbers is. */
const standIn = '\uFDD1';
const loneSurrogate = /\p{Surrogate}/u;

/**
 * Returns JSON that somebody else judges in a form that can be hashed. Equal numbers get one form, whatever their text.
 * Half a surrogate pair, the name `__proto__`, and names that are equal in Unicode NFC get a text in their place, so that
 * different values stay different. The result is for comparing only, and is never sent.
 */
export function countedForm<Value>(value: Value): Value {
  return counted(value) as Value;
}

function counted(value: unknown): unknown {
  if (typeof value === 'string') return isMarkedNumber(value) ? foldedNumbers(value) : countedText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(counted);
  const names = countedNames(Object.keys(value));
  return Object.fromEntries(Object.values(value).map((member, index) => [names[index], counted(member)]));
}

function countedText(text: string): string {
  if (!text.startsWith(standIn) && !loneSurrogate.test(text)) return text;
  // JSON escapes half a pair, and each backslash.
  return standIn + JSON.stringify(text);
}

function countedNames(names: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const name of names) {
    const normal = name.normalize('NFC');
    counts.set(normal, (counts.get(normal) ?? 0) + 1);
  }
  return names.map((name) => {
    if (name === '__proto__') return standIn + name;
    const normal = name.normalize('NFC');
    const isShared = normal !== name && (counts.get(normal) ?? 0) > 1;
    return isShared ? `${standIn}${unitsOf(name)}` : countedText(name);
  });
}

/** Returns the code units of a name, which Unicode normalisation does not change. */
function unitsOf(name: string): string {
  return name.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
