import type { ServerPolicy } from '../policy/server-policy.ts';

export const airtablePolicy: ServerPolicy = {
  name: 'airtable',
  source: 'npm airtable-mcp-server@1.14.0',
  servers: ['airtable-mcp-server'],
  tools: [
    'list_records',
    'search_records',
    'list_bases',
    'list_tables',
    'describe_table',
    'get_record',
    'create_record',
    'update_records',
    'delete_records',
    'create_table',
    'update_table',
    'create_field',
    'update_field',
    'create_comment',
    'list_comments',
    'upload_attachment',
  ],
  rules: {},
};
