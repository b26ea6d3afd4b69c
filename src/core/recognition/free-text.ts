import { appendToPointer, isObject, type JsonSchema } from '../json.ts';
import { flatten, itemSchemas, propertiesOf, type Schema } from '../key/schema-keywords.ts';
import { wordSet } from '../word-set.ts';

/** Which strings of a tool's arguments are wording. Everything else belongs to the skeleton. */
export interface FreeTextPlan {
  /** JSON pointers of the free texts, with `*` for each item of a list. For `--explain` and for tests. */
  readonly pointers: readonly string[];
  readonly root: FreeTextNode;
}

interface FreeTextNode {
  readonly isText: boolean;
  readonly members: ReadonlyMap<string, FreeTextNode>;
  readonly item: FreeTextNode | undefined;
}

/** One free text of a call, with the place where it was found. */
export interface FreeText {
  readonly pointer: string;
  readonly text: string;
}

export interface SplitArguments {
  readonly skeleton: Record<string, unknown>;
  readonly texts: readonly FreeText[];
}

/** A string that cannot be longer than this is a code or a name. */
const SHORT_CHARS_MAX = 49;
const DEPTH_MAX = 8;
const NODES_MAX = 2_000;
const FACETS_MAX = 200;

/** The last word of a name that stands for wording: `memo`, `issue_body`, `commitMessage`. */
const TEXT_WORDS = wordSet(
  'memo memos note notes text texts body title titles subject headline heading subtitle description descriptions desc ' +
    'comment comments reason reasons message messages msg content contents summary detail details remark remarks caption ' +
    'captions reply instructions instruction purpose explanation justification feedback greeting abstract agenda footer ' +
    'annotation announcement motivation rationale statement bio about tldr overview tweet post markdown ' +
    'task reminder review answer question response story todo sms html texto inhalt contenu messaggio conteudo ' +
    'betreff beschreibung nachricht notiz titel kommentar bemerkung grund verwendungszweck zusammenfassung ' +
    'mensaje asunto titulo descripcion nota comentario motivo resumen titre objet commentaire motif resume ' +
    'mensagem assunto descricao observacao',
);
/** Names of wording that may also be the content of a file. */
const CONTENT_WORDS = wordSet('content contents text texts body markdown post html inhalt contenu conteudo texto');
/** Any of these words in a name says that the string is data. */
const DATA_WORDS = wordSet(
  'id ids uuid key sql query queries code script source json xml yaml csv css raw base64 binary encoded regex pattern url ' +
    'uri link path file filename command cmd hash sha token secret password schema template search email phone locale ' +
    'lang language type format mime encoding status state mode color colour',
);
/** Words before `text`, `content` or `body` of an edit: exact parts of a file. */
const EDIT_WORDS = wordSet('old new original updated replacement find replace before after request response');
const FILE_WORDS = wordSet('path file filename filepath pathname uri');
/** Members that identify a thing, so that its `name` does not have to. */
const IDENTITY_WORDS = wordSet('id ids email phone path key url uri username handle slug login filename sku number');
const TITLE_WORDS = wordSet('title subject headline summary betreff asunto assunto titel titre titulo objet');

/** Patterns that any text with a visible character matches. */
const notBlankPatterns = new Set([
  '\\S',
  '.',
  '.+',
  '^.+$',
  '^.*$',
  '.*',
  '\\S+',
  '^(?!\\s*$).+',
  '[^\\s]',
  '^[\\s\\S]+$',
  '[\\s\\S]+',
]);

const memory = new WeakMap<JsonSchema, { readonly plan: FreeTextPlan | undefined }>();

/**
 * Finds the free text of a tool's arguments in its JSON Schema: unbounded strings whose name stands for wording.
 * Undefined if the tool has no free text. A schema object must not change after its first use.
 */
export function freeTextPlanOf(jsonSchema: JsonSchema): FreeTextPlan | undefined {
  let known = memory.get(jsonSchema);
  if (known === undefined) {
    known = { plan: new PlanReader(jsonSchema).read() };
    memory.set(jsonSchema, known);
  }
  return known.plan;
}

/**
 * Separates folded arguments into the skeleton and the free texts. Blank texts count as absent. An object that held only
 * free text is left out of the skeleton, and a text in a list leaves null, so that the number of items still counts.
 */
export function splitFreeText(value: Record<string, unknown>, plan: FreeTextPlan): SplitArguments {
  const texts: FreeText[] = [];
  const skeleton = withoutTexts(value, plan.root, '', texts);
  return { skeleton: isObject(skeleton) ? skeleton : {}, texts };
}

function withoutTexts(value: unknown, node: FreeTextNode, pointer: string, texts: FreeText[]): unknown {
  if (typeof value === 'string' && node.isText) {
    if (value.trim() !== '') texts.push({ pointer, text: value });
    return undefined;
  }
  if (Array.isArray(value)) {
    const { item } = node;
    if (item === undefined) return value;
    return value.map((each, index) => withoutTexts(each, item, `${pointer}/${index}`, texts) ?? null);
  }
  if (!isObject(value) || node.members.size === 0) return value;
  const kept: Record<string, unknown> = {};
  let removed = false;
  for (const name of Object.keys(value)) {
    const member = node.members.get(name);
    const rest = member && withoutTexts(value[name], member, appendToPointer(pointer, name), texts);
    if (member === undefined) put(kept, name, value[name]);
    else if (rest === undefined) removed = true;
    else put(kept, name, rest);
  }
  return removed && pointer !== '' && Object.keys(kept).length === 0 ? undefined : kept;
}

/** Assigning to `__proto__` would change the prototype. */
function put(target: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__') Object.defineProperty(target, name, { value, enumerable: true, writable: true });
  else target[name] = value;
}

/** Reads one schema. Recursive and very large schemas are read to a fixed depth and size. */
class PlanReader {
  readonly #schema: Schema;
  readonly #pointers: string[] = [];
  #nodes = 0;

  constructor(jsonSchema: JsonSchema) {
    this.#schema = jsonSchema as Schema;
  }

  read(): FreeTextPlan | undefined {
    const root = this.#node([this.#schema], '', [], false, 0);
    return root && { pointers: this.#pointers, root };
  }

  /** Returns undefined where nothing below is free text. */
  #node(
    schemas: readonly unknown[],
    pointer: string,
    name: readonly string[],
    inFile: boolean,
    depth: number,
  ): FreeTextNode | undefined {
    this.#nodes += 1;
    if (depth > DEPTH_MAX || this.#nodes > NODES_MAX) return undefined;
    const facets = this.#facetsOf(schemas);
    const isText = isTextName(name, inFile) && isUnboundedText(facets);
    if (isText) this.#pointers.push(pointer);
    const members = this.#members(facets, pointer, inFile, depth);
    const items = facets.flatMap((facet) => (Array.isArray(facet.items) ? [] : itemSchemas(facet, Infinity)));
    const item = items.length === 0 ? undefined : this.#node(items, `${pointer}/*`, name, inFile, depth + 1);
    return isText || members.size > 0 || item !== undefined ? { isText, members, item } : undefined;
  }

  #members(facets: readonly Schema[], pointer: string, inFile: boolean, depth: number): Map<string, FreeTextNode> {
    const schemas = new Map<string, unknown[]>();
    for (const facet of facets) {
      for (const [name, schema] of Object.entries(propertiesOf(facet))) {
        const known = schemas.get(name);
        if (known === undefined) schemas.set(name, [schema]);
        else known.push(schema);
      }
    }
    const words = new Map([...schemas.keys()].map((name) => [name, wordsOfName(name)]));
    const all = [...words.values()];
    const hasFile = inFile || all.some((each) => FILE_WORDS.has(each.at(-1) ?? ''));
    const identified = all.some((each) => each.some((word) => IDENTITY_WORDS.has(word) || TITLE_WORDS.has(word)));
    const members = new Map<string, FreeTextNode>();
    for (const [name, own] of schemas) {
      const isTitle = name === 'name' && pointer === '' && !identified;
      const asNamed = isTitle ? ['title'] : (words.get(name) ?? []);
      const node = this.#node(own, appendToPointer(pointer, name), asNamed, hasFile, depth + 1);
      if (node !== undefined) members.set(name, node);
    }
    return members;
  }

  /** Returns the facets of the schemas and of all their branches, since a call may follow any branch. */
  #facetsOf(schemas: readonly unknown[]): Schema[] {
    const facets = new Set<Schema>();
    const waiting: (readonly unknown[])[] = [schemas];
    const seen = new Set<readonly unknown[]>();
    for (let next = waiting.pop(); next !== undefined && facets.size < FACETS_MAX; next = waiting.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      const flat = flatten(next, this.#schema, FACETS_MAX);
      for (const facet of flat.facets) facets.add(facet);
      waiting.push(...flat.branchings);
    }
    return [...facets];
  }
}

/** Splits `commitMessage`, `commit_message` and `commit-message` into lower-case words. */
function wordsOfName(name: string): string[] {
  const parts = name.slice(0, 100).replace(/([\p{Ll}\d])(?=\p{Lu})/gu, '$1 ');
  const words = parts.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== '');
  return words.map((word) => word.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase());
}

function isTextName(words: readonly string[], inFile: boolean): boolean {
  const last = words.at(-1);
  if (last === undefined || !TEXT_WORDS.has(last)) return false;
  const before = words.slice(0, -1);
  if (before.some((word) => DATA_WORDS.has(word))) return false;
  if (!CONTENT_WORDS.has(last)) return true;
  return !inFile && !before.some((word) => EDIT_WORDS.has(word));
}

/** Tests that some facet allows a string, and that none limits it to a format, a list, a pattern or a short length. */
function isUnboundedText(facets: readonly Schema[]): boolean {
  const allows = facets.some(
    (facet) => facet.type === 'string' || (Array.isArray(facet.type) && facet.type.includes('string')),
  );
  const untyped = facets.every((facet) => facet.type === undefined && facet.properties === undefined);
  return (allows || untyped) && !facets.some(limitsText);
}

/** Whether a pattern says more than that a text is not blank. */
function isStrictPattern(pattern: unknown): boolean {
  return pattern !== undefined && !notBlankPatterns.has(String(pattern));
}

function limitsText(facet: Schema): boolean {
  if (facet.enum !== undefined || Object.hasOwn(facet, 'const') || isStrictPattern(facet.pattern)) return true;
  if (facet.contentEncoding !== undefined || facet.contentMediaType !== undefined) return true;
  if (typeof facet.format === 'string' && !/^(text|markdown|html|multiline|textarea|string)$/i.test(facet.format))
    return true;
  return typeof facet.maxLength === 'number' && facet.maxLength <= SHORT_CHARS_MAX;
}
