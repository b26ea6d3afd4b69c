import type { ServerPolicy } from '../policy/server-policy.ts';

export const gmailPolicy: ServerPolicy = {
  name: 'gmail',
  source: 'npm @gongrzhe/server-gmail-autoauth-mcp@1.1.11',
  servers: ['gmail'],
  tools: [
    'send_email',
    'read_email',
    'modify_email',
    'list_email_labels',
    'batch_delete_emails',
    'update_label',
    'get_or_create_label',
    'list_filters',
    'delete_filter',
    'download_attachment',
  ],
  rules: {
    draft_email: {
      class: 'create',
    },
  },
};
