import type { ServerPolicy } from '../policy/server-policy.ts';

export const gitPolicy: ServerPolicy = {
  name: 'git',
  source: 'github modelcontextprotocol/servers@76d64c82',
  servers: ['mcp-git'],
  tools: [
    'git_status',
    'git_diff_unstaged',
    'git_diff_staged',
    'git_diff',
    'git_commit',
    'git_add',
    'git_reset',
    'git_log',
    'git_create_branch',
    'git_checkout',
    'git_show',
    'git_branch',
  ],
  rules: {},
};
