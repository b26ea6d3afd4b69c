import type { ServerPolicy } from '../policy/server-policy.ts';

export const braveSearchReferencePolicy: ServerPolicy = {
  name: 'brave-search-reference',
  source: 'npm @modelcontextprotocol/server-brave-search@0.6.2',
  servers: ['example-servers/brave-search'],
  tools: ['brave_web_search', 'brave_local_search'],
  rules: {},
};
