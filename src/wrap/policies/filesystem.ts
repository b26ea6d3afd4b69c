import type { ServerPolicy } from '../policy/server-policy.ts';

export const filesystemPolicy: ServerPolicy = {
  name: 'filesystem',
  source: 'npm @modelcontextprotocol/server-filesystem@2026.8.31',
  servers: ['secure-filesystem-server'],
  tools: [
    'read_file',
    'read_text_file',
    'read_media_file',
    'read_multiple_files',
    'write_file',
    'edit_file',
    'create_directory',
    'list_directory',
    'list_directory_with_sizes',
    'directory_tree',
    'move_file',
    'search_files',
    'get_file_info',
    'list_allowed_directories',
  ],
  rules: {
    create_directory: {
      class: 'state',
    },
    edit_file: {
      class: 'state',
      reads: {
        '/dryRun': [true],
      },
    },
  },
};
