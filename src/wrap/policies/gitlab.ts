import type { ServerPolicy } from '../policy/server-policy.ts';

export const gitlabPolicy: ServerPolicy = {
  name: 'gitlab',
  source: 'npm @modelcontextprotocol/server-gitlab@2025.4.25',
  servers: ['gitlab-mcp-server'],
  tools: [
    'create_or_update_file',
    'search_repositories',
    'create_repository',
    'get_file_contents',
    'push_files',
    'create_issue',
    'create_merge_request',
    'fork_repository',
    'create_branch',
  ],
  rules: {},
};
