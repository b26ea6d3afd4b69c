import type { ServerPolicy } from '../policy/server-policy.ts';

export const timePolicy: ServerPolicy = {
  name: 'time',
  source: 'github modelcontextprotocol/servers@76d64c82',
  servers: ['mcp-time'],
  tools: ['get_current_time', 'convert_time'],
  rules: {},
};
