import type { ServerPolicy } from '../policy/server-policy.ts';

export const sentryPolicy: ServerPolicy = {
  name: 'sentry',
  source: 'npm @sentry/mcp-server@0.36.0',
  servers: ['Sentry MCP'],
  tools: [
    'whoami',
    'find_teams',
    'find_releases',
    'get_replay_details',
    'update_issue',
    'create_team',
    'update_project',
    'find_dsns',
    'search_docs',
    'search_issues',
    'get_profile_details',
  ],
  rules: {},
};
