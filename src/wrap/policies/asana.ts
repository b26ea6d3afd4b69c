import type { ServerPolicy } from '../policy/server-policy.ts';

export const asanaPolicy: ServerPolicy = {
  name: 'asana',
  source: 'npm @roychri/mcp-server-asana@1.8.0',
  servers: ['Asana MCP Server'],
  tools: [
    'asana_list_workspaces',
    'asana_search_tasks',
    'asana_get_task_stories',
    'asana_get_project_task_counts',
    'asana_create_project',
    'asana_add_task_dependents',
    'asana_get_multiple_tasks_by_gid',
    'asana_create_project_status',
    'asana_get_tag',
    'asana_update_tag',
    'asana_create_tag_for_workspace',
    'asana_add_project_to_task',
    'asana_create_section',
    'asana_add_task_to_section',
  ],
  rules: {},
};
