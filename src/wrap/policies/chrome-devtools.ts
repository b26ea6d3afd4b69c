import type { ServerPolicy } from '../policy/server-policy.ts';

export const chromeDevtoolsPolicy: ServerPolicy = {
  name: 'chrome-devtools',
  source: 'npm chrome-devtools-mcp@1.11.0',
  servers: ['chrome_devtools'],
  tools: [
    'click',
    'emulate',
    'fill_form',
    'get_network_request',
    'lighthouse_audit',
    'list_pages',
    'performance_analyze_insight',
    'press_key',
    'screencast_stop',
    'take_screenshot',
    'upload_file',
  ],
  rules: {
    take_screenshot: {
      class: 'off',
      arguments: ['pageId', 'format', 'quality', 'uid', 'fullPage', 'filePath'],
    },
    take_snapshot: {
      class: 'off',
      arguments: ['pageId', 'verbose', 'filePath'],
    },
    take_heapsnapshot: {
      class: 'off',
      arguments: ['pageId', 'filePath'],
    },
    get_network_request: {
      class: 'off',
      arguments: ['pageId', 'reqid', 'requestFilePath', 'responseFilePath'],
    },
    // Its server calls it read-only, but it changes the page that later calls act on.
    select_page: {
      class: 'state',
    },
    new_page: {
      class: 'repeatable',
    },
    upload_file: {
      class: 'repeatable',
    },
  },
};
