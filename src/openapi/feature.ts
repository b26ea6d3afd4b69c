import type { Feature, FeatureTools } from '../command/program.ts';
import { defined } from '../core/json.ts';
import type { OpenApiConfig } from './config.ts';
import { openApiSection } from './section.ts';
import type { OpenApiSource } from './source.ts';

async function loadTools(apis: readonly OpenApiConfig[], warn: (message: string) => void): Promise<FeatureTools> {
  if (apis.length === 0) return { listed: [], hidden: [] };
  const { loadOpenApi } = await import('./load.ts');
  const loaded = await Promise.all(apis.map((api) => loadOpenApi(sourceOf(api), { warn })));
  return { listed: loaded.flatMap(({ listed }) => listed), hidden: loaded.flatMap(({ hidden }) => hidden) };
}

function sourceOf({ operations, timeout, ...source }: OpenApiConfig): OpenApiSource {
  const overrides = Object.entries(operations).map(([pattern, { window, recovery, ...rest }]) => {
    const recoveries = typeof recovery === 'string' ? [recovery] : recovery;
    return [pattern, { ...rest, ...defined({ windowMs: window, recovery: recoveries }) }];
  });
  return { ...source, timeoutMs: timeout, operations: Object.fromEntries(overrides) } as OpenApiSource;
}

/** Makes tools from OpenAPI documents. */
export const openapi: Feature = {
  name: 'openapi',
  sections: [openApiSection],
  tools: (config, warn) => loadTools(openApiSection.of(config), warn),
  commands: async () => (await import('./commands.ts')).addOpenApiCommands,
};
