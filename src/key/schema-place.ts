import { type KeepString, sameJson } from './canonical-json.ts';
import {
  flatten,
  holdsNull,
  holdsObject,
  isVerbatim,
  itemSchemas,
  mentionsVerbatim,
  OPAQUE,
  otherSchema,
  propertySchema,
  requires,
  type Schema,
} from './schema-facets.ts';

/**
 * What a JSON Schema says about one place in the arguments, as far as the key needs it: may null
 * stand there, which property has which default, is a string there kept out of normalisation.
 *
 * Schemas say such things in many ways. Where one cannot be read with certainty (a reference that
 * leads nowhere, a condition, an open branch) the answer is the one that changes nothing: null is
 * allowed, there is no default. Validation then judges; a hash may tell apart what means the same,
 * but never takes for the same what means something else.
 */
export interface Place {
  /** A string here is a path, an address or binary: Unicode normalisation could change its meaning. */
  readonly verbatim: boolean;
  property(name: string): PropertyRule;
  item(index: number): Place;
}

export interface PropertyRule {
  readonly place: Place;
  /** Null stands for "not given" here: the property is optional and no branch of the schema allows null. */
  readonly stripNull: boolean;
  /** Absent when the schema has no default, or not one that all its branches agree on. */
  readonly fallback?: { readonly value: unknown };
}

/** What a schema says of null as a property. `closed`: nothing, and lets no such property in. `open`: nothing. */
type Verdict = 'refuses' | 'allows' | 'closed' | 'open';
type Seen = ReadonlySet<Shape>;

/** Past so many distinct places of one schema, or positions of one array, rules are made anew each time. */
const REMEMBERED_MAX = 5_000;
const POSITIONS_MAX = 64;
/** Unions directly within unions; deeper ones are not read. */
const UNION_DEPTH_MAX = 8;
const NONE: Seen = new Set();

/** A memory only, so that a schema is read once: the same schema object always gives the same place. */
const registries = new WeakMap<Schema, Registry>();

/** The place of the arguments as a whole. A schema object must not change after its first use. */
export function placeOf(jsonSchema: Schema): Place {
  return registryOf(jsonSchema).root;
}

/** Says which strings stay out of Unicode normalisation; undefined when the schema names none. */
export function keepStringOf(jsonSchema: Schema): KeepString | undefined {
  return registryOf(jsonSchema).keepString;
}

/** Whether a string at `path`, counted from `place`, stays as it is: it or what it lies in is marked so. */
export function keepsString(place: Place, path: readonly (string | number)[]): boolean {
  let current = place;
  for (const step of path) {
    if (current.verbatim) return true;
    current = typeof step === 'number' ? current.item(step) : current.property(step).place;
  }
  return current.verbatim;
}

/** True when the tool's own schema, or a branch of it, has a property of this name. */
export function declaresProperty(jsonSchema: Schema, name: string): boolean {
  return registryOf(jsonSchema).root.declares(name, NONE);
}

function registryOf(jsonSchema: Schema): Registry {
  let registry = registries.get(jsonSchema);
  if (registry === undefined) {
    registry = new Registry(jsonSchema);
    registries.set(jsonSchema, registry);
  }
  return registry;
}

/** Makes each distinct place of one schema once, so that recursive schemas end. */
class Registry {
  readonly root: Shape;
  readonly keepString: KeepString | undefined;
  readonly #schema: Schema;
  readonly #shapes = new Map<string, Shape>();
  readonly #ids = new Map<Schema | Shape, number>();

  constructor(schema: Schema) {
    this.#schema = schema;
    const root = this.shape([schema], []);
    this.root = root;
    this.keepString = mentionsVerbatim(schema) ? (path) => keepsString(root, path) : undefined;
  }

  get full(): boolean {
    return this.#shapes.size >= REMEMBERED_MAX;
  }

  /** The place where all of `schemas` hold, and of each of `unions` one. */
  shape(schemas: readonly unknown[], unions: readonly (readonly Shape[])[]): Shape {
    const flat = flatten(schemas, this.#schema);
    const parts = [this.#idsOf(flat.facets), ...unions.map((union) => this.#idsOf(union)).sort()];
    const id = parts.join('|');
    const known = this.#shapes.get(id);
    if (known !== undefined) return known;
    const shape = new Shape(this, flat.facets, flat.branchings, unions);
    if (!this.full) this.#shapes.set(id, shape);
    return shape;
  }

  #idsOf(parts: readonly (Schema | Shape)[]): string {
    const ids = parts.map((part) => {
      const id = this.#ids.get(part) ?? this.#ids.size;
      if (!this.full) this.#ids.set(part, id);
      return this.full && !this.#ids.has(part) ? Number.NaN : id;
    });
    return ids.sort((a, b) => a - b).join(',');
  }
}

/** A place: `facets` all hold; of each union one branch holds. */
class Shape implements Place {
  readonly facets: readonly Schema[];
  readonly #registry: Registry;
  readonly #branchings: readonly (readonly unknown[])[];
  readonly #given: readonly (readonly Shape[])[];
  #unions: readonly (readonly Shape[])[] | undefined;
  #verbatim: boolean | undefined;
  readonly #rules = new Map<string, PropertyRule>();
  readonly #items = new Map<number, Shape>();

  constructor(
    registry: Registry,
    facets: readonly Schema[],
    branchings: readonly (readonly unknown[])[],
    given: readonly (readonly Shape[])[],
  ) {
    this.#registry = registry;
    this.facets = facets;
    this.#branchings = branchings;
    this.#given = given;
  }

  /** Made when first asked for: a branch may lead back to its own schema. */
  get unions(): readonly (readonly Shape[])[] {
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

  property(name: string): PropertyRule {
    const remembered = this.#rules.get(name);
    if (remembered !== undefined) return remembered;
    const fallback = this.fallback(name, NONE);
    const required = fallback === undefined && this.facets.some((facet) => requires(facet, name));
    const rule: PropertyRule = {
      place: this.child(name, NONE),
      stripNull: !required && this.verdict(name, NONE) === 'refuses',
      ...(fallback && { fallback }),
    };
    if (!this.#registry.full && this.declares(name, NONE)) this.#rules.set(name, rule);
    return rule;
  }

  item(index: number): Shape {
    const position = this.#isPositional() ? index : 0;
    const remembered = this.#items.get(position);
    if (remembered !== undefined) return remembered;
    const shape = this.itemAt(index, NONE);
    if (!this.#registry.full && position < POSITIONS_MAX) this.#items.set(position, shape);
    return shape;
  }

  itemAt(index: number, seen: Seen): Shape {
    const now = new Set([...seen, this]);
    return this.#below(
      this.facets.flatMap((facet) => itemSchemas(facet, index)),
      (branch) => (branch.#isKnownBy(now) ? undefined : branch.itemAt(index, now)),
    );
  }

  declares(name: string, seen: Seen): boolean {
    if (this.#isKnownBy(seen)) return false;
    if (this.facets.some((facet) => propertySchema(facet, name) !== undefined)) return true;
    const now = new Set([...seen, this]);
    return this.unions.some((union) => union.some((branch) => branch.declares(name, now)));
  }

  allowsNull(seen: Seen): boolean {
    if (this.#isKnownBy(seen) || this.facets.some((facet) => facet.nullable === true || facet.default === null))
      return true;
    const now = new Set([...seen, this]);
    const unions = () => this.unions.every((union) => union.some((branch) => branch.allowsNull(now)));
    return this.facets.every(holdsNull) && unions();
  }

  isVerbatim(seen: Seen): boolean {
    if (this.#isKnownBy(seen)) return false;
    const now = new Set([...seen, this]);
    const branches = () => this.unions.some((union) => union.some((branch) => branch.isVerbatim(now)));
    return this.facets.some(isVerbatim) || branches();
  }

  /** All facets and unions hold together, so one that refuses is enough. */
  verdict(name: string, seen: Seen): Verdict {
    if (this.#isKnownBy(seen)) return 'allows';
    const now = new Set([...seen, this]);
    const verdicts = this.facets.map((facet) => this.#facetVerdict(facet, name));
    for (const union of this.unions) verdicts.push(unionVerdict(union.map((branch) => branch.verdict(name, now))));
    for (const verdict of ['refuses', 'allows', 'closed'] as const) if (verdicts.includes(verdict)) return verdict;
    return 'open';
  }

  fallback(name: string, seen: Seen): { readonly value: unknown } | undefined {
    if (this.#isKnownBy(seen)) return undefined;
    const schemas = this.facets.flatMap((facet) => propertySchema(facet, name) ?? []);
    const own = agreed(this.#registry.shape(schemas, []).facets.filter((facet) => Object.hasOwn(facet, 'default')));
    if (own !== undefined) return own;
    const now = new Set([...seen, this]);
    for (const union of this.unions) {
      const branches = union.filter((branch) => branch.verdict(name, NONE) !== 'closed');
      const found = branches.flatMap((branch) => branch.fallback(name, now) ?? []);
      if (found.length === branches.length) return agreed(found.map(({ value }) => ({ default: value })));
    }
    return undefined;
  }

  child(name: string, seen: Seen): Shape {
    const now = new Set([...seen, this]);
    return this.#below(
      this.facets.flatMap((facet) => propertySchema(facet, name) ?? otherSchema(facet)),
      (branch) =>
        branch.#isKnownBy(now) || branch.verdict(name, NONE) === 'closed' ? undefined : branch.child(name, now),
    );
  }

  /** One step down: through each facet, and for each union through the branches that go there. */
  #below(schemas: readonly unknown[], step: (branch: Shape) => Shape | undefined): Shape {
    const certain = [...schemas];
    const unions: Shape[][] = [];
    for (const union of this.unions) {
      const branches = new Set<Shape>();
      for (const branch of union) for (const part of step(branch)?.alternatives() ?? []) branches.add(part);
      const [only] = branches;
      if (branches.size > 1) unions.push([...branches]);
      else if (only !== undefined) {
        certain.push(...only.facets);
        unions.push(...only.#given.map((given) => [...given]));
      }
    }
    return this.#registry.shape(certain, unions);
  }

  /** A place that is nothing but one union stands for its branches; else the set of places would not end. */
  alternatives(): readonly Shape[] {
    const [only] = this.#given;
    return only !== undefined && this.facets.length === 0 && this.#given.length === 1 ? only : [this];
  }

  /** True where the way here came through this place before: a schema that refers to itself. */
  #isKnownBy(seen: Seen): boolean {
    return seen.has(this) || seen.size > UNION_DEPTH_MAX;
  }

  #isPositional(): boolean {
    return this.unions.length > 0 || this.facets.some((facet) => facet.prefixItems ?? Array.isArray(facet.items));
  }

  #facetVerdict(facet: Schema, name: string): Verdict {
    if (facet === OPAQUE) return 'allows';
    const schema = propertySchema(facet, name);
    if (schema !== undefined) return this.#registry.shape([schema], []).allowsNull(NONE) ? 'allows' : 'refuses';
    if (!holdsObject(facet)) return 'closed';
    return facet.additionalProperties === false && facet.patternProperties === undefined ? 'closed' : 'open';
  }
}

/** One branch that allows null, or that lets anything in, is enough to leave null alone. */
function unionVerdict(branches: readonly Verdict[]): Verdict {
  if (branches.includes('allows')) return 'allows';
  if (branches.includes('open')) return 'open';
  return branches.includes('refuses') ? 'refuses' : 'closed';
}

function agreed(facets: readonly Schema[]): { readonly value: unknown } | undefined {
  const [first, ...others] = facets;
  if (first === undefined || others.some((other) => !sameJson(other.default, first.default))) return undefined;
  return { value: first.default };
}
