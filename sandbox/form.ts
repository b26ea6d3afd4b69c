import { invalidParameter } from './api-error.ts';
import { limits } from './limits.ts';

/** A decoded parameter: text or a hash. Arrays are hashes with the keys 0, 1, ... */
export type FormValue = string | FormHash;
export type FormHash = { [name: string]: FormValue };

/**
 * Decodes `application/x-www-form-urlencoded` with bracketed names, as Stripe does:
 * `customer=cus_1&metadata[order]=7&payment_method_types[]=card`.
 *
 * The endpoint's schema decides whether a hash is an array; `metadata[0]` is not one.
 * @throws ApiError when there are too many parameters, they nest too deep, contradict each other, or contain U+0000.
 */
export function decodeForm(text: string): FormHash {
  const root = newHash();
  let count = 0;
  for (const [name, value] of new URLSearchParams(text)) {
    count += 1;
    if (count > limits.parametersMax) {
      throw invalidParameter(`Too many parameters: at most ${limits.parametersMax} are taken.`, undefined);
    }
    // SQLite cuts a text there.
    if (name.includes('\0') || value.includes('\0')) {
      throw invalidParameter('A parameter contains the character U+0000.', undefined);
    }
    put(root, pathOf(name), value, name);
  }
  return root;
}

/** Returns the same text for the same parameters in any order, to compare the requests of a key. */
export function canonicalForm(value: FormValue): string {
  if (typeof value === 'string') return JSON.stringify(value);
  const entries = Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalForm(value[name] ?? '')}`);
  return `{${entries.join(',')}}`;
}

/** Returns the path of a name: a, b, 0 for `a[b][0]`. `a[]` appends. */
function pathOf(name: string): string[] {
  const head = /^[^[\]]+/.exec(name)?.[0];
  if (head === undefined) throw invalidParameter('A parameter has no name.', undefined);
  const path = [head];
  let rest = name.slice(head.length);
  while (rest !== '') {
    const part = /^\[([^[\]]*)\]/.exec(rest);
    if (part === null) throw invalidParameter(`Invalid parameter name: ${name.slice(0, 100)}`, undefined);
    path.push(part[1] ?? '');
    rest = rest.slice(part[0].length);
    if (path.length > limits.nestingMax) {
      throw invalidParameter(`Parameters nest too deep: at most ${limits.nestingMax} levels are taken.`, head);
    }
  }
  if (path.includes('__proto__')) throw invalidParameter('A parameter may not be called __proto__.', head);
  return path;
}

function put(root: FormHash, path: string[], value: string, name: string): void {
  let hash = root;
  for (const [depth, part] of path.entries()) {
    const key = part === '' ? String(Object.keys(hash).length) : part;
    const there = hash[key];
    if (depth === path.length - 1) {
      if (there !== undefined) throw invalidParameter(`Parameter ${name.slice(0, 100)} is given twice.`, path[0]);
      hash[key] = value;
      return;
    }
    if (typeof there === 'string') {
      throw invalidParameter(`Parameter ${name.slice(0, 100)} is both a value and a hash.`, path[0]);
    }
    const next = there ?? newHash();
    hash[key] = next;
    hash = next;
  }
}

function newHash(): FormHash {
  return Object.create(null) as FormHash;
}
