import type { ServerPolicy } from '../policy/server-policy.ts';

export const postgresReferencePolicy: ServerPolicy = {
  name: 'postgres-reference',
  source: 'npm @modelcontextprotocol/server-postgres@0.6.2',
  servers: ['example-servers/postgres'],
  tools: ['query'],
  rules: {},
};
