import type { ServerPolicy } from '../policy/server-policy.ts';

export const githubReferencePolicy: ServerPolicy = {
  name: 'github-reference',
  source: 'npm @modelcontextprotocol/server-github@2025.4.8',
  servers: ['github-mcp-server'],
  tools: [
    'create_or_update_file',
    'create_repository',
    'push_files',
    'create_pull_request',
    'create_branch',
    'list_issues',
    'add_issue_comment',
    'search_issues',
    'get_issue',
    'list_pull_requests',
    'merge_pull_request',
    'get_pull_request_status',
    'get_pull_request_comments',
  ],
  rules: {},
};
