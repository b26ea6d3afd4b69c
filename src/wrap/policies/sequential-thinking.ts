import type { ServerPolicy } from '../policy/server-policy.ts';

export const sequentialThinkingPolicy: ServerPolicy = {
  name: 'sequential-thinking',
  source: 'npm @modelcontextprotocol/server-sequential-thinking@2026.8.31',
  servers: ['sequential-thinking-server'],
  tools: ['sequentialthinking'],
  rules: {},
};
