import { arrayOf, isObject, type JsonObject, type JsonSchema } from '../../core/json.ts';
import { convertPlain, isComposite, isPattern, type KeywordKind, makeNullable, schemaKeywords } from './keywords.ts';
import type { Found, References, Resource } from './references.ts';
import { annotations, definitionName, isTexts, referenceSiblings, withoutNames, withSiblings } from './schema-parts.ts';

/** Which way a schema's values go: what is read-only is not sent, what is write-only does not come back. */
export type Direction = 'sent' | 'received';

/** A schema that others refer to, converted once for all operations of a document, when somebody asks. */
export interface Definition {
  /** In `$defs`. */
  readonly name: string;
  converted(): Converted;
}

/** A schema as JSON Schema 2020-12, whose references are `#/$defs/NAME` of the definitions given. */
export interface Converted {
  readonly schema: JsonSchema;
  readonly definitions: readonly Definition[];
  /** Its length as JSON, without definitions. */
  readonly chars: number;
  /** The same with nothing nested deeper than that many schemas. */
  shallow(depthMax: number): Converted;
}

/** Characters of JSON that one tool's schema may have. */
export const schemaCharsMax = 60_000;
/** A definition up to this length that refers to nothing takes the place of its reference: models read it better. */
const inlineCharsMax = 400;
const depthMax = 48;
const depths = [depthMax, 12, 8, 6, 4, 3, 2, 1, 0];
/** References within references that are converted at once; what lies deeper waits until it is asked for. */
const nestedMax = 60;
/** How many parts of an allOf, and parts of parts, are searched for properties that do not go this way. */
const allOfMax = 500;
const cutNote = 'Its parts are left out, since the schema would be too long: see the documentation of the API.';

/** One conversion: what it has met so far. */
interface Run {
  readonly resource: Resource;
  readonly direction: Direction;
  readonly depthMax: number;
  readonly definitions: Set<Definition>;
  /** Bounds what aliases of YAML can blow up. */
  chars: number;
}

interface Entry extends Definition {
  /** Undefined while it is being converted, and before. */
  done: Converted | undefined;
  isBusy: boolean;
}

class TooLong extends Error {}

/** Converts the schemas of one document; definitions are converted once. */
export class SchemaStore {
  readonly #references: References;
  readonly #isOld: boolean;
  readonly #entries = { sent: new Map<string, Entry>(), received: new Map<string, Entry>() };
  /** Definitions that were converted with all that they lead to. */
  readonly #complete = new WeakSet<Definition>();
  #nested = 0;

  /** @param isOld Swagger 2.0 and OpenAPI 3.0: siblings of `$ref` do not count, but for what they tell people. */
  constructor(references: References, isOld: boolean) {
    this.#references = references;
    this.#isOld = isOld;
  }

  /** @throws DocumentFault naming a reference that cannot be followed. */
  convert(schema: unknown, resource: Resource, direction: Direction): Converted {
    const shallow = (most: number): Converted => {
      for (const depth of depths.filter((each) => each <= most)) {
        const converted = this.#attempt(schema, {
          resource,
          direction,
          depthMax: depth,
          definitions: new Set(),
          chars: 0,
        });
        if (converted && (converted.chars <= schemaCharsMax || depth === 0)) return { ...converted, shallow };
      }
      return { schema: { description: cutNote }, definitions: [], chars: cutNote.length + 20, shallow };
    };
    const converted = shallow(depthMax);
    if (this.#nested === 0) this.#completeAll(converted.definitions);
    return converted;
  }

  /** What a schema's references lead to; the schema itself where it is none. @throws DocumentFault */
  find(schema: unknown, resource: Resource): Found {
    const isReference = isObject(schema) && typeof schema.$ref === 'string';
    return isReference
      ? this.#references.follow(String(schema.$ref), resource)
      : { resource, pointer: '', value: schema };
  }

  /** True where values of a property do not go that way. */
  isHidden(schema: unknown, resource: Resource, direction: Direction): boolean {
    const keyword = direction === 'sent' ? 'readOnly' : 'writeOnly';
    if (!isObject(schema)) return false;
    if (schema[keyword] === true) return true;
    if (typeof schema.$ref !== 'string') return false;
    const { value } = this.find(schema, resource);
    return isObject(value) && value[keyword] === true;
  }

  /** Converts what is only referred to, too: a reference that leads nowhere is found here, and not later. */
  #completeAll(definitions: readonly Definition[]): void {
    const waiting = new Set(definitions.filter((each) => !this.#complete.has(each)));
    for (const definition of waiting) {
      for (const each of definition.converted().definitions) if (!this.#complete.has(each)) waiting.add(each);
    }
    for (const definition of waiting) this.#complete.add(definition);
  }

  #attempt(schema: unknown, run: Run): Omit<Converted, 'shallow'> | undefined {
    try {
      const converted = this.#node(schema, run, 0);
      return { schema: converted, definitions: [...run.definitions], chars: JSON.stringify(converted).length };
    } catch (error) {
      if (error instanceof TooLong) return undefined;
      throw error;
    }
  }

  #node(schema: unknown, run: Run, depth: number): Record<string, unknown> {
    if (schema === false) return { not: {} };
    if (!isObject(schema)) return {};
    if (typeof schema.$ref === 'string') return this.#reference(schema, run, depth);
    if (depth >= run.depthMax && isComposite(schema)) return cut(schema);
    const converted = convertPlain(schema);
    run.chars += 20 + String(converted.description ?? '').length;
    if (run.chars > schemaCharsMax * 2) throw new TooLong();
    for (const [keyword, kind] of Object.entries(schemaKeywords)) {
      const value = schema[keyword];
      if (value === undefined || value === null) continue;
      const target = keyword === 'items' && Array.isArray(value) ? 'prefixItems' : keyword;
      const kept = this.#parts(keyword, target === keyword ? kind : 'list', value, run, depth + 1);
      if (kept !== undefined) converted[target] = kept;
    }
    this.#setRequired(schema, converted, run);
    return schema.nullable === true || schema['x-nullable'] === true ? makeNullable(converted) : converted;
  }

  #parts(keyword: string, kind: KeywordKind, value: unknown, run: Run, depth: number): unknown {
    if (kind === 'one') return typeof value === 'boolean' ? value : this.#node(value, run, depth);
    if (kind === 'list') {
      const list = arrayOf(value).map((each) => this.#node(each, run, depth));
      return list.length > 0 ? list : undefined;
    }
    if (!isObject(value)) return undefined;
    const named = Object.entries(value).filter(([name]) => name !== '__proto__');
    if (kind === 'texts') return Object.fromEntries(named.filter(([, names]) => isTexts(names)));
    const isKept = (name: string, each: unknown) => {
      if (kind === 'patterns') return isPattern(name);
      return keyword !== 'properties' || !this.isHidden(each, run.resource, run.direction);
    };
    const kept = named.filter(([name, each]) => isKept(name, each));
    return Object.fromEntries(kept.map(([name, each]) => [name, this.#node(each, run, depth)]));
  }

  /** What does not go this way is not required either, wherever in an allOf the one or the other is said. */
  #setRequired(schema: JsonObject, converted: Record<string, unknown>, run: Run): void {
    const names = arrayOf(schema.required).filter((name) => typeof name === 'string');
    if (names.length === 0 && converted.allOf === undefined) return;
    const hidden = new Set(this.#hiddenNames(schema, run.resource, run.direction, new Set()));
    const required = [...new Set(names)].filter((name) => !hidden.has(name));
    if (required.length > 0) converted.required = required;
    if (hidden.size > 0 && Array.isArray(converted.allOf)) {
      converted.allOf = converted.allOf.map((part: JsonObject) => withoutNames(part, hidden));
    }
  }

  /** @param seen what was looked at already: parts of parts may be the same. */
  #hiddenNames(schema: unknown, from: Resource, direction: Direction, seen: Set<unknown>): string[] {
    const { value, resource } = this.find(schema, from);
    if (!isObject(value) || seen.has(value) || seen.size > allOfMax) return [];
    seen.add(value);
    const properties = isObject(value.properties) ? Object.entries(value.properties) : [];
    const own = properties.filter(([, each]) => this.isHidden(each, resource, direction)).map(([name]) => name);
    const parts = arrayOf(value.allOf).flatMap((each) => this.#hiddenNames(each, resource, direction, seen));
    return [...own, ...parts];
  }

  #reference(schema: JsonObject, run: Run, depth: number): Record<string, unknown> {
    const entry = this.#entry(this.#references.follow(String(schema.$ref), run.resource), run.direction);
    const converted = !entry.isBusy && this.#nested < nestedMax ? entry.converted() : undefined;
    const isSmall = converted && converted.definitions.length === 0 && converted.chars <= inlineCharsMax;
    if (!isSmall && depth >= run.depthMax) return cut(schema);
    if (!isSmall) run.definitions.add(entry);
    const base = isSmall ? { ...converted.schema } : { $ref: `#/$defs/${entry.name}` };
    run.chars += isSmall ? converted.chars : 30;
    const siblings = referenceSiblings(schema, this.#isOld);
    return siblings === undefined ? base : withSiblings(base, this.#node(siblings, run, depth), annotations);
  }

  #entry(found: Found, direction: Direction): Entry {
    const entries = this.#entries[direction];
    const key = `${found.resource.url}#${found.pointer}`;
    const before = entries.get(key);
    if (before) return before;
    const name = definitionName(found, this.#references.main);
    const entry: Entry = {
      name,
      done: undefined,
      isBusy: false,
      converted: () => this.#define(entry, found, direction),
    };
    entries.set(key, entry);
    return entry;
  }

  #define(entry: Entry, found: Found, direction: Direction): Converted {
    if (entry.done) return entry.done;
    entry.isBusy = true;
    this.#nested += 1;
    try {
      entry.done = this.convert(found.value, found.resource, direction);
      return entry.done;
    } finally {
      this.#nested -= 1;
      entry.isBusy = false;
    }
  }
}

function cut(schema: JsonObject): Record<string, unknown> {
  const said = typeof schema.description === 'string' ? `${schema.description.slice(0, 200).trim()} ` : '';
  return { description: said + cutNote };
}

/** What stands for a definition that there is no room for. */
export const cutDefinition: JsonSchema = Object.freeze({ description: cutNote });
