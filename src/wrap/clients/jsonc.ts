import { refuse } from '../../cli/cli.ts';

/** A value in a text of JSON, with its place there: `start` to `end`, in UTF-16 units. */
export type JsonNode = ObjectNode | ArrayNode | ScalarNode;

interface Placed {
  readonly start: number;
  readonly end: number;
}

export interface ObjectNode extends Placed {
  readonly type: 'object';
  readonly members: readonly Member[];
}

export interface ArrayNode extends Placed {
  readonly type: 'array';
  readonly items: readonly JsonNode[];
}

interface ScalarNode extends Placed {
  readonly type: 'scalar';
  readonly value: string | number | boolean | null;
}

export interface Member {
  readonly name: string;
  readonly key: Placed;
  readonly value: JsonNode;
}

/** A replacement in a text. */
export interface Edit extends Placed {
  readonly text: string;
}

const depthMax = 200;
const blank = /(?:[\s\uFEFF]+|\/\/[^\n\r]*|\/\*[\s\S]*?\*\/)*/y;
const text = /"[^"\\]*(?:\\.[^"\\]*)*"/y;
const literal = /-?\d[\d.eE+-]*|true|false|null/y;

/**
 * Reads JSON with comments and trailing commas, as VS Code and others keep it, so that single places can be
 * replaced and everything else stays, byte for byte.
 * @throws McpOnceError `invalid_input` that names file and line, and never quotes it: it may hold a secret.
 */
export function readJsonc(source: string, file: string): JsonNode {
  const reader = new Reader(source, file);
  const root = reader.value(0);
  reader.skip();
  if (reader.at < source.length) reader.fail();
  return root;
}

/** The member of this name; of several the last, which is the one that counts. */
export function memberOf(node: JsonNode | undefined, name: string): Member | undefined {
  return node?.type === 'object' ? node.members.findLast((member) => member.name === name) : undefined;
}

/** What a member holds if it is a text. */
export function textOf(node: JsonNode | undefined): string | undefined {
  return node?.type === 'scalar' && typeof node.value === 'string' ? node.value : undefined;
}

/** The items of a list of texts; undefined where it is something else. */
export function textsOf(node: JsonNode | undefined): readonly string[] | undefined {
  if (node?.type !== 'array') return undefined;
  const texts = node.items.map(textOf);
  return texts.every((each) => each !== undefined) ? texts : undefined;
}

/** Applies replacements that do not overlap. */
export function applyEdits(source: string, edits: readonly Edit[]): string {
  const inOrder = edits.toSorted((a, b) => a.start - b.start);
  const parts: string[] = [];
  let from = 0;
  for (const { start, end, text: next } of inOrder) {
    parts.push(source.slice(from, start), next);
    from = end;
  }
  return parts.join('') + source.slice(from);
}

class Reader {
  readonly #source: string;
  readonly #file: string;
  at = 0;

  constructor(source: string, file: string) {
    this.#source = source;
    this.#file = file;
  }

  value(depth: number): JsonNode {
    if (depth > depthMax) this.fail();
    this.skip();
    const start = this.at;
    const first = this.#source[start];
    if (first === '{') return this.#object(start, depth);
    if (first === '[') return this.#array(start, depth);
    const token = this.#take(first === '"' ? text : literal);
    return { type: 'scalar', start, end: this.at, value: this.#parsed(token) as ScalarNode['value'] };
  }

  skip(): void {
    blank.lastIndex = this.at;
    this.at += blank.exec(this.#source)?.[0].length ?? 0;
  }

  fail(): never {
    const before = this.#source.slice(0, this.at).split('\n');
    const place = `line ${before.length}, column ${(before.at(-1) ?? '').length + 1}`;
    return refuse(`${this.#file}: it is not valid JSON (${place}). Nothing was changed: correct it first.`);
  }

  #object(start: number, depth: number): ObjectNode {
    const members: Member[] = [];
    this.#list('}', () => {
      const keyStart = this.at;
      const name = this.#parsed(this.#take(text)) as string;
      const key = { start: keyStart, end: this.at };
      this.skip();
      if (this.#source[this.at] !== ':') this.fail();
      this.at += 1;
      members.push({ name, key, value: this.value(depth + 1) });
    });
    return { type: 'object', start, end: this.at, members };
  }

  #array(start: number, depth: number): ArrayNode {
    const items: JsonNode[] = [];
    this.#list(']', () => void items.push(this.value(depth + 1)));
    return { type: 'array', start, end: this.at, items };
  }

  #list(close: string, readOne: () => void): void {
    this.at += 1;
    for (;;) {
      this.skip();
      if (this.#source[this.at] === close) break;
      readOne();
      this.skip();
      if (this.#source[this.at] === ',') this.at += 1;
      else if (this.#source[this.at] !== close) this.fail();
    }
    this.at += 1;
  }

  #take(token: RegExp): string {
    token.lastIndex = this.at;
    const found = token.exec(this.#source)?.[0] ?? this.fail();
    this.at += found.length;
    return found;
  }

  #parsed(token: string): unknown {
    try {
      return JSON.parse(token);
    } catch {
      return this.fail();
    }
  }
}
