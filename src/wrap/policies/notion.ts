import type { ServerPolicy } from '../policy/server-policy.ts';

export const notionPolicy: ServerPolicy = {
  name: 'notion',
  source: 'npm @notionhq/notion-mcp-server@2.5.2',
  servers: ['Notion API'],
  tools: [
    'API-get-user',
    'API-get-self',
    'API-get-block-children',
    'API-retrieve-a-block',
    'API-delete-a-block',
    'API-patch-page',
    'API-retrieve-a-page-property',
    'API-create-a-comment',
    'API-retrieve-a-data-source',
    'API-create-a-data-source',
    'API-retrieve-a-database',
    'API-retrieve-page-markdown',
  ],
  rules: {
    'API-post-search': {
      class: 'off',
      arguments: ['query', 'sort', 'filter', 'start_cursor', 'page_size'],
    },
    'API-query-data-source': {
      class: 'off',
      arguments: [
        'data_source_id',
        'filter_properties',
        'filter',
        'sorts',
        'start_cursor',
        'page_size',
        'archived',
        'in_trash',
      ],
    },
    'API-patch-block-children': {
      class: 'repeatable',
    },
  },
};
