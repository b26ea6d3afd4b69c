import type { ServerPolicy } from '../policy/server-policy.ts';
import { airtablePolicy } from './airtable.ts';
import { asanaPolicy } from './asana.ts';
import { atlassianPolicy } from './atlassian.ts';
import { braveSearchPolicy } from './brave-search.ts';
import { braveSearchReferencePolicy } from './brave-search-reference.ts';
import { chromeDevtoolsPolicy } from './chrome-devtools.ts';
import { context7Policy } from './context7.ts';
import { desktopCommanderPolicy } from './desktop-commander.ts';
import { everythingPolicy } from './everything.ts';
import { fetchPolicy } from './fetch.ts';
import { figmaPolicy } from './figma.ts';
import { filesystemPolicy } from './filesystem.ts';
import { firecrawlPolicy } from './firecrawl.ts';
import { gdrivePolicy } from './gdrive.ts';
import { gitPolicy } from './git.ts';
import { githubPolicy } from './github.ts';
import { githubReferencePolicy } from './github-reference.ts';
import { gitlabPolicy } from './gitlab.ts';
import { gmailPolicy } from './gmail.ts';
import { googleCalendarPolicy } from './google-calendar.ts';
import { hubspotPolicy } from './hubspot.ts';
import { linearPolicy } from './linear.ts';
import { memoryPolicy } from './memory.ts';
import { mongodbPolicy } from './mongodb.ts';
import { mysqlPolicy } from './mysql.ts';
import { notionPolicy } from './notion.ts';
import { playwrightPolicy } from './playwright.ts';
import { postgresReferencePolicy } from './postgres-reference.ts';
import { puppeteerPolicy } from './puppeteer.ts';
import { redisPolicy } from './redis.ts';
import { redisReferencePolicy } from './redis-reference.ts';
import { sentryPolicy } from './sentry.ts';
import { sequentialThinkingPolicy } from './sequential-thinking.ts';
import { slackPolicy } from './slack.ts';
import { slackReferencePolicy } from './slack-reference.ts';
import { stripePolicy } from './stripe.ts';
import { supabasePolicy } from './supabase.ts';
import { timePolicy } from './time.ts';

/** What is known about public servers. */
export const serverPolicies: readonly ServerPolicy[] = Object.freeze([
  airtablePolicy,
  asanaPolicy,
  atlassianPolicy,
  braveSearchReferencePolicy,
  braveSearchPolicy,
  chromeDevtoolsPolicy,
  context7Policy,
  desktopCommanderPolicy,
  everythingPolicy,
  fetchPolicy,
  figmaPolicy,
  filesystemPolicy,
  firecrawlPolicy,
  gdrivePolicy,
  gitPolicy,
  githubReferencePolicy,
  githubPolicy,
  gitlabPolicy,
  gmailPolicy,
  googleCalendarPolicy,
  hubspotPolicy,
  linearPolicy,
  memoryPolicy,
  mongodbPolicy,
  mysqlPolicy,
  notionPolicy,
  playwrightPolicy,
  postgresReferencePolicy,
  puppeteerPolicy,
  redisReferencePolicy,
  redisPolicy,
  sentryPolicy,
  sequentialThinkingPolicy,
  slackReferencePolicy,
  slackPolicy,
  stripePolicy,
  supabasePolicy,
  timePolicy,
]);
