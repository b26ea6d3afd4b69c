import { arrayOf, isObject, type JsonObject, objectOf } from '../../core/json.ts';
import { wordsOf } from '../../core/key/fold-text.ts';
import { actOfVerb, guessAct, guessByName } from '../../core/tool/class-words.ts';
import { parsePath, valueAt } from './path.ts';
import { isReadOnlyGraphql } from './read-only-graphql.ts';
import { isReadOnlyPipeline } from './read-only-pipeline.ts';
import { isReadOnlySql } from './read-only-sql.ts';
import type { McpTool, ReadCalls, ReadRules } from './types.ts';

/** HTTP methods that are safe (RFC 9110, 9.2.1). */
const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const sqlNames = /^(?:sql|statement|query|sql_?query|query_?text|sql_?statement)$/i;
const actNames = /^(?:action|operation|op|mode|command|sub_?command|method|act|verb)$/i;
const urlNames = /^(?:url|uri|endpoint|path|href|resource)$/i;
const saysSql = /(?<![a-z])sql(?![a-z])|database|postgres|mysql|sqlite|bigquery|snowflake|clickhouse/i;
/** Verbs that say nothing about what is done. */
const generalVerbs = /^(?:manage|handle|process|control|use|perform|do|run|execute|exec|evaluate|eval|invoke)$/;
const saysGraphql = /graph_?ql/i;
const saysAggregate = /aggregat|mongo/i;
const saysMongo = /mongo|\$match/i;

/** Makes the test of a rule: each pointer must lead to one of its values. Texts are compared without case. */
export function readsByRule(rules: ReadRules): ReadCalls {
  const parts = Object.entries(rules).map(([pointer, values]) => ({
    path: parsePath(pointer) ?? [],
    values: new Set(values.map(folded)),
  }));
  const test = (args: JsonObject): boolean =>
    parts.length > 0 && parts.every(({ path, values }) => values.has(folded(valueAt(args, path))));
  return { why: `the rule "reads" (${Object.keys(rules).join(', ')})`, test };
}

/** Makes the test of a policy: a call reads if all its arguments are known and none of them makes the tool act. */
export function readsWithoutArguments(acting: readonly string[], known: readonly string[]): ReadCalls {
  const names = new Set(known);
  const paths = acting.map((pointer) => parsePath(pointer) ?? []);
  const isAbsent = (value: unknown): boolean =>
    value === undefined || value === null || (Array.isArray(value) && value.length === 0);
  return {
    why: `without ${acting.join(' and ')}`,
    test: (args) =>
      Object.keys(args).every((name) => names.has(name)) && paths.every((path) => isAbsent(valueAt(args, path))),
  };
}

/**
 * Returns the test of an aggregation tool: a call reads if its pipeline has no `$out` and no `$merge`. The test also applies if
 * the server calls the tool read-only.
 */
export function readsByPipeline({ name, description = '', inputSchema }: McpTool): ReadCalls | undefined {
  const { pipeline } = objectOf(inputSchema.properties);
  if (!isObject(pipeline)) return undefined;
  const says = pipeline.type === undefined || pipeline.type === 'array' ? saysAggregate : saysMongo;
  if (!says.test(`${name} ${description.slice(0, 2_000)}`)) return undefined;
  return { why: '"pipeline" without $out and $merge', test: (args) => isReadOnlyPipeline(args.pipeline) };
}

/**
 * Finds out from a tool's schema how its calls say whether they read: by an SQL or GraphQL text, a pipeline, an HTTP method, or
 * the name of an act. Returns undefined for a tool that only writes, or whose calls do not say it.
 */
export function readsBySchema(tool: McpTool): ReadCalls | undefined {
  const properties = objectOf(tool.inputSchema.properties);
  const names = Object.keys(properties);
  const about = `${tool.name} ${tool.description ?? ''}`.slice(0, 2_000);
  // `apply_migration` records even a migration that only selects.
  const texts = isNamedWrite(tool) ? [] : names;
  const textName = texts.find((name) => sqlNames.test(name) && isText(properties[name]));
  if (textName !== undefined && saysGraphql.test(about)) {
    return byText(textName, 'a GraphQL document', isReadOnlyGraphql);
  }
  if (textName !== undefined && (/^sql/i.test(textName) || saysSql.test(about))) {
    return byText(textName, 'SQL', isReadOnlySql);
  }
  return readsByPipeline(tool) ?? readsByMethod(names, properties) ?? readsByAct(tool, names, properties);
}

function byText(name: string, what: string, isRead: (text: string) => boolean): ReadCalls {
  const test = (args: JsonObject): boolean => {
    const text = args[name];
    return typeof text === 'string' && isRead(text);
  };
  return { why: `"${name}" is ${what}`, test };
}

/** A tool that sends an HTTP request of any method. A method that is not given is the one that the schema names. */
function readsByMethod(names: readonly string[], properties: JsonObject): ReadCalls | undefined {
  const name = names.find((each) => /^(?:http_?)?method$/i.test(each));
  if (name === undefined || !names.some((each) => urlNames.test(each))) return undefined;
  const { default: usual } = objectOf(properties[name]);
  const test = (args: JsonObject): boolean => {
    const method = args[name] ?? usual;
    // Some servers take another method than that of the request from a header.
    if (/method-?override/i.test(JSON.stringify(args))) return false;
    return typeof method === 'string' && safeMethods.has(method.trim().toUpperCase());
  };
  return { why: `"${name}" is an HTTP method`, test };
}

/**
 * A tool such as `manage_users`, whose acts the schema lists. One of them must read, and the name must not say that it
 * writes.
 */
function readsByAct(tool: McpTool, names: readonly string[], properties: JsonObject): ReadCalls | undefined {
  const name = names.find((each) => actNames.test(each));
  if (name === undefined || isPlainWrite(tool)) return undefined;
  const reading = new Set(listedTexts(properties[name]).filter(isReadingAct));
  if (reading.size === 0) return undefined;
  return { why: `"${name}" says what it does`, test: (args) => reading.has(String(args[name])) };
}

/** Whether a name has a verb that only writes, and never names a thing. */
function isNamedWrite({ name }: McpTool): boolean {
  const { word, mayRead } = guessByName(name);
  const verb = actOfVerb(word);
  if (verb === undefined || verb.isNoun || mayRead !== undefined) return false;
  return verb.act !== 'read' && verb.act !== 'unclear' && !generalVerbs.test(word);
}

/** A name that begins with a verb that writes: `delete_page` with an `action` still deletes. */
function isPlainWrite({ name }: McpTool): boolean {
  const { act, word, mayRead, isUnclear } = guessByName(name);
  const isMixed = mayRead !== undefined || isUnclear === true || word === '';
  return act !== 'read' && !isMixed && !generalVerbs.test(word);
}

function isReadingAct(text: string): boolean {
  const words = wordsOf(text);
  return words.length > 0 && words.length <= 4 && guessAct({ name: text }).act === 'read';
}

/** The texts of an enumeration, also one that is a union of constants. */
function listedTexts(schema: unknown): readonly string[] {
  const { enum: listed, const: only, anyOf, oneOf } = objectOf(schema);
  const branches = [...arrayOf(anyOf), ...arrayOf(oneOf)].flatMap(listedTexts);
  return [...arrayOf(listed), only].filter((each) => typeof each === 'string').concat(branches);
}

function isText(schema: unknown): boolean {
  return isObject(schema) && (schema.type === undefined || schema.type === 'string');
}

function folded(value: unknown): unknown {
  return typeof value === 'string' ? value.trim().toLowerCase() : value;
}
