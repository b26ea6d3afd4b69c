import { describeError, McpOnceError } from '../../errors.ts';
import { sentence, suggestion } from '../../suggest.ts';
import type { Tool, ToolLog } from '../../tool/types.ts';
import { chooseOperations, matchesOperation } from './document/choose.ts';
import { toolNames } from './document/names.ts';
import { readDocument } from './document/read.ts';
import { searchIndex } from './document/search.ts';
import { documentOverride, mergeOverrides } from './policy/extensions.ts';
import { findHead } from './policy/check-said.ts';
import { chooseProfile } from './policy/profiles.ts';
import { apiClient } from './tools/client.ts';
import { dynamicTools } from './tools/dynamic.ts';
import { createCompiler } from './tools/input.ts';
import { makeTool } from './tools/make-tool.ts';
import { type ApiParts, type ReadyOperation, readyOperation } from './tools/operations.ts';
import type { ApiDocument, OpenApiSource, OperationHead, OperationOverride } from './types.ts';

/** How many problems of a document are told one by one. */
const problemsToldMax = 10;
/** How many operations are asked for a server before there is none. */
const serversAskedMax = 50;

export interface LoadOptions {
  /** For what senders have to tell; without it nothing is told. */
  readonly log?: ToolLog;
  /** Told of what is not served, and of patterns that match nothing. */
  readonly warn: (message: string) => void;
}

/** The tools of one API. `hidden` ones are reached through those that are listed. */
export interface LoadedApi {
  readonly listed: readonly Tool[];
  readonly hidden: readonly Tool[];
}

/**
 * Reads an OpenAPI document and makes a tool of each operation that was chosen (or three, that stand for all). What is
 * wrong with one operation is told, and the others are served.
 * @throws McpOnceError `configuration_invalid` where the document cannot be read, names no server, or the
 * configuration names an operation or a profile that does not exist.
 */
export async function loadOpenApi(source: OpenApiSource, options: LoadOptions): Promise<LoadedApi> {
  const { document: from, refHosts, allowPrivate } = source;
  const document = await readDocument({ source: from, refHosts, allowPrivate });
  const tell = (message: string): void => options.warn(`${document.source}: ${message}`);
  const problems = document.problems.map(({ where, reason }) => `${where}: ${reason}`);
  const api = partsOf(source, document, tell);
  const names = served(api, problems, tell);
  const shared = {
    client: apiClient(api, options.log),
    overrideOf: api.overrideOf,
    ready: remembered(api),
    find: (name: string): OperationHead | undefined => findHead(document, name),
    warn: tell,
  };
  const tools = new Map<OperationHead, Tool>();
  for (const [head, name] of names) {
    try {
      const tool = makeTool(head, { ...shared, name });
      if (needsChecking(api, head)) shared.ready(head);
      tools.set(head, tool);
    } catch (error) {
      problems.push(describeError(error));
    }
  }
  tellProblems(problems, tell);
  if (tools.size === 0) tell('none of its operations is served');
  const all = [...tools.values()];
  if (!source.dynamic) return { listed: all, hidden: [] };
  const search = searchIndex([...tools.keys()], names);
  return { listed: dynamicTools({ prefix: source.prefix, title: document.title, tools, search }), hidden: all };
}

function partsOf(source: OpenApiSource, document: ApiDocument, tell: (message: string) => void): ApiParts {
  const baseUrl = baseUrlOf(source, document);
  const profile = chooseProfile(new URL(baseUrl).hostname, source.profile);
  const overrideOf = overridesOf(source, document, tell);
  return { document, source, profile, baseUrl, overrideOf, compiler: createCompiler() };
}

/** Where requests go that say nothing else. @throws McpOnceError `configuration_invalid` naming what to give. */
function baseUrlOf(source: OpenApiSource, document: ApiDocument): string {
  const refuse = (why: string): never => {
    throw new McpOnceError('configuration_invalid', `${document.source}: ${why}`);
  };
  if (source.baseUrl !== undefined) {
    const isUrl = URL.canParse(source.baseUrl) && /^https?:$/.test(new URL(source.baseUrl).protocol);
    return isUrl ? source.baseUrl : refuse('the base URL must be an absolute one of http or https.');
  }
  for (const head of document.heads.slice(0, serversAskedMax)) {
    const found = firstServer(document, head);
    if (found !== undefined) return found;
  }
  const why = document.problems.find(({ where }) => where.includes('/servers'));
  const reason = why ? ` (${why.where}: ${why.reason})` : '';
  return refuse(`it names no server that can be called${reason}: give one with --base-url, or baseUrl.`);
}

function firstServer(document: ApiDocument, head: OperationHead): string | undefined {
  try {
    return document.operation(head).servers[0];
  } catch {
    // Told when the operation itself is asked for.
    return undefined;
  }
}

/**
 * What the configuration says of an operation: of all patterns that match, member by member the last.
 * @throws McpOnceError `configuration_invalid` for an operation that does not exist: what was said of it would else
 * be passed over without a word.
 */
function overridesOf(
  { operations }: OpenApiSource,
  { heads, source }: ApiDocument,
  tell: (message: string) => void,
): (head: OperationHead) => OperationOverride | undefined {
  const rules = Object.entries(operations);
  for (const [pattern] of rules) {
    if (heads.some((head) => matchesOperation(head, pattern))) continue;
    const isPattern = pattern.includes('*') || pattern.startsWith('tag:');
    if (isPattern) {
      tell(`operations: nothing matches ${JSON.stringify(pattern)}`);
      continue;
    }
    const known = heads.flatMap(({ operationId, method, path }) => [operationId ?? [], `${method} ${path}`].flat());
    const near = suggestion(pattern, known);
    const message = `${source}: operations: there is no operation ${JSON.stringify(pattern)}${near}`;
    throw new McpOnceError('configuration_invalid', sentence(message));
  }
  const known = new Map<OperationHead, OperationOverride | undefined>();
  return (head) => {
    if (known.has(head)) return known.get(head);
    const said = rules.filter(([pattern]) => matchesOperation(head, pattern)).map(([, override]) => override);
    const merged = said.length === 0 ? undefined : said.reduce((all, each) => mergeOverrides(all, each), {});
    known.set(head, merged);
    return merged;
  };
}

/** What is served, and under which names, which are the same whatever else is served. */
function served(
  api: ApiParts,
  problems: string[],
  tell: (message: string) => void,
): ReadonlyMap<OperationHead, string> {
  const { include, exclude, prefix } = api.source;
  const { heads } = api.document;
  const { chosen, unmatched } = chooseOperations(heads, { include, exclude });
  for (const pattern of unmatched) tell(`include, exclude: nothing matches ${JSON.stringify(pattern)}`);
  const own = new Map<OperationHead, string>();
  const enabled = chosen.filter((head) => {
    try {
      const said = mergeOverrides(documentOverride(head), api.overrideOf(head));
      if (said.name !== undefined) own.set(head, said.name);
      return said.enabled !== false;
    } catch (error) {
      problems.push(describeError(error));
      return false;
    }
  });
  const names = toolNames(heads, { ...(prefix === undefined ? {} : { prefix }), names: own });
  return new Map(enabled.flatMap((head) => (names.has(head) ? [[head, names.get(head) ?? '']] : [])));
}

/** What was said that only the resolved operation can be held against: then now, and not at its first call. */
function needsChecking(api: ApiParts, head: OperationHead): boolean {
  const { identity, recovery, lookup, clientId } = mergeOverrides(documentOverride(head), api.overrideOf(head));
  return [identity, recovery, lookup, clientId].some((each) => each !== undefined);
}

/** Each operation is resolved once. */
function remembered(api: ApiParts): (head: OperationHead) => ReadyOperation {
  const known = new Map<OperationHead, ReadyOperation>();
  return (head) => {
    const found = known.get(head) ?? readyOperation(api, head);
    known.set(head, found);
    return found;
  };
}

function tellProblems(problems: readonly string[], tell: (message: string) => void): void {
  for (const problem of problems.slice(0, problemsToldMax)) tell(problem);
  const more = problems.length - problemsToldMax;
  if (more > 0) tell(`and ${more} more problems`);
}
