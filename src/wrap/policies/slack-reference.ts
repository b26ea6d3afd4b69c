import type { ServerPolicy } from '../policy/server-policy.ts';

export const slackReferencePolicy: ServerPolicy = {
  name: 'slack-reference',
  source: 'npm @modelcontextprotocol/server-slack@2025.4.25',
  servers: ['Slack MCP Server'],
  tools: [
    'slack_list_channels',
    'slack_post_message',
    'slack_reply_to_thread',
    'slack_add_reaction',
    'slack_get_channel_history',
    'slack_get_thread_replies',
    'slack_get_users',
    'slack_get_user_profile',
  ],
  rules: {},
};
