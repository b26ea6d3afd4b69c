import { wordSet } from '../word-set.ts';

/**
 * Words that decide what a name says that ends in a noun for what a tool returns: `account_balance` reads,
 * while `deduct_balance` writes.
 */

type ChangeAct = 'create' | 'state';

/** Verbs that change something at the beginning of a name or of a sentence. Elsewhere they may be parts of a noun. */
const leadVerbs: Readonly<Record<ChangeAct, ReadonlySet<string>>> = {
  create:
    wordSet(`deduct topup disburse reimburse repay prepay lend borrow invest reinvest recharge cashout payoff contribute
    pledge compensate hire remit wager donate subtract reload rebill enroll overpay`),
  state: wordSet(`alter flip raise lower drain bootstrap evolve consolidate forgive waive reduce increase decrease sweep
    liquidate amend rectify override bypass escalate upgrade downgrade shrink relocate retire scramble obfuscate anonymize
    redact inflate deflate nullify invalidate recompute recalibrate reclassify reconcile tamper forge falsify backdate advance
    toggle enforce impose levy garnish seize confiscate forfeit swap rename correct`),
};

/** Such verbs that are nouns or adjectives as well. A description may say that such a tool reads. */
const leadNouns: Readonly<Record<ChangeAct, ReadonlySet<string>>> = {
  create: wordSet('credit debit wire spend exchange rent bet bid stake unstake airdrop bridge fine gift'),
  state: wordSet('empty zero offset punch clock enter cycle collect'),
};

/** Verbs of two words: `top_up_balance`. */
const leadPairs = new Set(['top up', 'cash out', 'pay off', 'pay down', 'write off', 'run down', 'bring forward']);

/** Returns what the leading words change; undefined for other words. */
export function changeOf(words: readonly string[]): ChangeAct | undefined {
  const [lead = '', second = ''] = words;
  if (leadPairs.has(`${lead} ${second}`)) return 'create';
  return changeOfVerb(lead) ?? (['create', 'state'] as const).find((act) => leadNouns[act].has(lead));
}

/** Returns what a verb changes that is neither a noun nor an adjective; undefined for other words. */
export function changeOfVerb(word: string): ChangeAct | undefined {
  return (['create', 'state'] as const).find((act) => leadVerbs[act].has(word));
}

/** Nouns, adjectives and names of services that stand before such a noun. A word that is a common verb is not here. */
const nouns = wordSet(`
  account action actions active ad address admin ads advanced agent air airtable alarm album alert all annual ansible api
  apify app applicant application appointment article artist arxiv asana asset attendance audience audio auth author
  availability available aws azure balance bank base basic basket battery bigquery billing bios bitbucket bitcoin blob block
  blockchain blog booking box branch brave brief browser btc bucket budget bus business buyer cache calendar camera campaign
  candidate canva car card carrier cart case catalog cd cert certificate chain channel charge chat chrome ci circleci city
  class clickhouse client cloud cloudflare cluster code coin collection column comments commit company compiler compliance
  config configuration confluence connection contact container content contract conversation cookie cost country coupon
  courier course coverage cpu crate credential cron crypto currency current customer daily data database databricks datacenter
  datadog dataset date day db deal debug default delivery dependency deployment detail details dev device diff directory
  discord disk dm dns docker document domain door drive driver dropbox earning earnings earthquake elasticsearch
  email embedding employee endpoint energy entity enum env environment episode error errors eth ethereum event exa exam excel
  exception expense experiment extended extension extensions external facebook fan feature feed figma film firebase firecrawl
  firewall firmware first fitbit fleet flight folder font food forecast forex frame framework fulfillment full function fx
  game garmin gas gateway gcp gem general git github gitlab global gmail google gpu grafana graph guest hackernews hardware
  hass health heart helm heroku history holding homeassistant hostname hotel hourly hubspot hue humidity icon identity image
  inbox incident income info instagram instance insurance intercom internal inventory invoice ip issue item jenkins jira job
  k8s kafka kernel key keyspace keyword keywords kubectl kubernetes lab lake lamp language last latency latest leaderboard
  league lesson library licence license limit line linear linkedin live loan local localstorage location log login logs
  loyalty machine mailbox market match maven meal media medication meeting member memory mempool menu merchant message
  messages metadata method metrics mfa microsoft mission module monday mongo mongodb month monthly moon mortgage motor movie
  my mysql n8n nats nest netlify network newrelic news next nft node notification notifications notion now npm nutrition
  object office onedrive opensearch opportunity orbit order org organisation organization os outlook overview own owner
  package page pagerduty pageview parcel partition password path patient payment payout paypal payroll pending people
  performance permission perplexity person pg photo picture pip pipeline plaid player playlist playwright plugin plugins pod
  podcast points policy port portfolio position postgres postgresql power preference preferences prescription pressure
  previous pricing printer private prod product production profile profit progress project prometheus proposal proxy public
  pubmed puppeteer pypi quality quarterly quick quickbooks quiz quota rabbitmq rain ram ranking rating raw real recent recipe
  reddit redis refund region remote replica repo repository requests reservation resource resources restaurant revenue reward
  rewards robot role room route router row runner runtime salary sale sales salesforce satellite scheduler schema school score
  season secret security segment selenium seller sensor sentry seo series server service session sessionstorage setting
  settings shard sharepoint sheet sheets shipment shipping shopify short signup site sku slack sleep snow snowflake socket
  software sol solana song sonos source space span splunk spotify sql sqlite ssl staff staged staging state station statistics
  stats status steps stock storage storm story strava string stripe student subscription summary sun sunrise sunset supabase
  supplier survey symbol system tab table task tavily tax teacher team teams telegram temperature tenant terraform tesla text
  theme thermostat thread threat ticker ticket tide time timesheet timezone tls today token tomorrow tool tools topic topology
  tournament trace tracking traffic train transaction transactions transfer travel tree trello truck twitter unstaged uptime
  url usage user usergroup utc vault vector vehicle vendor vercel version video visitor visitors vm volume vpn vulnerability
  wallet warehouse warning water weather web website week weekly whatsapp wikipedia wind window wishlist word worker workflow
  workout workspace world x xero year yearly yesterday youtube zapier zendesk zone
`);

/** Nouns that are verbs as well. They are nouns only next to the last word: `file_info`, and not `file_report_summary`. */
const nounsAtEnd =
  wordSet(`access archive audit backup book build call check claim comment draft field file form group head host index interest
  lead leave light lock model name place plan post price process queue rate record release report request review run schedule shift
  snapshot stage step tag test title track trip type view`);

/** Whether all words before the last one are nouns, so that the last one names what a tool returns. */
export function areNouns(words: readonly string[]): boolean {
  const before = words.slice(0, -1);
  return before.every((word, at) => {
    if (nounsAtEnd.has(word)) return at === before.length - 1;
    return isNoun(word);
  });
}

function isNoun(word: string): boolean {
  if (/^v?\d+$/.test(word) || nouns.has(word)) return true;
  const single = word.replace(/ies$/, 'y').replace(/s$/, '');
  return nouns.has(single) || nouns.has(word.replace(/es$/, ''));
}
