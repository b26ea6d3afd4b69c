import { isObject, type JsonObject } from '../../core/json.ts';

/** Why a text is neither JSON nor YAML, and where, as far as it is known; both count from 1. */
export class TextUnparsable extends Error {
  readonly line: number | undefined;
  readonly column: number | undefined;

  constructor(reason: string, line?: number, column?: number) {
    super(reason);
    this.line = line;
    this.column = column;
  }
}

/** What to do about what is no document at all. */
export const documentAdvice = 'give the path or URL of an OpenAPI or Swagger document itself, in JSON or YAML';

/** So many values may be made out of one text's aliases, where it has fewer characters. */
const valuesMax = 2_000_000;

/**
 * The value that a text of JSON or YAML holds. JSON is told by its first characters, and goes through the
 * engine's own parser, which is 50 times as fast; the other one is loaded only when it is needed.
 * @throws TextUnparsable
 */
export async function parseText(text: string): Promise<unknown> {
  // A byte order mark is what some editors on Windows write.
  const start = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  if (!/\S/.test(start)) throw new TextUnparsable(`it is empty: ${documentAdvice}`);
  if (/^\s*<[!?a-z]/i.test(start))
    throw new TextUnparsable(`it is no OpenAPI document but a page of HTML or XML: ${documentAdvice}`);
  // A flow mapping of YAML begins like JSON, but for the quotes.
  if (!/^\s*(\{\s*["}]|\[)/.test(start)) return parseYaml(start);
  try {
    return JSON.parse(start);
  } catch (error) {
    throw jsonFault(start, error);
  }
}

/** The engine's message may quote the text: only the place is told. */
function jsonFault(text: string, error: unknown): TextUnparsable {
  const at = faultPosition(text, error) ?? lastGoodPosition(text);
  const lines = text.slice(0, at).split('\n');
  return new TextUnparsable('it is not valid JSON', lines.length, (lines.at(-1) ?? '').length + 1);
}

/** Where the engine says that it stopped; of some faults it does not. */
function faultPosition(text: string, error: unknown): number | undefined {
  const message = error instanceof Error ? error.message : '';
  if (message.includes('end of JSON input')) return text.length;
  const position = /at position (\d+)/.exec(message)?.[1];
  return position === undefined ? undefined : Number(position);
}

/** The longest beginning that lacks nothing but its end, by halving. */
function lastGoodPosition(text: string): number {
  let good = 0;
  let bad = text.length;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (isBeginning(text.slice(0, middle))) good = middle;
    else bad = middle;
  }
  return good;
}

function isBeginning(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    return faultPosition(text, error) === text.length;
  }
}

async function parseYaml(text: string): Promise<unknown> {
  const { SwaggerParser } = (await import('@apidevtools/swagger-parser')).default as unknown as {
    SwaggerParser: typeof import('@apidevtools/swagger-parser');
  };
  const parser = new SwaggerParser();
  try {
    await parser.parse('/document.yaml', {
      resolve: { file: false, http: false, given: { order: 1, canRead: true, read: () => text } },
      parse: { json: false, text: false, binary: false },
    });
  } catch (error) {
    // It also refuses versions that it does not know; what it read is there all the same.
    if (parser.api === null || parser.api === undefined) throw yamlFault(error);
  }
  const value: unknown = parser.api;
  mergeAndBound(value, Math.max(valuesMax, text.length));
  return value;
}

/** js-yaml says "reason (line:column)" and quotes the text after it. */
function yamlFault(error: unknown): TextUnparsable {
  const message = error instanceof Error ? (error.message.split('\n')[0] ?? '') : '';
  // The library names the file that it believes to read.
  const found = /^(?:Error parsing \S+: )?(.{1,120}?) ?\((\d+):(\d+)\)$/.exec(message);
  if (found === null) return new TextUnparsable(`it is no OpenAPI document but a plain text: ${documentAdvice}`);
  return new TextUnparsable(`it is not valid YAML, ${found[1]}`, Number(found[2]), Number(found[3]));
}

/**
 * Merges `<<`, which JSON's schema of YAML leaves as it is, and refuses aliases that stand for too much: every
 * later reader may then walk the value as a tree.
 */
function mergeAndBound(root: unknown, max: number): void {
  const waiting: unknown[] = [root];
  for (let values = 0; waiting.length > 0; values += 1) {
    const value = waiting.pop();
    if (values + waiting.length > max) {
      throw new TextUnparsable('its aliases stand for themselves or for more values than can be read');
    }
    if (typeof value !== 'object' || value === null) continue;
    if (isObject(value)) merge(value);
    for (const each of Object.values(value)) waiting.push(each);
  }
}

/** What is merged may merge in its turn; nobody nests that a hundred deep. */
function merge(value: JsonObject): void {
  const target = value as Record<string, unknown>;
  for (let depth = 0; depth < 100 && Object.hasOwn(target, '<<'); depth += 1) {
    const merged = target['<<'];
    const sources = (Array.isArray(merged) ? merged : [merged]).filter(isObject);
    if (sources.length === 0) return;
    delete target['<<'];
    for (const source of sources) {
      for (const [name, each] of Object.entries(source))
        if (!Object.hasOwn(target, name) && name !== '__proto__') target[name] = each;
    }
  }
}
