import { refusal } from '../core/call/outcome.ts';
import { emit } from '../core/observe/events.ts';
import type { Catalog } from '../core/tool/catalog.ts';
import { matchesGlob } from '../core/tool/glob.ts';
import type { Tool } from '../core/tool/types.ts';
import { toolList } from '../server/tool-list.ts';
import type { ServedTools, ToolService } from '../server/tool-requests.ts';
import type { Principal } from './access/types.ts';

/** How many lists of patterns are remembered; one more is worked out each time. */
const rememberedMax = 1_000;

/** True where both are the same caller, whatever each of their tokens lets them call. */
export function isSameSubject(one: Principal, other: Principal): boolean {
  return one.tenant === other.tenant && one.subject === other.subject;
}

/** Whether one token of a caller gives all the tools that another one of its does, pattern by pattern. */
export function grantsAtLeast({ tools }: Principal, other: Principal): boolean {
  return tools === undefined || (other.tools?.every((pattern) => tools.includes(pattern)) ?? false);
}

/** Gives each principal its part of a service. What it may not call does not exist for it. */
export function toolsByPrincipal(service: ToolService): (principal: Principal) => ServedTools {
  const remembered = new Map<string, ServedTools>();
  return (principal) => {
    const patterns = patternsOf(principal);
    const known = remembered.get(patterns);
    if (known) return known;
    const made = partOf(service, principal.tools);
    if (remembered.size < rememberedMax) remembered.set(patterns, made);
    return made;
  };
}

/** Whether one of the patterns is right for a tool's name. */
export function isAllowed(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => matchesGlob(pattern, name));
}

function patternsOf({ tools }: Principal): string {
  return tools === undefined ? '' : JSON.stringify(tools);
}

function partOf(service: ToolService, patterns: readonly string[] | undefined): ServedTools {
  if (patterns === undefined) return { ...service, list: toolList(service.catalog) };
  const { catalog } = service;
  const isIts = (name: string): boolean => isAllowed(patterns, name);
  const seen = catalogPart(catalog, isIts);
  return {
    ...service,
    catalog: seen,
    list: toolList(seen),
    handle: async (call) => {
      // A tool that stands for others calls what it was asked for: that one has to be allowed, too.
      const target = catalog.find(call.tool)?.route?.(call.arguments)?.tool;
      const refused = [call.tool, target].find((name) => name !== undefined && !isIts(name));
      if (refused === undefined) return service.handle(call);
      emit({ type: 'answered', ...call.scope, tool: refused, code: 'unknown_tool', replayed: false });
      return refusal(refused, { type: 'unknown_tool', known: seen.tools.map(({ name }) => name) });
    },
  };
}

/** What a principal may see of a catalog; worked out anew when another one has come in its place. */
function catalogPart(catalog: Catalog, isAllowed: (name: string) => boolean): Catalog {
  const allowed = (tools: readonly Tool[]): readonly Tool[] => tools.filter(({ name }) => isAllowed(name));
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
    find: (name) => (isAllowed(name) ? catalog.find(name) : undefined),
    ...(onChange && { onChange: (tell) => onChange((change) => tell({ ...change, before: allowed(change.before) })) }),
  };
}
