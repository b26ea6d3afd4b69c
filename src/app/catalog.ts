import type { Feature } from '../command/program.ts';
import type { Config, Environment } from '../config/config.ts';
import { McpOnceError } from '../core/errors.ts';
import { type Catalog, createCatalog } from '../core/tool/catalog.ts';
import { clientStates, clientWarnings, destinationLines } from '../core/tool/client-state.ts';
import { applyRules, bundledToolsDir, type LoadModule, loadTools } from '../core/tool/load.ts';
import type { Upstream } from '../core/tool/types.ts';

/**
 * Loads the tools of a configuration: shipped tools, tool folders, and the tools that features make.
 * @param load imports a tool file. Default: each file once per process.
 * @param warn gets a warning for a folder without tools, a pattern without a match, and an empty catalog.
 * @throws McpOnceError `tool_invalid`, `configuration_invalid`
 */
export async function loadCatalog(
  config: Config,
  features: readonly Feature[],
  warn: (message: string) => void = () => {},
  load?: LoadModule,
): Promise<Catalog> {
  const folders = [...(config.bundledTools ? [bundledToolsDir] : []), ...config.toolsDirs];
  const made = features.flatMap((feature) => feature.tools?.(config, warn) ?? []);
  const [own, ...others] = await Promise.all([loadTools(folders, warn, load), ...made]);
  const loaded = [...own, ...others.flatMap(({ listed }) => listed)];
  const { tools, unmatched } = applyRules(loaded, config.tools);
  const misspelt = unmatched.find((pattern) => !pattern.includes('*'));
  if (misspelt !== undefined) {
    const { sentence, suggestion } = await import('../core/suggest.ts');
    const names = loaded.map((tool) => tool.name);
    throw new McpOnceError(
      'configuration_invalid',
      sentence(`Configuration: tools: unknown tool ${JSON.stringify(misspelt)}${suggestion(misspelt, names)}`),
    );
  }
  for (const pattern of unmatched) warn(`configuration: tools: no tool matches ${JSON.stringify(pattern)}`);
  if (tools.length === 0) warn('the configuration serves no tool: it disables all of them, or names no folder');
  return createCatalog(
    tools,
    others.flatMap(({ hidden }) => hidden),
  );
}

/**
 * Returns where the effects of the tools happen, once per client.
 * @param warn gets a warning for each misconfigured client
 * @param note gets a line for each credential that is set and that a document's client sends
 */
export function upstreamsOf(
  { tools, hidden }: Catalog,
  variables: Environment,
  warn: (message: string) => void,
  note: (message: string) => void,
): readonly Upstream[] {
  for (const line of destinationLines([...tools, ...hidden], variables)) note(`credential: ${line}`);
  const states = clientStates([...tools, ...hidden], variables);
  for (const message of clientWarnings(states)) warn(message);
  return states.flatMap(({ state }) => (state.type === 'configured' ? [state.upstream] : []));
}
