import type { ServerPolicy } from '../policy/server-policy.ts';

export const puppeteerPolicy: ServerPolicy = {
  name: 'puppeteer',
  source: 'npm @modelcontextprotocol/server-puppeteer@2025.5.12',
  servers: ['example-servers/puppeteer'],
  tools: [
    'puppeteer_navigate',
    'puppeteer_screenshot',
    'puppeteer_click',
    'puppeteer_fill',
    'puppeteer_select',
    'puppeteer_hover',
    'puppeteer_evaluate',
  ],
  rules: {},
};
