import {
  agreedDefault,
  flatten,
  holdsNull,
  holdsObject,
  isVerbatim,
  itemSchemas,
  type NullRule,
  OPAQUE,
  otherSchema,
  positionsOf,
  propertiesOf,
  propertySchema,
  requires,
  type Schema,
  unionNullRule,
} from './schema-keywords.ts';

/**
 * What a JSON Schema says about one place in the arguments, as far as the key needs it: may null
 * stand there, which property has which default, is a string there kept out of normalisation.
 *
 * Schemas say such things in many ways. Where one cannot be read with certainty (a reference that
 * leads nowhere, a condition, an open branch) the answer is the one that changes nothing: null is
 * allowed, there is no default. Validation then judges; a hash may tell apart what means the same,
 * but never takes for the same what means something else.
 */
export interface ArgumentPlace {
  /** A string here is a path, an address or binary: Unicode normalisation could change its meaning. */
  readonly verbatim: boolean;
  property(name: string): PropertyRule;
  item(index: number): ArgumentPlace;
}

export interface PropertyRule {
  readonly place: ArgumentPlace;
  /** Null stands for "not given" here: the property is optional and no branch of the schema allows null. */
  readonly stripNull: boolean;
  /** Absent when the schema has no default, or not one that all its branches agree on. */
  readonly defaultValue?: { readonly value: unknown };
}

type Seen = ReadonlySet<SchemaPlace>;

/** Past so many distinct places of one schema, rules are made anew each time. */
const REMEMBERED_MAX = 5_000;
/** Unions directly within unions; deeper ones are not read. */
const UNION_DEPTH_MAX = 8;
/** Stands for every name that the schema does not mention. */
const OTHER = Symbol('other');
const NONE: Seen = new Set();

/** Makes each distinct place of one schema once, so that recursive schemas end. */
export class SchemaPlaces {
  readonly root: SchemaPlace;
  readonly #schema: Schema;
  readonly #shapes = new Map<string, SchemaPlace>();
  readonly #ids = new Map<Schema | SchemaPlace, number>();

  constructor(schema: Schema) {
    this.#schema = schema;
    this.root = this.shape([schema], []);
  }

  get full(): boolean {
    return this.#shapes.size >= REMEMBERED_MAX;
  }

  /** The place where all of `schemas` hold, and of each of `unions` one. */
  shape(schemas: readonly unknown[], unions: readonly (readonly SchemaPlace[])[]): SchemaPlace {
    const flat = flatten(schemas, this.#schema);
    const parts = [this.#idsOf(flat.facets), ...unions.map((union) => this.#idsOf(union)).sort()];
    const id = parts.join('|');
    const known = this.#shapes.get(id);
    if (known !== undefined) return known;
    const shape = new SchemaPlace(this, flat.facets, flat.branchings, unions);
    if (!this.full) this.#shapes.set(id, shape);
    return shape;
  }

  /** Not a number once there are too many: then nothing that is remembered fits, and nothing is added. */
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

/** A place: `facets` all hold; of each union one branch holds. */
class SchemaPlace implements ArgumentPlace {
  readonly facets: readonly Schema[];
  readonly #registry: SchemaPlaces;
  readonly #branchings: readonly (readonly unknown[])[];
  readonly #given: readonly (readonly SchemaPlace[])[];
  #unions: readonly (readonly SchemaPlace[])[] | undefined;
  #verbatim: boolean | undefined;
  #positions: number | undefined;
  #named: ReadonlySet<string> | undefined;
  readonly #rules = new Map<string | typeof OTHER, PropertyRule>();
  readonly #items = new Map<number, SchemaPlace>();

  constructor(
    registry: SchemaPlaces,
    facets: readonly Schema[],
    branchings: readonly (readonly unknown[])[],
    given: readonly (readonly SchemaPlace[])[],
  ) {
    this.#registry = registry;
    this.facets = facets;
    this.#branchings = branchings;
    this.#given = given;
  }

  /** Made when first asked for: a branch may lead back to its own schema. */
  get unions(): readonly (readonly SchemaPlace[])[] {
    this.#unions ??= [
      ...this.#branchings.map((branches) => branches.map((branch) => this.#registry.shape([branch], []))),
      ...this.#given,
    ];
    return this.#unions;
  }

  get verbatim(): boolean {
    this.#verbatim ??= this.isVerbatim(NONE);
    return this.#verbatim;
  }

  /** The names of all properties that the schema, or a branch of it, mentions here. */
  get named(): ReadonlySet<string> {
    this.#named ??= new Set(this.names(NONE));
    return this.#named;
  }

  property(name: string): PropertyRule {
    // One rule serves all names that the schema does not mention: a caller may send very many.
    const known = this.named.has(name) ? name : OTHER;
    let rule = this.#rules.get(known);
    if (rule === undefined) {
      rule = this.#ruleOf(name);
      if (!this.#registry.full) this.#rules.set(known, rule);
    }
    return rule;
  }

  #ruleOf(name: string): PropertyRule {
    const fallback = this.fallback(name, NONE);
    const required = fallback === undefined && this.facets.some((facet) => requires(facet, name));
    return {
      place: this.child(name, NONE),
      stripNull: !required && this.verdict(name, NONE) === 'refuses',
      ...(fallback && { defaultValue: fallback }),
    };
  }

  item(index: number): SchemaPlace {
    this.#positions ??= this.positions(NONE);
    // Past the positions that the schema tells apart all items are alike: a caller may send very many.
    const position = Math.min(index, this.#positions);
    let shape = this.#items.get(position);
    if (shape === undefined) {
      shape = this.itemAt(position, NONE);
      if (!this.#registry.full) this.#items.set(position, shape);
    }
    return shape;
  }

  itemAt(index: number, seen: Seen): SchemaPlace {
    const now = new Set([...seen, this]);
    return this.#below(
      this.facets.flatMap((facet) => itemSchemas(facet, index)),
      (branch) => branch.#step(now, () => branch.itemAt(index, now)),
    );
  }

  /** How many first items of a list have a schema of their own, in any branch. */
  positions(seen: Seen): number {
    if (this.#isKnownBy(seen)) return 0;
    const now = new Set([...seen, this]);
    return Math.max(0, ...this.facets.map(positionsOf), ...this.unions.flat().map((branch) => branch.positions(now)));
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

  /** All facets and unions hold together, so one that refuses is enough. */
  verdict(name: string, seen: Seen): NullRule {
    if (this.#isKnownBy(seen)) return 'allows';
    const now = new Set([...seen, this]);
    const verdicts = this.facets.map((facet) => this.#facetVerdict(facet, name));
    for (const union of this.unions) verdicts.push(unionNullRule(union.map((branch) => branch.verdict(name, now))));
    for (const verdict of ['refuses', 'allows', 'closed'] as const) if (verdicts.includes(verdict)) return verdict;
    return 'open';
  }

  fallback(name: string, seen: Seen): { readonly value: unknown } | undefined {
    if (this.#isKnownBy(seen)) return undefined;
    const schemas = this.facets.flatMap((facet) => propertySchema(facet, name) ?? []);
    const own = this.#registry.shape(schemas, []).facets.filter((facet) => Object.hasOwn(facet, 'default'));
    if (own.length > 0) return agreedDefault(own);
    const now = new Set([...seen, this]);
    for (const union of this.unions) {
      const branches = union.filter((branch) => branch.verdict(name, NONE) !== 'closed');
      const found = branches.flatMap((branch) => branch.fallback(name, now) ?? []);
      if (found.length > 0 && found.length === branches.length)
        return agreedDefault(found.map(({ value }) => ({ default: value })));
    }
    return undefined;
  }

  child(name: string, seen: Seen): SchemaPlace {
    const now = new Set([...seen, this]);
    return this.#below(
      this.facets.flatMap((facet) => propertySchema(facet, name) ?? otherSchema(facet)),
      (branch) => branch.#step(now, () => (branch.verdict(name, NONE) === 'closed' ? [] : branch.child(name, now))),
    );
  }

  /** One step down: through each facet, and for each union through the branches that go there. */
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
    return this.#registry.shape(certain, unions);
  }

  /** Where a branch leads: nowhere new when the way came through it before, anywhere when it is not read. */
  #step(seen: Seen, below: () => SchemaPlace | readonly []): readonly SchemaPlace[] {
    if (seen.has(this)) return [];
    if (this.#isKnownBy(seen)) return [this.#registry.shape([OPAQUE], [])];
    const shape = below();
    return shape instanceof SchemaPlace ? shape.#alternatives() : [];
  }

  /** A place that is nothing but one union stands for its branches; else the set of places would not end. */
  #alternatives(): readonly SchemaPlace[] {
    const [only] = this.#given;
    return only !== undefined && this.facets.length === 0 && this.#given.length === 1 ? only : [this];
  }

  /** True where the way here came through this place before (a schema that refers to itself), or is too long. */
  #isKnownBy(seen: Seen): boolean {
    return seen.has(this) || seen.size > UNION_DEPTH_MAX;
  }

  #facetVerdict(facet: Schema, name: string): NullRule {
    if (facet === OPAQUE) return 'allows';
    const schema = propertySchema(facet, name);
    if (schema !== undefined) return this.#registry.shape([schema], []).allowsNull(NONE) ? 'allows' : 'refuses';
    if (!holdsObject(facet)) return 'closed';
    return facet.additionalProperties === false && facet.patternProperties === undefined ? 'closed' : 'open';
  }
}
