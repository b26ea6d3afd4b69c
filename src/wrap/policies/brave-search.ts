import type { ServerPolicy } from '../policy/server-policy.ts';

export const braveSearchPolicy: ServerPolicy = {
  name: 'brave-search',
  source: 'npm @brave/brave-search-mcp-server@2.1.4',
  servers: ['brave-search-mcp-server'],
  tools: [
    'brave_web_search',
    'brave_local_search',
    'brave_video_search',
    'brave_image_search',
    'brave_news_search',
    'brave_summarizer',
    'brave_llm_context',
    'brave_place_search',
  ],
  rules: {},
};
