import type { ServerPolicy } from '../policy/server-policy.ts';

export const mysqlPolicy: ServerPolicy = {
  name: 'mysql',
  source: 'npm @benborla29/mcp-server-mysql@2.0.9',
  servers: ['MySQL MCP Server'],
  tools: ['mysql_query'],
  rules: {},
};
