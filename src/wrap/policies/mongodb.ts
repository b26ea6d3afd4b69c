import type { ServerPolicy } from '../policy/server-policy.ts';

export const mongodbPolicy: ServerPolicy = {
  name: 'mongodb',
  source: 'npm mongodb-mcp-server@2.1.1',
  servers: ['MongoDB MCP Server'],
  tools: [
    'aggregate-db',
    'collection-indexes',
    'collection-storage-size',
    'count',
    'create-index',
    'delete-many',
    'drop-collection',
    'drop-index',
    'export',
    'insert-many',
    'list-connections',
    'mongodb-logs',
    'update-many',
    'search-knowledge',
  ],
  rules: {},
};
