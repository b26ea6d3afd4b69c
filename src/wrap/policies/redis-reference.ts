import type { ServerPolicy } from '../policy/server-policy.ts';

export const redisReferencePolicy: ServerPolicy = {
  name: 'redis-reference',
  source: 'npm @modelcontextprotocol/server-redis@2025.4.25',
  servers: ['redis'],
  tools: ['set', 'get', 'delete', 'list'],
  rules: {},
};
