import type { ServerPolicy } from '../policy/server-policy.ts';

export const supabasePolicy: ServerPolicy = {
  name: 'supabase',
  source: 'npm @supabase/mcp-server-supabase@0.13.0',
  servers: ['supabase'],
  tools: [
    'list_projects',
    'get_project',
    'list_tables',
    'execute_sql',
    'apply_migration',
    'list_migrations',
    'get_advisors',
    'list_edge_functions',
    'deploy_edge_function',
  ],
  rules: {
    apply_migration: {
      class: 'create',
    },
  },
};
