import type { ServerPolicy } from '../policy/server-policy.ts';

export const fetchPolicy: ServerPolicy = {
  name: 'fetch',
  source: 'github modelcontextprotocol/servers@76d64c82',
  servers: ['mcp-fetch'],
  tools: ['fetch'],
  rules: {},
};
