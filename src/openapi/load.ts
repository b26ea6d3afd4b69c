import { describeError, McpOnceError } from '../core/errors.ts';
import { sentence } from '../core/suggest.ts';
import type { Tool, ToolLog } from '../core/tool/types.ts';
import { baseUrlOf } from './base-url.ts';
import { readDocument } from './document/read.ts';
import { searchIndex } from './document/search.ts';
import type { OperationHead } from './document/types.ts';
import { findHead } from './policy/check-override.ts';
import { documentOverride, mergeOverrides } from './policy/extensions.ts';
import { chooseProfile } from './policy/profiles.ts';
import { serveOperations } from './served.ts';
import type { OpenApiSource } from './source.ts';
import { apiClient } from './tools/client.ts';
import { dynamicTools } from './tools/dynamic.ts';
import { createCompiler } from './tools/input.ts';
import { makeTool } from './tools/make-tool.ts';
import { type ApiParts, type ReadyOperation, readyOperation } from './tools/operations.ts';

/** How many problems of a document are told one by one. */
const problemsToldMax = 10;
/** How many tools a client is trusted to read all of. */
const listedMax = 200;

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
 * configuration names an operation or a profile that does not exist, or asks for what an operation cannot have.
 */
export async function loadOpenApi(source: OpenApiSource, options: LoadOptions): Promise<LoadedApi> {
  const { document: from, refHosts, allowPrivate } = source;
  const document = await readDocument({ source: from, refHosts, allowPrivate });
  const tell = (message: string): void => options.warn(`${document.source}: ${message}`);
  const problems = document.problems.map(({ where, reason }) => `${where}: ${reason}`);
  const baseUrl = baseUrlOf(source, document);
  const profile = chooseProfile(new URL(baseUrl).hostname, source.profile);
  const { names, overrideOf, problems: others } = serveOperations(source, document, tell);
  problems.push(...others);
  const api: ApiParts = { document, source, profile, baseUrl, overrideOf, compiler: createCompiler() };
  const shared = {
    client: apiClient(api, [...names.keys()], options.log),
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
      if (error instanceof McpOnceError && error.code === 'configuration_invalid') throw error;
      problems.push(`${sentence(describeError(error))} It is not served.`);
    }
  }
  tellProblems(problems, tell);
  if (tools.size === 0) tell('none of its operations is served');
  const all = [...tools.values()];
  if (!source.dynamic) {
    if (all.length > listedMax) tell(tooMany(all.length));
    return { listed: all, hidden: [] };
  }
  const search = searchIndex([...tools.keys()], names);
  return { listed: dynamicTools({ prefix: source.prefix, title: document.title, tools, search }), hidden: all };
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

function tooMany(count: number): string {
  return `${count} tools: a client may read only the first pages of such a list; use --include (include) to choose, or --dynamic (dynamic) for three tools that find and call them`;
}

function tellProblems(problems: readonly string[], tell: (message: string) => void): void {
  for (const problem of problems.slice(0, problemsToldMax)) tell(problem);
  const more = problems.length - problemsToldMax;
  if (more > 0) tell(`and ${more} more problems`);
}
