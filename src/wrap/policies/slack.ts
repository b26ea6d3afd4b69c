import type { ServerPolicy } from '../policy/server-policy.ts';

export const slackPolicy: ServerPolicy = {
  name: 'slack',
  source: 'github korotovsky/slack-mcp-server@b24b1b08af74',
  servers: ['Slack MCP Server'],
  tools: [
    'conversations_history',
    'conversations_replies',
    'conversations_add_message',
    'reactions_add',
    'reactions_remove',
    'attachment_get_data',
    'conversations_search_messages',
    'users_search',
    'conversations_unreads',
    'conversations_mark',
    'channels_list',
    'usergroups_list',
    'usergroups_me',
    'usergroups_create',
    'usergroups_update',
    'usergroups_users_update',
  ],
  rules: {},
};
