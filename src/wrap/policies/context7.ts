import type { ServerPolicy } from '../policy/server-policy.ts';

export const context7Policy: ServerPolicy = {
  name: 'context7',
  source: 'npm @upstash/context7-mcp@4.1.1',
  servers: ['Context7'],
  tools: ['resolve-library-id', 'query-docs'],
  rules: {},
};
