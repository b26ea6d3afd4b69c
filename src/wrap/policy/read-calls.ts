import { arrayOf, isObject, type JsonObject, objectOf } from '../../core/json.ts';
import { wordsOf } from '../../core/key/fold-text.ts';
import { actOfVerb, guessAct, guessByName } from '../../core/tool/class-words.ts';
import { parsePath, valueAt } from './path.ts';
import { isReadOnlyGraphql } from './read-only-graphql.ts';
import { isReadOnlyPipeline, mayWriteStage } from './read-only-pipeline.ts';
import { isReadOnlySql } from './read-only-sql.ts';
import type { McpTool, ReadCalls, ReadRules } from './types.ts';

/** Nested arguments with names of data: what a search must fit, and values that a statement is given. */
const dataNames = /^(?:filters?|where|criteria|conditions?|match|search|selector)$/i;
const boundNames = /^(?:filters?|where|variables|param(?:eter)?s|bind(?:ing)?s?|values)$/i;
/** Arguments that an HTTP request carries to another server. */
const carriedNames = /^(?:headers?|query|param(?:eter)?s|body|data|json|form|payload|cookies|filters?)$/i;
/** Where more is nested, or more text is JSON, a call is not searched and counts as one that acts. */
const nestedDepthMax = 16;
const nestedCharsMax = 100_000;

const nothing = /(?!)/;

/** HTTP methods that are safe (RFC 9110, 9.2.1). */
const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const sqlNames = /^(?:sql|statement|query|sql_?query|query_?text|sql_?statement)$/i;
const actNames = /^(?:action|operation|op|mode|command|sub_?command|method|act|verb)$/i;
const pipelineNames = /^(?:(?:aggregat(?:e|ion)_?)?pipeline|stages)$/i;
const methodNames = /^(?:http_?)?method$/i;
const graphqlNames = /^(?:mutation|document|graph_?ql|gql)$/i;
/** Names of arguments that say where the server saves what it read. */
const targetNames =
  /^(?:dest(?:ination)?|into|sink|out_?file|output|(?:save|write|export|copy|store|materiali[sz]e)_?(?:as|to|into|in|path|file)|(?:output|out|target|dest(?:ination)?|into|result)_?(?:table|view|collection|data_?set|database|schema|file|file_?name|path|file_?path|dir|dir_?path|directory|folder|bucket|location|ur[il]))$/i;
/** Those of them that say so also within data, where `destination` may be a field to search for. */
const savingNames = /^(?:save|write|export|copy|store|materiali[sz]e)_?(?:as|to|into|in|path|file)$/i;
/** Values of `output` that name a form, not a place. */
const formats = /^(?:json|jsonl|csv|tsv|text|plain|table|markdown|yaml|xml|html|raw)$/i;
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
 * Returns the test of an aggregation tool: a call reads if its pipeline has no `$out` and no `$merge`. A tool that reads, by its
 * annotation or its name, may take a pipeline inside another argument: its call reads if no argument has these stages.
 */
export function readsByPipeline(tool: McpTool, isRead = false): ReadCalls | undefined {
  const { name, description = '', inputSchema } = tool;
  const properties = objectOf(inputSchema.properties);
  const about = `${name} ${description.slice(0, 2_000)}`;
  if (!isRead && isNamedWrite(tool)) return undefined;
  const pipelineName = Object.keys(properties).find((each) => {
    const { [each]: property } = properties;
    return pipelineNames.test(each) && isObject(property) && saysPipeline(property).test(about);
  });
  if (pipelineName !== undefined) {
    const acts: Judge = [actNames, (text) => text === 'aggregate' || isReadingAct(text)];
    const test = (args: JsonObject): boolean => {
      const pipelines = Object.keys(args).filter((each) => pipelineNames.test(each) && !isMissing(args[each]));
      const read = pipelines.length > 0 && pipelines.every((each) => isReadOnlyPipeline(args[each]));
      return read && !mayWriteStage(args) && allRead(args, [acts], properties, pipelineData);
    };
    return { why: `"${pipelineName}" without $out and $merge`, test };
  }
  if (!isRead || !saysAggregate.test(about)) return undefined;
  const holder = Object.keys(properties).find((each) => mayHoldPipeline(each, properties[each]));
  return holder === undefined
    ? undefined
    : { why: `"${holder}" without $out and $merge`, test: (args) => !mayWriteStage(args) };
}

/** A list of steps is a pipeline of MongoDB if the tool aggregates. A text is one only if the tool names MongoDB. */
function saysPipeline({ type }: JsonObject): RegExp {
  return type === undefined || [type].flat().includes('array') ? saysAggregate : saysMongo;
}

function mayHoldPipeline(name: string, schema: unknown): boolean {
  const { type, items, enum: listed } = objectOf(schema);
  if (listed !== undefined) return false;
  if (type === undefined) return true;
  const types = [type].flat();
  const { type: item } = objectOf(items);
  if (types.includes('array')) return item === undefined || item === 'object';
  return (
    types.includes('object') && /^(?:command|request|body|arg(?:ument)?s|param(?:eter)?s|options|input)$/i.test(name)
  );
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
  const textNames = texts.filter((name) => sqlNames.test(name) && isText(properties[name]));
  const [textName] = textNames;
  if (textName !== undefined && saysGraphql.test(about)) {
    const documentNames = new RegExp(`${sqlNames.source}|${graphqlNames.source}`, 'i');
    return byText(textName, 'a GraphQL document', [documentNames, isReadOnlyGraphql], properties);
  }
  const sqlName = textNames.find((name) => /^sql/i.test(name)) ?? (saysSql.test(about) ? textName : undefined);
  if (sqlName !== undefined) return byText(sqlName, 'SQL', [sqlNames, isReadOnlySql], properties);
  return readsByPipeline(tool) ?? readsByMethod(names, properties) ?? readsByAct(tool, names, properties);
}

/** The arguments of some names, and the test of their text. */
type Judge = readonly [names: RegExp, isRead: (text: string, name: string) => boolean];

/**
 * Tests all arguments that may say what a call does, also undeclared and nested ones: the server decides which of them it
 * follows. Each that is given must be a text that reads. An argument that says where to save a result makes the call write.
 *
 * @param data the names of objects and lists that hold data only, and are searched for places to save only
 */
function allRead(args: JsonObject, judges: readonly Judge[], properties: JsonObject, data = dataNames): boolean {
  const usual = Object.keys(properties).filter((name) => isMissing(args[name]) && !/^mode$/i.test(name));
  const given = Object.entries(args).filter(([, value]) => !isMissing(value));
  const all = [...given, ...usual.map((name) => [name, objectOf(properties[name]).default] as const)];
  return (
    !given.some(([name, value]) => savesResult(name, value)) &&
    all.every(([name, value]) => isReadBy(judges, name, value)) &&
    given.every(([name, value]) =>
      data.test(name) ? nestedReads(value, [], nothing, 1, savingNames) : nestedReads(value, judges, data, 1),
    )
  );
}

function isReadBy(judges: readonly Judge[], name: string, value: unknown): boolean {
  const [, isRead] = judges.find(([names]) => names.test(name)) ?? [];
  return isRead === undefined || isMissing(value) || (typeof value === 'string' && isRead(value, name));
}

/** Tests the members of objects within an argument, also in JSON text. */
function nestedReads(
  value: unknown,
  judges: readonly Judge[],
  data: RegExp,
  depth: number,
  targets = targetNames,
): boolean {
  if (typeof value === 'string') return textReads(value, judges, data, depth, targets);
  if (typeof value !== 'object' || value === null) return true;
  if (depth > nestedDepthMax) return false;
  if (Array.isArray(value)) return value.every((item) => nestedReads(item, judges, data, depth + 1, targets));
  return Object.entries(value).every(([name, member]) => {
    if (isMissing(member)) return true;
    if (typeof member === 'object' && data.test(name)) return nestedReads(member, [], nothing, depth + 1, savingNames);
    return (
      !savesResult(name, member, targets) &&
      isReadBy(judges, name, member) &&
      nestedReads(member, judges, data, depth + 1, targets)
    );
  });
}

function textReads(text: string, judges: readonly Judge[], data: RegExp, depth: number, targets: RegExp): boolean {
  if (!/^\s*[{[]/.test(text)) return true;
  if (text.length > nestedCharsMax) return false;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return true;
  }
  return nestedReads(value, judges, data, depth, targets);
}

function savesResult(name: string, value: unknown, targets = targetNames): boolean {
  return targets.test(name) && value !== false && !(typeof value === 'string' && formats.test(value));
}

function isMissing(value: unknown): boolean {
  return value === undefined || value === null;
}

function byText(name: string, what: string, judge: Judge, properties: JsonObject): ReadCalls {
  const [names, isRead] = judge;
  const acts: Judge = [actNames, (text) => isRead(text, name) || isReadingAct(text)];
  const test = (args: JsonObject): boolean =>
    Object.keys(args).some((each) => names.test(each) && !isMissing(args[each])) &&
    allRead(args, [judge, acts], properties, boundNames);
  return { why: `"${name}" is ${what}`, test };
}

/** A tool that sends an HTTP request of any method. A method that is not given is the one that the schema names. */
function readsByMethod(names: readonly string[], properties: JsonObject): ReadCalls | undefined {
  const name = names.find((each) => methodNames.test(each));
  if (name === undefined || !names.some((each) => urlNames.test(each))) return undefined;
  const { default: usual } = objectOf(properties[name]);
  const isSafe = (text: string): boolean => safeMethods.has(text.trim().toUpperCase());
  const judges: readonly Judge[] = [[methodNames, isSafe], [actNames, isReadingAct], plainSql];
  const test = (args: JsonObject): boolean => {
    // A server may take null for another method than the default.
    const method = args[name] === undefined ? usual : args[name];
    // Some servers take another method than that of the request from a header, the query or the body.
    if (/method-?override|x-http-method|(?<![a-z])_method(?![a-z])/i.test(JSON.stringify(args))) return false;
    return typeof method === 'string' && isSafe(method) && allRead(args, judges, properties, carriedNames);
  };
  return { why: `"${name}" is an HTTP method`, test };
}

/** The names that only SQL has. A tool that is not about SQL may take a text to search for as its `query`. */
const plainSql: Judge = [/^(?:sql|sql_?query|sql_?statement|statement)$/i, isReadOnlySql];

/**
 * A tool such as `manage_users`, whose acts the schema lists. One of them must read, and the name must not say that it
 * writes. `LIST` counts as `list` where the schema lists no other one of these letters.
 */
function readsByAct(tool: McpTool, names: readonly string[], properties: JsonObject): ReadCalls | undefined {
  const [name] = names.filter((each) => actNames.test(each));
  if (name === undefined || isPlainWrite(tool)) return undefined;
  const listed = new Map(names.map((each) => [each, listedTexts(properties[each])]));
  const reads = (text: string, each: string): boolean => {
    const texts = listed.get(each) ?? [];
    const meant = texts.filter((listed) => folded(listed) === folded(text));
    return isReadingAct(text.trim()) && (texts.length === 0 || meant.length === 1);
  };
  if (!listed.get(name)?.some(isReadingAct)) return undefined;
  const judges: readonly Judge[] = [[actNames, reads], plainSql];
  const test = (args: JsonObject): boolean => !isMissing(args[name]) && allRead(args, judges, properties);
  return { why: `"${name}" says what it does`, test };
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

/** A pipeline is judged as a whole. */
const pipelineData = new RegExp(`${dataNames.source}|${pipelineNames.source}`, 'i');

function isText(schema: unknown): boolean {
  return isObject(schema) && (schema.type === undefined || schema.type === 'string');
}

function folded(value: unknown): unknown {
  return typeof value === 'string' ? value.trim().toLowerCase() : value;
}
