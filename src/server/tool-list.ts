import { setImmediate as turn } from 'node:timers/promises';
import type { Tool as ListedTool, ToolAnnotations } from '@modelcontextprotocol/sdk/types.js';
import { defined, type JsonSchema } from '../core/json.ts';
import { declaresProperty } from '../core/key/argument-place.ts';
import { REPEAT_TOKEN_FIELD } from '../core/key/arguments.ts';
import { OCCURRENCE_FIELD, OCCURRENCE_MAX, takesOccurrence } from '../core/recognition/occurrence.ts';
import type { Catalog, CatalogChange } from '../core/tool/catalog.ts';
import type { Tool } from '../core/tool/types.ts';
import { withNoticeSchema } from './notice.ts';
import { publishedSchema } from './published-schema.ts';

const repeatTokenSchema = Object.freeze({
  type: 'string',
  description:
    'Normally left out. Send it only when this call returned a replay and you want a second, separate operation with the same arguments: copy the repeat_token of that replay. Never make one up.',
});

const occurrenceSchema = Object.freeze({
  type: 'integer',
  minimum: 1,
  maximum: OCCURRENCE_MAX,
  description:
    'Normally left out. To do the same thing several times, number the calls 1, 2, 3 and so on. A call that is sent again with the same number does nothing new.',
});

/** How many tools one page holds. Clients that request no further page see only these. */
const pageTools = 100;
/** How many tools are compared before other work gets a turn. */
const comparedAtOnce = 20;

/** One page of `tools/list`. */
export interface ToolPage {
  readonly tools: ListedTool[];
  readonly nextCursor?: string;
}

/** `tools/list` of a catalog, whose tools may be reloaded. */
export interface ToolList {
  /** Returns undefined for an invalid cursor. */
  page(cursor?: string): ToolPage | undefined;
  /** Calls `notify` after each change that clients can see. @returns a function that stops it */
  onChange(notify: () => void): () => void;
}

/**
 * Lists a catalog in its order, page by page. Each page is made once, on first use. The cursor is the index of the
 * page's first tool (opaque to clients, MCP 2025-11-25, pagination).
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
    onChange: (notify) =>
      catalog.onChange?.((change) => {
        if (isVisible(change, catalog.tools)) notify();
      }) ?? (() => undefined),
  };
}

function isVisible({ before, altered }: CatalogChange, after: readonly Tool[]): boolean {
  if (before.length !== after.length) return true;
  return after.some(({ name }, index) => name !== before[index]?.name || altered.has(name));
}

/** Returns the names of tools whose listing differs between two catalogs. Yields to other work meanwhile. */
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
  const outputSchema = outputSchemaOf(tool);
  return Object.freeze({
    name: tool.name,
    title: tool.title,
    description: tool.banner === undefined ? tool.description : `${tool.banner} ${tool.description}`,
    inputSchema: publishedSchema(inputSchemaOf(tool)) as ListedTool['inputSchema'],
    ...defined({ outputSchema }),
    annotations: annotationsOf(tool),
  });
}

/** Returns the schema that is listed. Arguments are always an object (MCP), so the schema may say so. */
export function inputSchemaOf(
  tool: Pick<Tool, 'input' | 'effect' | 'class' | 'movesMoney'>,
): ListedTool['inputSchema'] {
  const schema = tool.input.jsonSchema;
  if (!takesRepeatToken(tool)) return { ...schema, type: 'object' };
  const properties = {
    ...(schema.properties as Record<string, object>),
    ...(takesOccurrence(tool) ? { [OCCURRENCE_FIELD]: occurrenceSchema } : {}),
    [REPEAT_TOKEN_FIELD]: repeatTokenSchema,
  };
  return { ...schema, type: 'object', properties };
}

/** A tool with an argument of this name keeps its own. */
function takesRepeatToken(tool: Pick<Tool, 'input' | 'effect' | 'class' | 'movesMoney'>): boolean {
  return isGuarded(tool) && !declaresProperty(tool.input.jsonSchema, REPEAT_TOKEN_FIELD);
}

function isGuarded(tool: Pick<Tool, 'effect' | 'class'>): boolean {
  return tool.effect !== 'read' && tool.class !== 'off';
}

/**
 * Returns the output schema that is listed, if any. That of a tool that may be guarded also accepts a notice, and that of a
 * tool with a banner. A host's key guards a tool of the class `off`, too.
 */
function outputSchemaOf({ effect, outputSchema, banner }: Tool): ListedTool['outputSchema'] {
  const listed = objectSchemaOf(outputSchema);
  const hasNotice = effect !== 'read' || banner !== undefined;
  return listed !== undefined && hasNotice ? (withNoticeSchema(listed) as ListedTool['outputSchema']) : listed;
}

/**
 * Returns an output schema that may be listed. MCP 2025-11-25 requires `"type": "object"` at its root, and clients refuse
 * the whole list for one schema without it. Where all alternatives are objects, the type is added. Other schemas are not
 * listed.
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
 * Returns the hints of MCP 2025-11-25 (schema, `ToolAnnotations`). `destructiveHint` is false only for additive updates,
 * and overwriting is not one. `idempotentHint` holds within the window.
 */
function annotationsOf(tool: Tool): ToolAnnotations {
  // A tool with a route calls other tools, which act on the world and keep their own guards.
  const openWorldHint = tool.client !== undefined || tool.route !== undefined;
  if (tool.effect === 'read') return { title: tool.title, readOnlyHint: true, openWorldHint };
  return {
    title: tool.title,
    readOnlyHint: false,
    destructiveHint: tool.destructive ?? tool.effect !== 'create',
    idempotentHint: (isGuarded(tool) && tool.class !== 'repeatable') || tool.route !== undefined,
    openWorldHint,
  };
}
