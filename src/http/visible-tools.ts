import { refusal } from '../core/call/outcome.ts';
import { emit } from '../core/observe/events.ts';
import type { Catalog } from '../core/tool/catalog.ts';
import { matchesGlob } from '../core/tool/glob.ts';
import type { Tool } from '../core/tool/types.ts';
import { toolList } from '../server/tool-list.ts';
import type { ServedTools, ToolService } from '../server/tool-requests.ts';
import type { Principal } from './access/types.ts';

/** How many pattern lists are remembered. Any further list is applied again for each request. */
const rememberedMax = 1_000;

/** Returns whether two principals are the same caller, whichever tools their tokens allow. */
export function isSameSubject(one: Principal, other: Principal): boolean {
  return one.tenant === other.tenant && one.subject === other.subject;
}

/** Returns whether one token allows every tool that another allows, compared pattern by pattern. */
export function grantsAtLeast({ tools }: Principal, other: Principal): boolean {
  // A pattern that matches the text of another one matches all that the other matches.
  return tools === undefined || (other.tools?.every((pattern) => isAllowed(tools, pattern)) ?? false);
}

/** Restricts a service to the tools of each principal. Other tools do not exist for it. */
export function toolsByPrincipal(service: ToolService): (principal: Principal) => ServedTools {
  const remembered = new Map<string, ServedTools>();
  return (principal) => {
    const patterns = patternsOf(principal);
    const known = remembered.get(patterns);
    if (known) return known;
    const made = restrictedTo(service, principal.tools);
    if (remembered.size < rememberedMax) remembered.set(patterns, made);
    return made;
  };
}

/** Returns whether one of the patterns matches a tool's name. */
export function isAllowed(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => matchesGlob(pattern, name));
}

function patternsOf({ tools }: Principal): string {
  return tools === undefined ? '' : JSON.stringify(tools);
}

function restrictedTo(service: ToolService, patterns: readonly string[] | undefined): ServedTools {
  if (patterns === undefined) return { ...service, list: toolList(service.catalog) };
  const { catalog } = service;
  const isVisible = (name: string): boolean => isAllowed(patterns, name);
  const seen = catalogPart(catalog, isVisible);
  // The engine also finds the other tools: a record of a resource may belong to one of them and need recovery.
  const catalogOfCalls: Catalog = {
    get tools() {
      return seen.tools;
    },
    get hidden() {
      return seen.hidden;
    },
    find: (name) => seen.find(name) ?? catalog.find(name),
  };
  return {
    ...service,
    catalog: seen,
    list: toolList(seen),
    handle: async (call) => {
      // A tool that stands for others calls one of them, which has to be allowed too.
      const target = seen.find(call.tool)?.route?.(call.arguments)?.tool;
      const refused = [call.tool, target].find((name) => name !== undefined && !isVisible(name));
      if (refused === undefined) return service.handle(call, { catalog: catalogOfCalls });
      emit({ type: 'answered', ...call.scope, tool: refused, code: 'unknown_tool', replayed: false });
      return refusal(refused, { type: 'unknown_tool', known: seen.tools.map(({ name }) => name) });
    },
  };
}

/** Filters a catalog for a principal, and filters it again after the tools were reloaded. */
function catalogPart(catalog: Catalog, isAllowed: (name: string) => boolean): Catalog {
  const restricted = (tool: Tool): Tool => tool.restrictedTo?.(isAllowed) ?? tool;
  const allowed = (tools: readonly Tool[]): readonly Tool[] =>
    tools.filter(({ name }) => isAllowed(name)).map(restricted);
  const partNow = () => ({ of: catalog.tools, tools: allowed(catalog.tools), hidden: allowed(catalog.hidden) });
  const onChange = catalog.onChange?.bind(catalog);
  let known = partNow();
  const part = (): typeof known => {
    if (known.of !== catalog.tools) known = partNow();
    return known;
  };
  return {
    get tools() {
      return part().tools;
    },
    get hidden() {
      return part().hidden;
    },
    find: (name) => {
      if (!isAllowed(name)) return undefined;
      return part().tools.find((tool) => tool.name === name) ?? catalog.find(name);
    },
    ...(onChange && { onChange: (tell) => onChange((change) => tell({ ...change, before: allowed(change.before) })) }),
  };
}
