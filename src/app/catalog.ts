import type { Feature } from '../command/program.ts';
import type { Config, Environment } from '../config/config.ts';
import { McpOnceError } from '../core/errors.ts';
import { type Catalog, createCatalog } from '../core/tool/catalog.ts';
import { clientStates, clientWarnings, destinationLines } from '../core/tool/client-state.ts';
import { applyRules, bundledToolsDir, type LoadModule, loadTools } from '../core/tool/load.ts';
import type { Tool, Upstream } from '../core/tool/types.ts';

/**
 * Loads the tools of a configuration: shipped tools, tool folders, and the tools that features make.
 * @param load imports a tool file. Default: each file once per process.
 * @param warn gets a warning for a folder without tools, a pattern without a match, and an empty catalog.
 * @param leaveOut gets the names of the tools that the configuration disables.
 * @throws McpOnceError `tool_invalid`, `configuration_invalid`
 */
export async function loadCatalog(
  config: Config,
  features: readonly Feature[],
  warn: (message: string) => void = () => {},
  load?: LoadModule,
  leaveOut: (names: readonly string[]) => void = () => {},
): Promise<Catalog> {
  const folders = [...(config.bundledTools ? [bundledToolsDir] : []), ...config.toolsDirs];
  const made = features.flatMap((feature) => feature.tools?.(config, warn) ?? []);
  const [own, ...others] = await Promise.all([loadTools(folders, warn, load), ...made]);
  const loaded = [...own, ...others.flatMap(({ listed }) => listed)];
  const { tools, disabled, unmatched } = applyRules(loaded, config.tools);
  leaveOut(disabled);
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
  const hidden = others.flatMap((each) => each.hidden);
  refuseBorrowedVariables([...tools, ...hidden]);
  return createCatalog(tools, hidden);
}

/**
 * Refuses a document whose security scheme has the name of a variable that another client reads: the secret of that
 * client would go to the API of the document.
 */
function refuseBorrowedVariables(tools: readonly Tool[]): void {
  const clients = [...new Set(tools.flatMap(({ client }) => client ?? []))];
  const owned = clients.filter(({ destinations }) => destinations === undefined);
  const owners = new Map(owned.flatMap(({ name, variables }) => variables.map((variable) => [variable, name])));
  for (const { name, destinations = [] } of clients) {
    const borrowed = destinations.find(({ variable, isConfigured }) => !isConfigured && owners.has(variable));
    if (borrowed === undefined) continue;
    const { variable, origin } = borrowed;
    throw new McpOnceError(
      'configuration_invalid',
      `Configuration: openapi: a security scheme of ${JSON.stringify(name.slice(0, 100))} would send the variable ${variable} to ${origin}, but the client "${owners.get(variable)}" reads that variable. Write the variable of the scheme into credentials of the entry (--credential), even if you mean this one.`,
    );
  }
}

/** Returns a catalog whose tools have the banner of their client. */
export function withBanners({ tools, hidden }: Catalog, variables: Environment): Catalog {
  const banners = new Map(
    clientStates([...tools, ...hidden], variables).flatMap(({ tools: names, state }) =>
      state.type === 'configured' && state.banner ? names.map((name) => [name, state.banner] as const) : [],
    ),
  );
  if (banners.size === 0) return createCatalog(tools, hidden);
  // The tool is the prototype, not copied, so that its lazy members stay lazy.
  const withBanner = (tool: Tool): Tool => {
    const value = banners.get(tool.name);
    return value === undefined ? tool : Object.freeze(Object.create(tool, { banner: { value, enumerable: true } }));
  };
  return createCatalog(tools.map(withBanner), hidden.map(withBanner));
}

/** How many tools the log names. */
const toolsNamedMax = 50;

/** Says in one line which tools are served, which are refused because their variables are not set, and which left out. */
export function toolsLine({ tools, hidden }: Catalog, disabled: readonly string[], variables: Environment): string {
  const refused = clientStates([...tools, ...hidden], variables).flatMap(({ tools: names, state }) =>
    state.type === 'configured' ? [] : [`${listed(names)}: ${state.message}`],
  );
  const served = `serves ${tools.length} tools: ${listed(tools.map(({ name }) => name))}`;
  const parts = [
    served,
    ...refused.map((each) => `refuses calls of ${each.replace(/\.$/, '')}`),
    ...(disabled.length === 0 ? [] : [`leaves out, as configured: ${listed(disabled)}`]),
  ];
  return parts.join('; ');
}

function listed(names: readonly string[]): string {
  const more = names.length > toolsNamedMax ? ` and ${names.length - toolsNamedMax} more` : '';
  return names.slice(0, toolsNamedMax).join(', ') + more;
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
