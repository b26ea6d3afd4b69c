import type { Feature } from '../command/program.ts';
import type { Config, Environment } from '../config/config.ts';
import { McpOnceError } from '../core/errors.ts';
import { type Catalog, createCatalog } from '../core/tool/catalog.ts';
import { clientStates, clientWarnings } from '../core/tool/client-state.ts';
import { applyRules, bundledToolsDir, type LoadModule, loadTools } from '../core/tool/load.ts';
import type { Upstream } from '../core/tool/types.ts';

/**
 * The tools of a configuration.
 * @param load how a tool file becomes a module. Default: once a process.
 * @param warn told of a folder that holds no tool, of a pattern that no tool's name matches, and if none is left.
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
      sentence(`Configuration: tools: there is no tool ${JSON.stringify(misspelt)}${suggestion(misspelt, names)}`),
    );
  }
  for (const pattern of unmatched) warn(`configuration: tools: no tool matches ${JSON.stringify(pattern)}`);
  if (tools.length === 0) warn('no tool is served: the configuration takes all of them away, or names no folder');
  return createCatalog(
    tools,
    others.flatMap(({ hidden }) => hidden),
  );
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
