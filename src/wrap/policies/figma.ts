import type { ServerPolicy } from '../policy/server-policy.ts';

export const figmaPolicy: ServerPolicy = {
  name: 'figma',
  source: 'npm figma-developer-mcp@0.13.2',
  servers: ['Figma MCP Server'],
  tools: ['get_figma_data', 'download_figma_images'],
  rules: {},
};
