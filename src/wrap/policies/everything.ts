import type { ServerPolicy } from '../policy/server-policy.ts';

export const everythingPolicy: ServerPolicy = {
  name: 'everything',
  source: 'npm @modelcontextprotocol/server-everything@2026.8.31',
  servers: ['mcp-servers/everything'],
  tools: [
    'echo',
    'get-annotated-message',
    'get-env',
    'get-resource-links',
    'get-resource-reference',
    'get-structured-content',
    'get-sum',
    'get-tiny-image',
    'gzip-file-as-resource',
    'toggle-simulated-logging',
    'toggle-subscriber-updates',
    'trigger-long-running-operation',
    'simulate-research-query',
  ],
  rules: {
    'simulate-research-query': {
      class: 'off',
      arguments: ['topic', 'ambiguous'],
    },
  },
};
