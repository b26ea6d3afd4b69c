import type { ServerPolicy } from '../policy/server-policy.ts';

export const desktopCommanderPolicy: ServerPolicy = {
  name: 'desktop-commander',
  source: 'npm @wonderwhy-er/desktop-commander@0.2.52',
  servers: ['desktop-commander'],
  tools: [
    'get_config',
    'read_file',
    'write_file',
    'create_directory',
    'move_file',
    'get_more_search_results',
    'list_searches',
    'edit_block',
    'read_process_output',
    'force_terminate',
    'list_processes',
    'get_usage_stats',
    'give_feedback_to_desktop_commander',
  ],
  rules: {
    create_directory: {
      class: 'state',
    },
    start_process: {
      class: 'repeatable',
    },
    interact_with_process: {
      class: 'repeatable',
    },
  },
};
