import { arrayOf, isObject, type JsonObject, type JsonSchema } from '../../core/json.ts';
import type { LocatedValue, References, Resource } from './references.ts';
import {
  convertPlainKeywords,
  isComposite,
  isPattern,
  type KeywordKind,
  makeNullable,
  schemaKeywords,
} from './schema-keywords.ts';
import { definitionName, isDistinctNames, referenceSiblings, withoutRequired, withSiblings } from './schema-parts.ts';

/** The direction of a schema's values. Read-only properties are not sent, write-only ones are not received. */
export type Direction = 'sent' | 'received';

/** A schema that others refer to. It is converted once, on demand, for all operations of a document. */
export interface Definition {
  /** Its name in `$defs`. */
  readonly name: string;
  converted(): ConvertedSchema;
}

/** A schema as JSON Schema 2020-12. Its references are `#/$defs/NAME`, the names of its `definitions`. */
export interface ConvertedSchema {
  readonly schema: JsonSchema;
  readonly definitions: readonly Definition[];
  /** The length of the schema as JSON, without definitions. */
  readonly chars: number;
  /** Converts the same schema again with at most this many nested levels. */
  shallow(depthMax: number): ConvertedSchema;
}

/** The conversions that schemas of operations came from. */
const conversions = new WeakMap<JsonSchema, ConvertedSchema>();

/** Returns the schema of a conversion, with changes. `conversionOf` finds the conversion and its definitions again. */
export function schemaOf(converted: ConvertedSchema, changes?: JsonObject): JsonSchema {
  const schema: JsonSchema = changes === undefined ? converted.schema : { ...converted.schema, ...changes };
  conversions.set(schema, converted);
  return schema;
}

/** Returns the conversion that a schema of an operation came from; undefined for other schemas. */
export function conversionOf(schema: JsonSchema): ConvertedSchema | undefined {
  return conversions.get(schema);
}

/** Limit on the characters of one tool's schema as JSON. */
export const schemaCharsMax = 60_000;
/** A definition without references and up to this length is inlined: models understand it better. */
const inlineCharsMax = 400;
const depthMax = 48;
/** Depths that are tried one after the other until a schema fits. */
const depths = [depthMax, 12, 8, 6, 4, 3, 2, 1, 0];
/** References within references that are converted at once. Deeper ones are converted on demand. */
const nestedMax = 60;
/** Limit on the parts of an `allOf`, nested ones included, that are searched for hidden properties. */
const allOfMax = 500;
const cutNote = 'Its parts are left out because the schema would be too long. See the documentation of the API.';

/** The state of one conversion. */
interface Conversion {
  readonly resource: Resource;
  readonly direction: Direction;
  readonly depthMax: number;
  readonly definitions: Set<Definition>;
  /** Counts characters, since YAML aliases can expand a schema to any size. */
  chars: number;
}

interface StoredDefinition extends Definition {
  /** Undefined until the conversion is complete. */
  done: ConvertedSchema | undefined;
  isBusy: boolean;
}

class SchemaTooLong extends Error {}

/** Converts the schemas of one document. Each definition is converted once. */
export class SchemaStore {
  readonly #references: References;
  readonly #ignoresRefSiblings: boolean;
  readonly #stored = { sent: new Map<string, StoredDefinition>(), received: new Map<string, StoredDefinition>() };
  /** Definitions that were converted together with everything they refer to. */
  readonly #complete = new WeakSet<Definition>();
  #nested = 0;

  /** @param ignoresRefSiblings true for Swagger 2.0 and OpenAPI 3.0, where only annotations count beside a `$ref`. */
  constructor(references: References, ignoresRefSiblings: boolean) {
    this.#references = references;
    this.#ignoresRefSiblings = ignoresRefSiblings;
  }

  /** Converts a schema, as deep as it fits. @throws DocumentFault if a reference cannot be followed. */
  convert(schema: unknown, resource: Resource, direction: Direction): ConvertedSchema {
    const shallow = (most: number): ConvertedSchema => {
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

  /** Follows a reference. Returns any other value itself. @throws DocumentFault */
  find(schema: unknown, resource: Resource): LocatedValue {
    const isReference = isObject(schema) && typeof schema.$ref === 'string';
    return isReference
      ? this.#references.follow(String(schema.$ref), resource)
      : { resource, pointer: '', value: schema };
  }

  /** Tests for a property whose values do not go in this direction. */
  isHidden(schema: unknown, resource: Resource, direction: Direction): boolean {
    const keyword = direction === 'sent' ? 'readOnly' : 'writeOnly';
    if (!isObject(schema)) return false;
    if (schema[keyword] === true) return true;
    if (typeof schema.$ref !== 'string') return false;
    const { value } = this.find(schema, resource);
    return isObject(value) && value[keyword] === true;
  }

  /** Converts all definitions that these refer to, so that a broken reference is found now and not later. */
  #completeAll(definitions: readonly Definition[]): void {
    const waiting = new Set(definitions.filter((each) => !this.#complete.has(each)));
    for (const definition of waiting) {
      for (const each of definition.converted().definitions) if (!this.#complete.has(each)) waiting.add(each);
    }
    for (const definition of waiting) this.#complete.add(definition);
  }

  #attempt(schema: unknown, run: Conversion): Omit<ConvertedSchema, 'shallow'> | undefined {
    try {
      const converted = this.#node(schema, run, 0);
      return { schema: converted, definitions: [...run.definitions], chars: JSON.stringify(converted).length };
    } catch (error) {
      if (error instanceof SchemaTooLong) return undefined;
      throw error;
    }
  }

  #node(schema: unknown, run: Conversion, depth: number): Record<string, unknown> {
    if (schema === false) return { not: {} };
    if (!isObject(schema)) return {};
    if (typeof schema.$ref === 'string') return this.#reference(schema, run, depth);
    if (depth >= run.depthMax && isComposite(schema)) return cut(schema);
    const converted = convertPlainKeywords(schema);
    run.chars += 20 + String(converted.description ?? '').length;
    if (run.chars > schemaCharsMax * 2) throw new SchemaTooLong();
    for (const [keyword, kind] of keywordsIn(schema)) {
      const value = schema[keyword];
      if (value === undefined || value === null) continue;
      const target = keyword === 'items' && Array.isArray(value) ? 'prefixItems' : keyword;
      const kept = this.#parts(keyword, target === keyword ? kind : 'list', value, run, depth + 1);
      if (kept !== undefined) converted[target] = kept;
    }
    this.#setRequired(schema, converted, run);
    // Some model APIs refuse a list without items.
    const isList = [converted.type].flat().includes('array');
    if (isList && converted.items === undefined && converted.prefixItems === undefined) converted.items = {};
    return schema.nullable === true || schema['x-nullable'] === true ? makeNullable(converted) : converted;
  }

  #parts(keyword: string, kind: KeywordKind, value: unknown, run: Conversion, depth: number): unknown {
    if (kind === 'one') return typeof value === 'boolean' ? value : this.#node(value, run, depth);
    if (kind === 'list') {
      const list = arrayOf(value).map((each) => this.#node(each, run, depth));
      return list.length > 0 ? list : undefined;
    }
    if (!isObject(value)) return undefined;
    const named = Object.entries(value).filter(([name]) => name !== '__proto__');
    if (kind === 'names') return Object.fromEntries(named.filter(([, names]) => isDistinctNames(names)));
    const isKept = (name: string, each: unknown) => {
      if (kind === 'patterns') return isPattern(name);
      return keyword !== 'properties' || !this.isHidden(each, run.resource, run.direction);
    };
    const kept = named.filter(([name, each]) => isKept(name, each));
    return Object.fromEntries(kept.map(([name, each]) => [name, this.#node(each, run, depth)]));
  }

  /** Sets `required` without hidden properties, also where another part of an `allOf` hides or requires them. */
  #setRequired(schema: JsonObject, converted: Record<string, unknown>, run: Conversion): void {
    const names = arrayOf(schema.required).filter((name) => typeof name === 'string');
    if (names.length === 0 && converted.allOf === undefined) return;
    const hidden = new Set(this.#hiddenNames(schema, run.resource, run.direction, new Set()));
    const required = [...new Set(names)].filter((name) => !hidden.has(name));
    if (required.length > 0) converted.required = required;
    if (hidden.size > 0 && Array.isArray(converted.allOf)) {
      converted.allOf = converted.allOf.map((part: JsonObject) => withoutRequired(part, hidden));
    }
  }

  /** @param seen the parts that were already searched, since one part may occur several times. */
  #hiddenNames(schema: unknown, from: Resource, direction: Direction, seen: Set<unknown>): string[] {
    const { value, resource } = this.find(schema, from);
    if (!isObject(value) || seen.has(value) || seen.size > allOfMax) return [];
    seen.add(value);
    const properties = isObject(value.properties) ? Object.entries(value.properties) : [];
    const own = properties.filter(([, each]) => this.isHidden(each, resource, direction)).map(([name]) => name);
    const parts = arrayOf(value.allOf).flatMap((each) => this.#hiddenNames(each, resource, direction, seen));
    return [...own, ...parts];
  }

  #reference(schema: JsonObject, run: Conversion, depth: number): Record<string, unknown> {
    const definition = this.#definition(this.#references.follow(String(schema.$ref), run.resource), run.direction);
    const converted = !definition.isBusy && this.#nested < nestedMax ? definition.converted() : undefined;
    const isSmall = converted && converted.definitions.length === 0 && converted.chars <= inlineCharsMax;
    if (!isSmall && depth >= run.depthMax) return cut(schema);
    if (!isSmall) run.definitions.add(definition);
    const base = isSmall ? { ...converted.schema } : { $ref: `#/$defs/${definition.name}` };
    run.chars += isSmall ? converted.chars : 30;
    const siblings = referenceSiblings(schema, this.#ignoresRefSiblings);
    return siblings === undefined ? base : withSiblings(base, this.#node(siblings, run, depth));
  }

  #definition(found: LocatedValue, direction: Direction): StoredDefinition {
    const stored = this.#stored[direction];
    const key = `${found.resource.url}#${found.pointer}`;
    const before = stored.get(key);
    if (before) return before;
    const name = definitionName(found, this.#references.main);
    const definition: StoredDefinition = {
      name,
      done: undefined,
      isBusy: false,
      converted: () => this.#define(definition, found, direction),
    };
    stored.set(key, definition);
    return definition;
  }

  #define(definition: StoredDefinition, found: LocatedValue, direction: Direction): ConvertedSchema {
    if (definition.done) return definition.done;
    definition.isBusy = true;
    this.#nested += 1;
    try {
      definition.done = this.convert(found.value, found.resource, direction);
      return definition.done;
    } finally {
      this.#nested -= 1;
      definition.isBusy = false;
    }
  }
}

const keywords = Object.entries(schemaKeywords);

/** Returns the keywords with parts that a schema has. Most schemas have none or one. */
function keywordsIn(schema: JsonObject): readonly (readonly [string, KeywordKind])[] {
  let only: string | undefined;
  for (const name of Object.keys(schema)) {
    if (!Object.hasOwn(schemaKeywords, name)) continue;
    if (only !== undefined) return keywords;
    only = name;
  }
  return only === undefined ? [] : [[only, schemaKeywords[only] as KeywordKind]];
}

function cut(schema: JsonObject): Record<string, unknown> {
  const own = typeof schema.description === 'string' ? `${schema.description.slice(0, 200).trim()} ` : '';
  return { description: own + cutNote };
}

/** Replaces a definition that does not fit. */
export const cutDefinition: JsonSchema = Object.freeze({ description: cutNote });
