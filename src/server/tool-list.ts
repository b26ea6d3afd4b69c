import { setImmediate as turn } from 'node:timers/promises';
import type { Tool as ListedTool, ToolAnnotations } from '@modelcontextprotocol/sdk/types.js';
import type { JsonSchema } from '../core/json.ts';
import { declaresProperty } from '../core/key/argument-place.ts';
import { REPEAT_TOKEN_FIELD } from '../core/key/arguments.ts';
import type { Catalog, CatalogChange } from '../core/tool/catalog.ts';
import type { Tool } from '../core/tool/types.ts';

const repeatTokenSchema = Object.freeze({
  type: 'string',
  description:
    'Leave it out. Only when this very call was answered as a replay, and a second, separate operation with the same arguments is really wanted: the repeat_token that came with the replay. Never make one up.',
});

/** How many tools one page holds. A client that asks for no further page sees these. */
const pageTools = 100;
/** How many tools are compared before others have their turn. */
const comparedAtOnce = 20;

/** One page of `tools/list`. */
export interface ToolPage {
  readonly tools: ListedTool[];
  readonly nextCursor?: string;
}

/** `tools/list` of a catalog, whatever that holds at the time. */
export interface ToolList {
  /** @returns undefined for a cursor that is none. */
  page(cursor?: string): ToolPage | undefined;
  /** Tells when another list has come in place of what is shown, and only then. @returns what ends that */
  onChange(tell: () => void): () => void;
}

/**
 * The catalog as `tools/list` shows it, in its order, page by page; each page is made once, when it is
 * asked for. The cursor is the place of a page's first tool (opaque to clients, MCP 2025-11-25, pagination).
 */
export function toolList(catalog: Catalog): ToolList {
  let pages = new Map<number, ToolPage>();
  let paged = catalog.tools;
  return {
    page: (cursor = '0') => {
      const { tools } = catalog;
      if (tools !== paged) [pages, paged] = [new Map(), tools];
      const from = /^\d{1,7}$/.test(cursor) ? Number(cursor) : Number.NaN;
      if (!(from === 0 || (from < tools.length && from % pageTools === 0))) return undefined;
      const next = from + pageTools;
      const page = pages.get(from) ?? {
        tools: tools.slice(from, next).map(listTool),
        ...(next < tools.length ? { nextCursor: String(next) } : {}),
      };
      pages.set(from, page);
      return page;
    },
    onChange: (tell) =>
      catalog.onChange?.((change) => {
        if (looksOtherwise(change, catalog.tools)) tell();
      }) ?? (() => undefined),
  };
}

function looksOtherwise({ before, altered }: CatalogChange, after: readonly Tool[]): boolean {
  if (before.length !== after.length) return true;
  return after.some(({ name }, index) => name !== before[index]?.name || altered.has(name));
}

/** The names of tools that are listed in both, and not in the same words. Lets others have their turn meanwhile. */
export async function alteredTools(before: readonly Tool[], after: readonly Tool[]): Promise<ReadonlySet<string>> {
  const known = new Map(before.map((tool) => [tool.name, tool]));
  const altered = new Set<string>();
  for (const [index, tool] of after.entries()) {
    if (index % comparedAtOnce === comparedAtOnce - 1) await turn();
    const old = known.get(tool.name);
    if (old === undefined || old === tool) continue;
    if (JSON.stringify(listTool(old)) !== JSON.stringify(listTool(tool))) altered.add(tool.name);
  }
  return altered;
}

function listTool(tool: Tool): ListedTool {
  const outputSchema = objectSchemaOf(tool.outputSchema);
  return Object.freeze({
    name: tool.name,
    title: tool.title,
    description: tool.description,
    inputSchema: inputSchemaOf(tool),
    ...(outputSchema ? { outputSchema } : {}),
    annotations: annotationsOf(tool),
  });
}

/** Arguments are always an object (MCP), so the schema may say so where it does not. */
export function inputSchemaOf(tool: Pick<Tool, 'input' | 'effect' | 'match'>): ListedTool['inputSchema'] {
  const schema = tool.input.jsonSchema;
  if (!takesRepeatToken(tool)) return { ...schema, type: 'object' };
  const properties = { ...(schema.properties as Record<string, object>), [REPEAT_TOKEN_FIELD]: repeatTokenSchema };
  return { ...schema, type: 'object', properties };
}

/** A tool that has an argument of this name keeps it for itself. */
function takesRepeatToken(tool: Pick<Tool, 'input' | 'effect' | 'match'>): boolean {
  return isGuarded(tool) && tool.match === 'identical' && !declaresProperty(tool.input.jsonSchema, REPEAT_TOKEN_FIELD);
}

function isGuarded(tool: Pick<Tool, 'effect' | 'match'>): boolean {
  return tool.effect !== 'read' && tool.match !== 'off';
}

/**
 * MCP 2025-11-25 allows only an output schema whose root says `"type": "object"`, and clients refuse
 * the whole list for one that does not. One of alternatives that are all objects is made to say it;
 * any other is not shown.
 */
export function objectSchemaOf(schema: JsonSchema | undefined): ListedTool['outputSchema'] {
  if (!schema) return undefined;
  if (schema.type === 'object') return schema as ListedTool['outputSchema'];
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (schema.type !== undefined || !Array.isArray(alternatives) || alternatives.length === 0) return undefined;
  if (!alternatives.every((each) => each?.type === 'object')) return undefined;
  return { ...schema, type: 'object' };
}

/**
 * The hints of MCP 2025-11-25 (schema, `ToolAnnotations`): `destructiveHint` false means "only additive
 * updates", which a write over what was there is not; `idempotentHint` is true within the window.
 */
function annotationsOf(tool: Tool): ToolAnnotations {
  // What a call of others does is for the one that is meant to say: each keeps its own guard.
  const openWorldHint = tool.client !== undefined || tool.route !== undefined;
  if (tool.effect === 'read') return { title: tool.title, readOnlyHint: true, openWorldHint };
  return {
    title: tool.title,
    readOnlyHint: false,
    destructiveHint: tool.effect !== 'create',
    idempotentHint: tool.match === 'identical' || tool.match === 'latest' || tool.route !== undefined,
    openWorldHint,
  };
}
