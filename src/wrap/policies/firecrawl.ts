import type { ServerPolicy } from '../policy/server-policy.ts';

export const firecrawlPolicy: ServerPolicy = {
  name: 'firecrawl',
  source: 'npm firecrawl-mcp@3.22.2',
  servers: ['firecrawl-fastmcp'],
  tools: [
    'firecrawl_scrape',
    'firecrawl_search',
    'firecrawl_feedback',
    'firecrawl_check_crawl_status',
    'firecrawl_agent',
    'firecrawl_interact',
    'firecrawl_parse',
    'firecrawl_monitor_list',
    'firecrawl_monitor_update',
    'firecrawl_monitor_run',
    'firecrawl_monitor_check',
    'firecrawl_research_inspect_paper',
    'firecrawl_research_read_paper',
  ],
  rules: {
    // `actions` click and write in the page, and a profile keeps what they did.
    firecrawl_scrape: {
      class: 'repeatable',
      readsWithout: ['/actions', '/profile'],
      arguments: [
        ...['url', 'formats', 'jsonOptions', 'queryOptions', 'screenshotOptions', 'parsers', 'pdfOptions'],
        ...['onlyMainContent', 'redactPII', 'includeTags', 'excludeTags', 'waitFor', 'actions', 'mobile'],
        ...['skipTlsVerification', 'removeBase64Images', 'location', 'storeInCache', 'zeroDataRetention', 'maxAge'],
        ...['lockdown', 'proxy', 'profile'],
      ],
    },
    firecrawl_crawl: {
      class: 'create',
    },
    firecrawl_agent: {
      class: 'create',
    },
    firecrawl_interact: {
      class: 'repeatable',
    },
  },
};
