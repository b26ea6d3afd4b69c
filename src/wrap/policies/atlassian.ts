import type { ServerPolicy } from '../policy/server-policy.ts';

export const atlassianPolicy: ServerPolicy = {
  name: 'atlassian',
  source: 'github sooperset/mcp-atlassian@436b37e4854a',
  servers: ['Atlassian MCP'],
  tools: [
    'jira_get_user_profile',
    'jira_search_fields',
    'jira_get_agile_boards',
    'jira_batch_get_changelogs',
    'jira_add_worklog',
    'jira_update_sprint',
    'jira_get_all_projects',
    'jira_get_request_type_fields',
    'jira_update_proforma_form_answers',
    'confluence_search',
    'confluence_create_page',
    'confluence_get_inline_comments',
    'confluence_upload_attachments',
    'confluence_get_page_template',
  ],
  rules: {},
};
