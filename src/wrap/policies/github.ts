import type { ServerPolicy } from '../policy/server-policy.ts';

export const githubPolicy: ServerPolicy = {
  name: 'github',
  source: 'github github/github-mcp-server@64a49f34d076',
  servers: ['github-mcp-server'],
  tools: [
    'get_me',
    'get_file_contents',
    'list_commits',
    'search_code',
    'create_branch',
    'push_files',
    'issue_read',
    'issue_write',
    'list_issues',
    'pull_request_read',
    'create_pull_request',
    'merge_pull_request',
  ],
  rules: {
    assign_copilot_to_issue_with_intent: {
      ignore: ['/rationale'],
    },
    update_issue_state: {
      ignore: ['/rationale'],
    },
    update_issue_type: {
      ignore: ['/rationale'],
    },
  },
};
