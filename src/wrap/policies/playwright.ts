import type { ServerPolicy } from '../policy/server-policy.ts';

export const playwrightPolicy: ServerPolicy = {
  name: 'playwright',
  source: 'npm @playwright/mcp@0.0.83',
  servers: ['Playwright'],
  tools: [
    'browser_click',
    'browser_type',
    'browser_navigate',
    'browser_snapshot',
    'browser_hover',
    'browser_drag',
    'browser_fill_form',
    'browser_press_key',
    'browser_tabs',
    'browser_evaluate',
  ],
  rules: {
    browser_drop: {
      class: 'repeatable',
      deletes: false,
      ignore: ['/element'],
    },
    browser_file_upload: {
      class: 'repeatable',
    },
    browser_click: {
      ignore: ['/element'],
    },
    browser_type: {
      ignore: ['/element'],
    },
    browser_hover: {
      ignore: ['/element'],
    },
    browser_select_option: {
      ignore: ['/element'],
    },
    browser_evaluate: {
      ignore: ['/element'],
    },
    browser_drag: {
      ignore: ['/startElement', '/endElement'],
    },
  },
};
