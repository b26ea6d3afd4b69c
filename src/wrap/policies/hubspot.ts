import type { ServerPolicy } from '../policy/server-policy.ts';

export const hubspotPolicy: ServerPolicy = {
  name: 'hubspot',
  source: 'npm @hubspot/mcp-server@0.4.0',
  servers: ['hubspot-mcp-server'],
  tools: [
    'hubspot-get-user-details',
    'hubspot-search-objects',
    'hubspot-get-association-definitions',
    'hubspot-batch-create-objects',
    'hubspot-batch-read-objects',
    'hubspot-get-property',
    'hubspot-update-property',
    'hubspot-get-engagement',
    'hubspot-generate-feedback-link',
    'hubspot-get-link',
    'hubspot-get-workflow',
  ],
  rules: {},
};
