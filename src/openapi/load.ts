import { describeError, McpOnceError } from '../core/errors.ts';
import { defined } from '../core/json.ts';
import { sentence } from '../core/suggest.ts';
import type { Tool, ToolLog } from '../core/tool/types.ts';
import { baseUrlOf } from './base-url.ts';
import { type CredentialPlan, planCredentials } from './credential-plan.ts';
import { findOperation } from './document/operation-patterns.ts';
import { readDocument } from './document/read-document.ts';
import { searchIndex } from './document/search-operations.ts';
import type { ListedOperation } from './document/types.ts';
import { documentOverride, mergeOverrides } from './policy/overrides.ts';
import { chooseProfile } from './policy/profiles.ts';
import { traitsOf } from './policy/traits.ts';
import { restrictDocument } from './policy/untrusted-document.ts';
import { selectOperations } from './select-operations.ts';
import type { OpenApiSource } from './source.ts';
import type { ApiContext } from './tools/api.ts';
import { apiClient } from './tools/client.ts';
import { dynamicTools } from './tools/dynamic.ts';
import { makeOperationTool } from './tools/make-tool.ts';
import { type ReadyOperation, readyOperation } from './tools/ready-operation.ts';
import { createSchemaCompiler } from './tools/schema-compiler.ts';

/** How many problems of a document are reported one by one. */
const problemsShownMax = 10;
/** The longest list of tools that clients read completely. */
const listedMax = 200;

export interface LoadOptions {
  /** The log for senders. @defaultValue no log */
  readonly log?: ToolLog;
  /** Reports operations that are not served, and patterns that match nothing. */
  readonly warn: (message: string) => void;
}

/** The tools of one API. The `listed` tools give access to the `hidden` ones. */
export interface LoadedApi {
  readonly listed: readonly Tool[];
  readonly hidden: readonly Tool[];
  readonly credentials: CredentialPlan;
}

/**
 * Reads an OpenAPI document and creates a tool for each selected operation, or three dynamic tools. Reports faulty
 * operations and serves the others.
 * @throws McpOnceError `configuration_invalid` if the document cannot be read or names no server, or if the configuration
 *   names an unknown operation or profile, or a setting that an operation cannot have
 */
export async function loadOpenApi(source: OpenApiSource, options: LoadOptions): Promise<LoadedApi> {
  const { document: from, refHosts, allowPrivate } = source;
  const servers = defined({ baseUrl: source.baseUrl, serverVariables: source.serverVariables });
  const read = await readDocument({ source: from, refHosts, allowPrivate, ...servers });
  const isTrusted = source.trust || read.provenance === 'local';
  const warn = (message: string): void => options.warn(`${read.source}: ${message}`);
  const { document, warning } = isTrusted ? { document: read, warning: undefined } : restrictDocument(read);
  if (warning !== undefined) warn(warning);
  const problems = document.problems.map(({ where, reason }) => `${where}: ${reason}`);
  const baseUrl = baseUrlOf(source, document);
  // Behind a gateway, the document's own server tells the provider.
  const hosts = [baseUrl, ...document.ownServers].map((url) => new URL(url).hostname);
  const profile = chooseProfile(hosts, source.profile);
  const { names, overrideOf, problems: selectionProblems } = selectOperations(source, document, warn);
  problems.push(...selectionProblems);
  const credentials = planCredentials({ source, document, baseUrl, served: [...names.keys()] });
  for (const each of credentials.warnings) warn(each);
  const compiler = createSchemaCompiler({ warn });
  const api: ApiContext = { document, source, profile, baseUrl, credentials, overrideOf, compiler };
  const shared = {
    client: apiClient(api, [...names.keys()], options.log),
    overrideOf: api.overrideOf,
    traitsOf: (listed: ListedOperation) => traitsOf(document, listed),
    ready: createReadyCache(api),
    find: (name: string): ListedOperation | undefined => findOperation(document, name),
    warn,
  };
  const tools = new Map<ListedOperation, Tool>();
  for (const [listed, name] of names) {
    try {
      const tool = makeOperationTool(listed, { ...shared, name });
      if (needsChecking(api, listed)) shared.ready(listed);
      tools.set(listed, tool);
    } catch (error) {
      if (error instanceof McpOnceError && error.code === 'configuration_invalid') throw error;
      problems.push(`${sentence(describeError(error))} It is not served.`);
    }
  }
  reportProblems(problems, warn);
  if (tools.size === 0) warn('none of its operations is served');
  const all = [...tools.values()];
  if (!source.dynamic) {
    if (all.length > listedMax) warn(tooMany(all.length));
    return { listed: all, hidden: [], credentials };
  }
  const search = searchIndex([...tools.keys()], names);
  const listed = dynamicTools({ prefix: source.prefix, title: document.title, tools, search });
  return { listed, hidden: all, credentials };
}

/** Returns whether the configuration must be checked against the resolved operation, now instead of on its first call. */
function needsChecking(api: ApiContext, listed: ListedOperation): boolean {
  const { identity, ignore, recovery, lookup, clientId } = mergeOverrides(
    documentOverride(listed),
    api.overrideOf(listed),
  );
  return [identity, ignore, recovery, lookup, clientId].some((each) => each !== undefined);
}

/** Resolves each operation once. */
function createReadyCache(api: ApiContext): (listed: ListedOperation) => ReadyOperation {
  const known = new Map<ListedOperation, ReadyOperation>();
  return (listed) => {
    const found = known.get(listed) ?? readyOperation(api, listed);
    known.set(listed, found);
    return found;
  };
}

function tooMany(count: number): string {
  return `${count} tools: a client may read only the first pages of such a list; use --include (include) to choose, or --dynamic (dynamic) for three tools that find and call them`;
}

function reportProblems(problems: readonly string[], warn: (message: string) => void): void {
  for (const problem of problems.slice(0, problemsShownMax)) warn(problem);
  const more = problems.length - problemsShownMax;
  if (more > 0) warn(`and ${more} more problems`);
}
