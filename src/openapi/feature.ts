import type { Feature, FeatureTools } from '../command/program.ts';
import { defined } from '../core/json.ts';
import type { OpenApiConfig } from './config.ts';
import { openApiSection } from './section.ts';
import type { OpenApiSource } from './source.ts';

async function loadTools(apis: readonly OpenApiConfig[], warn: (message: string) => void): Promise<FeatureTools> {
  if (apis.length === 0) return { listed: [], hidden: [] };
  const [{ loadOpenApi }, { refuseSharedVariables }] = await Promise.all([
    import('./load.ts'),
    import('./credential-plan.ts'),
  ]);
  const loaded = await Promise.all(apis.map((api) => loadOpenApi(sourceOf(api), { warn })));
  refuseSharedVariables(loaded.map(({ credentials }) => credentials));
  return { listed: loaded.flatMap(({ listed }) => listed), hidden: loaded.flatMap(({ hidden }) => hidden) };
}

function sourceOf({ operations, timeout, credentials, ...source }: OpenApiConfig): OpenApiSource {
  const overrides = Object.entries(operations).map(([pattern, { window, recovery, ...rest }]) => {
    const recoveries = typeof recovery === 'string' ? [recovery] : recovery;
    return [pattern, { ...rest, ...defined({ windowMs: window, recovery: recoveries }) }];
  });
  return {
    ...source,
    timeoutMs: timeout,
    credentials: variablesByPart(credentials),
    operations: Object.fromEntries(overrides),
  } as OpenApiSource;
}

/** Takes the names out of the references, such as `SHOP_TOKEN` out of `${SHOP_TOKEN}`. */
function variablesByPart(credentials: OpenApiConfig['credentials']): OpenApiSource['credentials'] {
  const nameOf = (reference: string): string => reference.slice(2, -1);
  const entries = Object.entries(credentials).map(([scheme, given]) => {
    const parts = typeof given === 'string' ? { value: given } : given;
    return [scheme, Object.fromEntries(Object.entries(parts).map(([part, each]) => [part, nameOf(each)]))];
  });
  return Object.fromEntries(entries);
}

/** Makes tools from OpenAPI documents. */
export const openapi: Feature = {
  name: 'openapi',
  sections: [openApiSection],
  tools: (config, warn) => loadTools(openApiSection.of(config), warn),
  commands: async () => (await import('./commands.ts')).addOpenApiCommands,
  toolOptions: async () => (await import('./commands.ts')).openApiToolOptions,
};
