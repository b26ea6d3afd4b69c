import type { KeepString } from './canonical-json.ts';
import { isPlainObject } from './check-json.ts';
import { acceptsText, type Branching, listedTexts, NO_FACTS, type PlaceFacts, readFacts } from './place-facts.ts';
import {
  agreedDefault,
  flatten,
  holdsNull,
  holdsObject,
  isVerbatim,
  itemSchemas,
  mentionsVerbatim,
  type NullRule,
  OPAQUE,
  otherSchema,
  positionsOf,
  propertiesOf,
  propertySchema,
  requiredNames,
  requires,
  type Schema,
  unionNullRule,
} from './schema-keywords.ts';

/**
 * What a JSON Schema says about one place in the arguments, as far as the key needs it: whether null is allowed, which
 * default a property has, and whether a string is left out of normalisation.
 *
 * If a schema cannot be read with certainty (an unresolved reference, a condition, an open branch), the result is the one
 * that changes nothing: null is allowed, without a default. Validation still checks the value. The hash may then
 * differ for arguments with the same meaning, but is never the same for arguments with different meanings.
 */
export interface ArgumentPlace {
  /** True for a path, an address or binary data: Unicode normalisation could change its meaning. */
  readonly verbatim: boolean;
  readonly facts: PlaceFacts;
  /** The names of the properties that the schema requires, outside of unions. */
  readonly required: readonly string[];
  property(name: string): PropertyRule;
  item(index: number): ArgumentPlace;
  /** Returns how many first items of a list have their own schema. */
  ownItems(): number;
  /** Returns whether the schema forbids an undeclared property with this name. */
  forbids(name: string): boolean;
  /** Returns whether types, enumerations and constants of the schema accept a text. */
  acceptsText(text: string): boolean;
  /** Returns the strings that the schema lists. */
  listedTexts(): readonly string[];
}

export interface PropertyRule {
  /** False for the rule that all names share which the schema does not mention. */
  readonly isNamed: boolean;
  readonly place: ArgumentPlace;
  /** True if null means "absent": the property is optional and no branch of the schema allows null. */
  readonly stripNull: boolean;
  /** Absent if the schema has no default, or if its branches have different defaults. */
  readonly defaultValue?: { readonly value: unknown };
}

interface Known {
  readonly place: ArgumentPlace;
  readonly keepString: KeepString | undefined;
  readonly names: ReadonlySet<string>;
}

/** Caches what was read from each schema object. */
const memory = new WeakMap<Schema, Known>();

/** Returns the place of the arguments as a whole. A schema object must not change after its first use. */
export function placeOf(jsonSchema: Schema): ArgumentPlace {
  return known(jsonSchema).place;
}

/** Returns which strings are not normalised to NFC; undefined if the schema marks none. */
export function keepStringOf(jsonSchema: Schema): KeepString | undefined {
  return known(jsonSchema).keepString;
}

/** Returns whether the schema, or one of its branches, declares a property with this name. */
export function declaresProperty(jsonSchema: Schema, name: string): boolean {
  if (memory.get(jsonSchema) === undefined) {
    const listed = listsProperty(jsonSchema, name, 0);
    if (listed !== undefined) return listed;
  }
  return known(jsonSchema).names.has(name);
}

/** Keywords by which a schema gets properties that its own `properties` does not list. */
const INDIRECT = ['$ref', '$dynamicRef', '$recursiveRef', 'allOf', 'if', 'dependentSchemas'];
const LISTED_DEPTH_MAX = 3;

/** Looks a property up in `properties` first. It is usually there, and reading the whole schema takes time. */
function listsProperty(schema: Schema, name: string, depth: number): boolean | undefined {
  if (depth > LISTED_DEPTH_MAX || INDIRECT.some((keyword) => schema[keyword] !== undefined)) return undefined;
  if (Object.hasOwn(propertiesOf(schema), name)) return true;
  let isKnown = true;
  for (const branches of [schema.anyOf, schema.oneOf]) {
    if (!Array.isArray(branches)) continue;
    for (const branch of branches) {
      const listed = isPlainObject(branch) ? listsProperty(branch, name, depth + 1) : false;
      if (listed === true) return true;
      isKnown &&= listed !== undefined;
    }
  }
  return isKnown ? false : undefined;
}

/** Returns whether the string at `path`, relative to `place`, is marked as verbatim, directly or by a container. */
export function keepsString(place: ArgumentPlace, path: readonly (string | number)[]): boolean {
  let current = place;
  for (const step of path) {
    if (current.verbatim) return true;
    current = typeof step === 'number' ? current.item(step) : current.property(step).place;
  }
  return current.verbatim;
}

function known(jsonSchema: Schema): Known {
  let entry = memory.get(jsonSchema);
  if (entry === undefined) {
    const { root } = new SchemaPlaces(jsonSchema);
    const keepString: KeepString = (path) => keepsString(root, path);
    entry = {
      place: root,
      keepString: mentionsVerbatim(jsonSchema) ? keepString : undefined,
      names: root.named ?? new Set(Object.keys(propertiesOf(jsonSchema))),
    };
    memory.set(jsonSchema, entry);
  }
  return entry;
}

type Seen = ReadonlySet<SchemaPlace>;

/** How many distinct places of one schema are cached. Beyond it, places are computed each time. */
const REMEMBERED_MAX = 5_000;
/** The deepest nesting of unions directly inside of unions that is read. */
const UNION_DEPTH_MAX = 8;
/** How many parts of the schema are read for one rule. Branches within branches multiply. */
const VISITS_MAX = 20_000;
/** Stands for all names that the schema does not mention. */
const OTHER = Symbol('other');
const NONE: Seen = new Set();

/** Thrown where reading one rule takes too long. The count depends on the schema only, so every process gives up there. */
class TooComplex extends Error {}

/** Creates each distinct place of one schema once, so that reading a recursive schema ends. */
class SchemaPlaces {
  readonly root: SchemaPlace;
  readonly #schema: Schema;
  readonly #places = new Map<string, SchemaPlace>();
  readonly #ids = new Map<Schema | SchemaPlace, number>();
  /** A place with an unknown schema. */
  readonly opaque: SchemaPlace;
  /** The parts read since the last rule began. */
  visits = 0;

  constructor(schema: Schema) {
    this.#schema = schema;
    this.opaque = this.placeWhere([OPAQUE], []);
    this.root = this.bounded(
      () => this.placeWhere([schema], []),
      () => this.opaque,
    );
  }

  /** Reads one rule. Returns the other value where that takes too long. */
  bounded<Rule>(read: () => Rule, unknown: () => Rule): Rule {
    this.visits = 0;
    try {
      return read();
    } catch (error) {
      if (error instanceof TooComplex) return unknown();
      throw error;
    }
  }

  /** Counts parts of the schema that are read. @throws TooComplex */
  visit(parts: number): void {
    this.visits += parts;
    if (this.visits > VISITS_MAX) throw new TooComplex();
  }

  get full(): boolean {
    return this.#places.size >= REMEMBERED_MAX;
  }

  /** Returns the place where all of `schemas` apply, and one branch of each of `unions`. */
  placeWhere(schemas: readonly unknown[], unions: readonly (readonly SchemaPlace[])[]): SchemaPlace {
    const flat = flatten(schemas, this.#schema, VISITS_MAX);
    this.visit(1 + flat.facets.length);
    const parts = [this.#idsOf(flat.facets), ...unions.map((union) => this.#idsOf(union)).sort()];
    const id = parts.join('|');
    const known = this.#places.get(id);
    if (known !== undefined) return known;
    const place = new SchemaPlace(this, flat.facets, flat.branchings, unions);
    if (!this.full) this.#places.set(id, place);
    return place;
  }

  /** Returns NaN for a new part once the cache is full, so that no cached place matches. */
  #idOf(part: Schema | SchemaPlace): number {
    const id = this.#ids.get(part) ?? (this.full ? Number.NaN : this.#ids.size);
    if (!this.full) this.#ids.set(part, id);
    return id;
  }

  #idsOf(parts: readonly (Schema | SchemaPlace)[]): string {
    const ids = parts.map((part) => this.#idOf(part));
    return ids.sort((a, b) => a - b).join(',');
  }
}

/** A place where all `facets` apply, and one branch of each union. */
class SchemaPlace implements ArgumentPlace, Branching {
  readonly facets: readonly Schema[];
  readonly #schemaPlaces: SchemaPlaces;
  readonly #branchings: readonly (readonly unknown[])[];
  readonly #given: readonly (readonly SchemaPlace[])[];
  #unions: readonly (readonly SchemaPlace[])[] | undefined;
  #unionVisits = 0;
  #verbatim: boolean | undefined;
  #facts: PlaceFacts | undefined;
  #required: readonly string[] | undefined;
  #positions: number | undefined;
  #named: ReadonlySet<string> | 'too complex' | undefined;
  readonly #rules = new Map<string | typeof OTHER, PropertyRule>();
  readonly #items = new Map<number, SchemaPlace>();

  constructor(
    schemaPlaces: SchemaPlaces,
    facets: readonly Schema[],
    branchings: readonly (readonly unknown[])[],
    given: readonly (readonly SchemaPlace[])[],
  ) {
    this.#schemaPlaces = schemaPlaces;
    this.facets = facets;
    this.#branchings = branchings;
    this.#given = given;
  }

  /** Computed on first use, since a branch may refer back to its own schema. */
  get unions(): readonly (readonly SchemaPlace[])[] {
    // Counted each time, so that the count does not depend on what was read before.
    if (this.#unions !== undefined) this.#schemaPlaces.visit(this.#unionVisits);
    else {
      const before = this.#schemaPlaces.visits;
      this.#unions = [
        ...this.#branchings.map((branches) => branches.map((branch) => this.#schemaPlaces.placeWhere([branch], []))),
        ...this.#given,
      ];
      this.#unionVisits = this.#schemaPlaces.visits - before;
    }
    return this.#unions;
  }

  get verbatim(): boolean {
    this.#verbatim ??= this.#schemaPlaces.bounded(
      () => this.isVerbatim(NONE),
      () => true,
    );
    return this.#verbatim;
  }

  get facts(): PlaceFacts {
    this.#facts ??= this.#schemaPlaces.bounded(
      () => readFacts(this),
      () => NO_FACTS,
    );
    return this.#facts;
  }

  get required(): readonly string[] {
    this.#required ??= [...new Set(this.facets.flatMap(requiredNames))];
    return this.#required;
  }

  count(): void {
    this.#schemaPlaces.visit(1 + this.facets.length);
  }

  forbids(name: string): boolean {
    return this.#schemaPlaces.bounded(
      () => this.nullRule(name, NONE) === 'closed',
      () => false,
    );
  }

  acceptsText(text: string): boolean {
    return this.#schemaPlaces.bounded(
      () => acceptsText(this, text),
      () => true,
    );
  }

  listedTexts(): readonly string[] {
    return this.#schemaPlaces.bounded(
      () => listedTexts(this),
      () => [],
    );
  }

  /** The names of all properties that the schema, or one of its branches, mentions here; undefined if it is too complex. */
  get named(): ReadonlySet<string> | undefined {
    this.#named ??= this.#schemaPlaces.bounded<ReadonlySet<string> | 'too complex'>(
      () => new Set(this.names(NONE)),
      () => 'too complex',
    );
    return this.#named === 'too complex' ? undefined : this.#named;
  }

  property(name: string): PropertyRule {
    // All names that the schema does not mention share one rule, since a caller may send very many.
    const { named } = this;
    const unknownRule = (): PropertyRule => ({
      isNamed: false,
      place: this.#schemaPlaces.opaque,
      stripNull: false,
    });
    if (named === undefined) return unknownRule();
    const known = named.has(name) ? name : OTHER;
    let rule = this.#rules.get(known);
    if (rule === undefined) {
      rule = this.#schemaPlaces.bounded(() => this.#ruleOf(name, known !== OTHER), unknownRule);
      if (!this.#schemaPlaces.full) this.#rules.set(known, rule);
    }
    return rule;
  }

  #ruleOf(name: string, isNamed: boolean): PropertyRule {
    const defaultValue = this.defaultValue(name, NONE);
    const required = defaultValue === undefined && this.facets.some((facet) => requires(facet, name));
    return {
      isNamed,
      place: this.child(name, NONE),
      stripNull: !required && this.nullRule(name, NONE) === 'refuses',
      ...(defaultValue && { defaultValue }),
    };
  }

  ownItems(): number {
    this.#positions ??= this.#schemaPlaces.bounded(
      () => this.positions(NONE),
      () => 0,
    );
    return this.#positions;
  }

  item(index: number): SchemaPlace {
    // All items after the positions that the schema distinguishes share one place, since a caller may send very many.
    const position = Math.min(index, this.ownItems());
    let place = this.#items.get(position);
    if (place === undefined) {
      place = this.#schemaPlaces.bounded(
        () => this.itemAt(position, NONE),
        () => this.#schemaPlaces.opaque,
      );
      if (!this.#schemaPlaces.full) this.#items.set(position, place);
    }
    return place;
  }

  itemAt(index: number, seen: Seen): SchemaPlace {
    const now = new Set([...seen, this]);
    return this.#below(
      this.facets.flatMap((facet) => itemSchemas(facet, index)),
      (branch) => branch.#step(now, () => branch.itemAt(index, now)),
    );
  }

  /** Returns how many first items of a list have their own schema, in any branch. */
  positions(seen: Seen): number {
    if (this.#isKnownBy(seen)) return 0;
    const now = new Set([...seen, this]);
    const own = this.facets.map(positionsOf);
    const below = this.unions.flat().map((branch) => branch.positions(now));
    return [...own, ...below].reduce((most, each) => Math.max(most, each), 0);
  }

  names(seen: Seen): string[] {
    if (this.#isKnownBy(seen)) return [];
    const now = new Set([...seen, this]);
    const own = this.facets.flatMap((facet) => Object.keys(propertiesOf(facet)));
    return [...own, ...this.unions.flat().flatMap((branch) => branch.names(now))];
  }

  allowsNull(seen: Seen): boolean {
    if (this.#isKnownBy(seen) || this.facets.some((facet) => facet.nullable === true || facet.default === null))
      return true;
    const now = new Set([...seen, this]);
    const unions = () => this.unions.every((union) => union.some((branch) => branch.allowsNull(now)));
    return this.facets.every(holdsNull) && unions();
  }

  isVerbatim(seen: Seen): boolean {
    if (this.#isKnownBy(seen)) return !seen.has(this);
    const now = new Set([...seen, this]);
    const branches = () => this.unions.some((union) => union.some((branch) => branch.isVerbatim(now)));
    return this.facets.some(isVerbatim) || branches();
  }

  /** All facets and unions apply at once, so one that refuses null is enough. */
  nullRule(name: string, seen: Seen): NullRule {
    if (this.#isKnownBy(seen)) return 'allows';
    const now = new Set([...seen, this]);
    const rules = this.facets.map((facet) => this.#facetNullRule(facet, name));
    for (const union of this.unions) rules.push(unionNullRule(union.map((branch) => branch.nullRule(name, now))));
    for (const rule of ['refuses', 'allows', 'closed'] as const) if (rules.includes(rule)) return rule;
    return 'open';
  }

  defaultValue(name: string, seen: Seen): { readonly value: unknown } | undefined {
    if (this.#isKnownBy(seen)) return undefined;
    const schemas = this.facets.flatMap((facet) => propertySchema(facet, name) ?? []);
    const own = this.#schemaPlaces.placeWhere(schemas, []).facets.filter((facet) => Object.hasOwn(facet, 'default'));
    if (own.length > 0) return agreedDefault(own);
    const now = new Set([...seen, this]);
    for (const union of this.unions) {
      const branches = union.filter((branch) => branch.nullRule(name, NONE) !== 'closed');
      const found = branches.flatMap((branch) => branch.defaultValue(name, now) ?? []);
      if (found.length > 0 && found.length === branches.length)
        return agreedDefault(found.map(({ value }) => ({ default: value })));
    }
    return undefined;
  }

  child(name: string, seen: Seen): SchemaPlace {
    const now = new Set([...seen, this]);
    return this.#below(
      this.facets.flatMap((facet) => propertySchema(facet, name) ?? otherSchema(facet)),
      (branch) => branch.#step(now, () => (branch.nullRule(name, NONE) === 'closed' ? [] : branch.child(name, now))),
    );
  }

  /** Returns the place one step down, through all facets and the matching branches of each union. */
  #below(schemas: readonly unknown[], step: (branch: SchemaPlace) => readonly SchemaPlace[]): SchemaPlace {
    const certain = [...schemas];
    const unions: SchemaPlace[][] = [];
    for (const union of this.unions) {
      const branches = new Set(union.flatMap(step));
      const [only] = branches;
      if (branches.size > 1) unions.push([...branches]);
      else if (only !== undefined) {
        certain.push(...only.facets);
        unions.push(...only.#given.map((given) => [...given]));
      }
    }
    return this.#schemaPlaces.placeWhere(certain, unions);
  }

  /** Returns where a branch leads: to nothing new if the path came through it before, to anything if it is not read. */
  #step(seen: Seen, below: () => SchemaPlace | readonly []): readonly SchemaPlace[] {
    if (seen.has(this)) return [];
    if (this.#isKnownBy(seen)) return [this.#schemaPlaces.placeWhere([OPAQUE], [])];
    const place = below();
    return place instanceof SchemaPlace ? place.#alternatives() : [];
  }

  /** A place that consists of one union stands for its branches. Otherwise the set of places would be infinite. */
  #alternatives(): readonly SchemaPlace[] {
    const [only] = this.#given;
    return only !== undefined && this.facets.length === 0 && this.#given.length === 1 ? only : [this];
  }

  /** True if the path came through this place before (a schema that refers to itself), or is too long. */
  #isKnownBy(seen: Seen): boolean {
    this.#schemaPlaces.visit(1 + this.facets.length);
    return seen.has(this) || seen.size > UNION_DEPTH_MAX;
  }

  #facetNullRule(facet: Schema, name: string): NullRule {
    if (facet === OPAQUE) return 'allows';
    const schema = propertySchema(facet, name);
    if (schema !== undefined)
      return this.#schemaPlaces.placeWhere([schema], []).allowsNull(NONE) ? 'allows' : 'refuses';
    if (!holdsObject(facet)) return 'closed';
    return facet.additionalProperties === false && facet.patternProperties === undefined ? 'closed' : 'open';
  }
}
