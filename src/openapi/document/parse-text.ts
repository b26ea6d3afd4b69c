import { isObject, type JsonObject } from '../../core/json.ts';

/** A text is neither JSON nor YAML. Line and column count from 1 and are undefined where the parser gives none. */
export class TextUnparsable extends Error {
  readonly line: number | undefined;
  readonly column: number | undefined;

  constructor(reason: string, line?: number, column?: number) {
    super(reason);
    this.line = line;
    this.column = column;
  }
}

/** The next step after a source that is not an OpenAPI document. */
export const documentAdvice = 'give the path or URL of an OpenAPI or Swagger document in JSON or YAML';

/** Limit on the values that a text with YAML aliases expands to. A text with more characters may have as many values. */
const valuesMax = 2_000_000;

/**
 * Parses JSON or YAML. A text that begins like JSON goes to `JSON.parse`, which is 50 times faster; the YAML parser is
 * loaded only for other texts.
 * @throws TextUnparsable
 */
export async function parseText(text: string): Promise<unknown> {
  // Some editors on Windows write a byte order mark.
  const start = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  if (!/\S/.test(start)) throw new TextUnparsable(`it is empty: ${documentAdvice}`);
  if (/^\s*<[!?a-z]/i.test(start)) {
    throw new TextUnparsable(`it is an HTML or XML page, not an OpenAPI document: ${documentAdvice}`);
  }
  // A YAML flow mapping begins like JSON, except that its names need no quotes.
  if (!/^\s*(\{\s*["}]|\[)/.test(start)) return parseYaml(start);
  try {
    return JSON.parse(start);
  } catch (error) {
    throw jsonFault(start, error);
  }
}

/** Reports only line and column, since the parser's message may quote the text. */
function jsonFault(text: string, error: unknown): TextUnparsable {
  const at = faultPosition(text, error) ?? longestValidPrefix(text);
  const lines = text.slice(0, at).split('\n');
  return new TextUnparsable('it is not valid JSON', lines.length, (lines.at(-1) ?? '').length + 1);
}

/** Reads the position from the message of `JSON.parse`. Some of its messages have none. */
function faultPosition(text: string, error: unknown): number | undefined {
  const message = error instanceof Error ? error.message : '';
  if (message.includes('end of JSON input')) return text.length;
  const position = /at position (\d+)/.exec(message)?.[1];
  return position === undefined ? undefined : Number(position);
}

/** Finds the longest prefix of the text that is valid up to its end, by bisection. */
function longestValidPrefix(text: string): number {
  let good = 0;
  let bad = text.length;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (isValidPrefix(text.slice(0, middle))) good = middle;
    else bad = middle;
  }
  return good;
}

function isValidPrefix(text: string): boolean {
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
    // The library also rejects unknown versions, after it has parsed the text.
    if (parser.api === null || parser.api === undefined) throw yamlFault(error);
  }
  const value: unknown = parser.api;
  applyMergeKeys(value, Math.max(valuesMax, text.length));
  return value;
}

/** Keeps the first line of a js-yaml message, "reason (line:column)". The following lines quote the text. */
function yamlFault(error: unknown): TextUnparsable {
  const message = error instanceof Error ? (error.message.split('\n')[0] ?? '') : '';
  // The library adds the file name that it was given.
  const found = /^(?:Error parsing \S+: )?(.{1,120}?) ?\((\d+):(\d+)\)$/.exec(message);
  if (found === null) return new TextUnparsable(`it is plain text, not an OpenAPI document: ${documentAdvice}`);
  return new TextUnparsable(`it is not valid YAML: ${found[1]}`, Number(found[2]), Number(found[3]));
}

/**
 * Applies merge keys (`<<`), which the parser's JSON schema leaves alone, and bounds what aliases expand to. After that
 * every reader may walk the value as a tree.
 */
function applyMergeKeys(root: unknown, max: number): void {
  const waiting: unknown[] = [root];
  for (let values = 0; waiting.length > 0; values += 1) {
    const value = waiting.pop();
    if (values + waiting.length > max) {
      throw new TextUnparsable('its YAML aliases are circular or expand to too many values');
    }
    if (typeof value !== 'object' || value === null) continue;
    if (isObject(value)) merge(value);
    for (const each of Object.values(value)) waiting.push(each);
  }
}

/** A merged object may have a merge key of its own, so this repeats, at most 100 times. */
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
