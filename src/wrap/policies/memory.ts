import type { ServerPolicy } from '../policy/server-policy.ts';

export const memoryPolicy: ServerPolicy = {
  name: 'memory',
  source: 'npm @modelcontextprotocol/server-memory@2026.8.31',
  servers: ['memory-server'],
  tools: [
    'create_entities',
    'create_relations',
    'add_observations',
    'delete_entities',
    'delete_observations',
    'delete_relations',
    'read_graph',
    'search_nodes',
    'open_nodes',
  ],
  rules: {},
};
