import type { ServerPolicy } from '../policy/server-policy.ts';

export const gdrivePolicy: ServerPolicy = {
  name: 'gdrive',
  source: 'npm @modelcontextprotocol/server-gdrive@2025.1.14',
  servers: ['example-servers/gdrive'],
  tools: ['search'],
  rules: {},
};
