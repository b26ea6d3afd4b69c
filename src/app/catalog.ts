import type { Config, Environment } from '../config/config.ts';
import { McpOnceError } from '../core/errors.ts';
import { type Catalog, createCatalog } from '../core/tool/catalog.ts';
import { clientStates, clientWarnings } from '../core/tool/client-state.ts';
import { applyRules, bundledToolsDir, type LoadModule, loadTools } from '../core/tool/load.ts';
import type { Tool, Upstream } from '../core/tool/types.ts';
import type { OpenApiSettings } from '../openapi/config.ts';
import type { OpenApiSource } from '../openapi/source.ts';

/**
 * The tools of a configuration.
 * @param load how a tool file becomes a module. Default: once a process.
 * @param warn told of a folder that holds no tool, of a pattern that no tool's name matches, and if none is left.
 * @throws McpOnceError `tool_invalid`, `configuration_invalid`
 */
export async function loadCatalog(
  config: Config,
  warn: (message: string) => void = () => {},
  load?: LoadModule,
): Promise<Catalog> {
  const folders = [...(config.bundledTools ? [bundledToolsDir] : []), ...config.toolsDirs];
  const [own, apis] = await Promise.all([loadTools(folders, warn, load), loadApis(config, warn)]);
  const loaded = [...own, ...apis.listed];
  const { tools, unmatched } = applyRules(loaded, config.tools);
  const misspelt = unmatched.find((pattern) => !pattern.includes('*'));
  if (misspelt !== undefined) {
    const { sentence, suggestion } = await import('../core/suggest.ts');
    const names = loaded.map((tool) => tool.name);
    throw new McpOnceError(
      'configuration_invalid',
      sentence(`Configuration: tools: there is no tool ${JSON.stringify(misspelt)}${suggestion(misspelt, names)}`),
    );
  }
  for (const pattern of unmatched) warn(`configuration: tools: no tool matches ${JSON.stringify(pattern)}`);
  if (tools.length === 0) warn('no tool is served: the configuration takes all of them away, or names no folder');
  return createCatalog(tools, apis.hidden);
}

/** The tools of OpenAPI documents. Their modules are loaded where there is one. */
async function loadApis({ openapi }: Config, warn: (message: string) => void): Promise<ApiTools> {
  if (openapi.length === 0) return { listed: [], hidden: [] };
  const { loadOpenApi } = await import('../openapi/load.ts');
  const loaded = await Promise.all(openapi.map((source) => loadOpenApi(sourceOf(source), { warn })));
  return { listed: loaded.flatMap(({ listed }) => listed), hidden: loaded.flatMap(({ hidden }) => hidden) };
}

interface ApiTools {
  readonly listed: readonly Tool[];
  /** Reached through a listed one. */
  readonly hidden: readonly Tool[];
}

function sourceOf({ operations, ...source }: OpenApiSettings): OpenApiSource {
  const overrides = Object.entries(operations).map(([pattern, { window, recovery, ...rest }]) => {
    const list = recovery === undefined ? {} : { recovery: typeof recovery === 'string' ? [recovery] : recovery };
    return [pattern, { ...rest, ...(window === undefined ? {} : { windowMs: window }), ...list }];
  });
  return { ...source, operations: Object.fromEntries(overrides) } as OpenApiSource;
}

/** Returns where the effects of the tools happen, each client once. @param warn told of clients that are set up wrong */
export function upstreamsOf(
  { tools, hidden }: Catalog,
  variables: Environment,
  warn: (message: string) => void,
): readonly Upstream[] {
  const states = clientStates([...tools, ...hidden], variables);
  for (const message of clientWarnings(states)) warn(message);
  return states.flatMap(({ state }) => (state.type === 'configured' ? [state.upstream] : []));
}
