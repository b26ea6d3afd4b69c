import { wordsOf } from '../key/fold-text.ts';
import { wordSet } from '../word-set.ts';
import { areNouns, changeOf, changeOfVerb } from './change-words.ts';
import { isMoneyWord, namesMoney, saysMoney, takesMoney } from './money-words.ts';

/**
 * Guesses what a tool does by its whole name, and by its description and schema where the name is unclear. English words
 * of public MCP servers and APIs; the words of a name come from `wordsOf`.
 */

/** What a tool does: it reads, or it is guarded with this class. A delete has the class `state`. */
export type ToolAct = 'read' | 'create' | 'state' | 'repeatable' | 'delete';
type WriteAct = Exclude<ToolAct, 'read'>;

/** Verbs that read, and are hardly ever nouns. */
const strongReads =
  wordSet(`get search read find describe fetch lookup look inspect retrieve whoami compare explain peek tail
  head stat cat ls grep glob scrape calculate compute estimate validate lint analyze analyse summarize await wait sleep recall ping
  is has exists can geocode parse introspect autocomplete
  hget hgetall hmget mget smembers sismember zrange zscore lrange llen`);

/** Verbs that read, and are nouns as well: a list can be updated, and a view counted. */
const weakReads = wordSet('list view show count diff preview');

/** Verbs that read in one tool and write in another. They are guarded. */
const unclearVerbs =
  wordSet(`check query convert crawl aggregate track monitor watch verify test browse download export map
  quote process handle manage resolve extract simulate use perform do control configure sync`);

/** Those that a description can make a read. */
const describedVerbs = wordSet('check track monitor watch verify test convert map quote simulate');

/** Verbs by which only a description says that a tool reads. */
const statedReads = wordSet('return list show discover identify detect determine');

/** Verbs that are not nouns, by what they do. */
const pureVerbs: Readonly<Record<WriteAct, ReadonlySet<string>>> = {
  create: wordSet(`create add insert send reply submit duplicate clone pay buy sell register notify  
    subscribe donate withdraw dispense redeem mint spawn provision make reserve reauthorize adjudicate appeal broadcast announce tweet retweet`),
  state: wordSet(`clean rebuild reindex bump repair tidy trim vacuum optimize compress encrypt decrypt
    sanitize allow deny renew extend shutdown reboot rollback revert remember memorize ingest inject seed populate backfill
    authorize write put set update upsert edit modify replace rename move save merge close open reopen approve reject accept
    assign unassign enable disable start stop restart pause resume apply lock unlock mark toggle ack acknowledge
    rotate reset rebase restore unarchive transition switch turn mute unmute pin unpin login logout connect disconnect
    attach bind activate deactivate suspend confirm finalize complete finish launch change swap fix adjust
    rewrite overwrite migrate commence dismiss follow star react publish unpublish fill select  
    refresh prepare take reorder assume accept decline snooze translate  
    promote demote join leave place sign hide unhide resize revise reactivate restrict freeze thaw reschedule`),
  repeatable: wordSet(`append increment decrement click press scroll navigate goto execute exec speak say play think
    sequentialthinking undo redo retry advance spin pop consume evaluate eval push enqueue dequeue swipe   
    invoke generate xreadgroup xautoclaim lpop rpop spop`),
  delete:
    wordSet(`truncate abort forget kick delete remove destroy drop clear purge cancel void revoke uninstall terminate kill unregister erase wipe
    discard expunge prune unsubscribe unfollow unstar unlink unreact detach rm del hangup`),
};

/** Verbs that are nouns as well, by what they do where they act as verbs. */
const nounVerbs: Readonly<Record<WriteAct, ReadonlySet<string>>> = {
  create:
    wordSet(`order message mail email sms issue invoice report schedule booking payment comment request refund charge transfer
    book post forward copy build dispatch purchase tip payout bill ship fork checkout deposit invite trade`),
  state:
    wordSet(`block ban boost patch release archive store hold share claim backup record stash tag label draft upload import deploy install grant
    rate vote link focus sort load capture settle cherry end`),
  repeatable: wordSet(
    'log call commit step sample draw run trigger type key echo roll tap drag poll incr decr lpush rpush wheel hover',
  ),
  delete: wordSet('trash'),
};

/** Nouns that rarely act as verbs in a name that ends with another verb or noun: `order_list`, `invoice_status`. */
const mostlyNouns =
  wordSet(`order message mail email issue invoice report schedule booking payment comment request refund charge
  transfer build release commit branch tag label draft purchase payout step call claim record`);

/** Jobs of which a tool may tell the status. */
const jobs = wordSet('run deploy import upload install backup dispatch release');

/** Nouns that no verb has as its object, except a transmitter: `order_status`. */
const aboutNouns = wordSet('status history stats statistics count info details detail progress');

/** Verbs that make something, and never a status: a `pay_status` is asked for again and again. */
const statusless = wordSet('pay buy sell reserve checkout withdraw deposit provision spawn mint clone register invite');

/** Verbs that may have a status or a list as their object: `report_status`, `email_list`. */
const transmitters = wordSet('post report log share mail email send publish forward copy ship record');

/** Reading verbs after which a writing verb is part of a noun: `get_update_status`. */
const getters = wordSet('get retrieve describe explain');

/** Verbs that are adjectives, or the beginning of a noun, between a reading verb and a noun: `list_open_issues`. */
const adjectives = wordSet('open duplicate merge');

/** Nouns that name what a tool returns. */
const readNouns =
  wordSet(`status history stats statistics logs log count total info details detail tree weather forecast time date
  screenshot snapshot summary overview metrics progress me balance version health schema metadata diff`);

/** What `resolve` looks up. An issue is closed. */
const resolvedNouns = wordSet('id ids name names library dns domain host hostname address url path handle username');

/** Things that are settled where they are resolved. */
const settledNouns = wordSet('issue ticket conflict incident dispute alert thread comment discussion error case');

/** Things that are new where they are placed. Other things change their place. */
const placedThings = wordSet('order orders bid bids bet bets trade call');

/** Methods of HTTP behind the name of an API: `API-post-search`. */
const methods = wordSet('get post put patch delete');

/** Things that are new where they are attached. */
const attachedThings = wordSet('file files document documents image images photo photos media screenshot pdf');

/** Things that each call publishes as new ones. */
const publishedThings = wordSet('message messages event events notification notifications comment metric metrics');

/** What `check` reads. */
const checkedNouns =
  wordSet(`availability eligibility permissions permission price prices quota connection existence exists syntax
  limits limit access compatibility if whether uptime`);

/** Things that `open`, `launch`, `start` and `generate` make. They change the state of other things, or are repeated. */
const madeThings =
  wordSet(`issue ticket account position pull request dispute case incident instance instances vm campaign trial
  subscription invoice bill key token license voucher coupon certificate link loan`);

/** What can be issued. An issue of anything else is a ticket. */
const issuedThings =
  wordSet(`refund refunds invoice invoices credit card token certificate ticket payment voucher receipt license
  warning shares bond coupon`);

/** Parts of an order, a message and the like: `order_items` may list them. */
const parts = wordSet(
  'items lines events notes comments attachments files fields members types tags labels replies reviews',
);

/** What a screen shows: `show_message` is an act, `show_order` reads. */
const screenThings = wordSet('message notification alert dialog popup toast window menu banner modal prompt');

/** Reading verbs whose result goes somewhere: `summarize_thread_to_slack`. */
const copyingReads = wordSet('summarize fetch scrape read describe analyze analyse');

/** Verbs that ask, whatever follows: `can_cancel`. */
const askingVerbs = wordSet('is has can');

/** What answers a ping. A ping of a person is a message. */
const pinged = wordSet('host server ip url api database db service device endpoint website site address');

/** Words for a database or its language. A query of one may write. */
const databaseWords = wordSet(
  'sql db database databases mysql postgres postgresql pg sqlite graphql cypher mongo mongodb raw run',
);

const conversions = wordSet('time timezone unit units temperature');
const siteWords = wordSet('site sitemap website url domain');
/** Words that look like a verb with `re`. */
const nounsLikeVerbs = wordSet('return recall remark regrade recover');

const joiners = wordSet('or and then');

/** Arguments whose text may be a statement that writes, and arguments that name a request or an act. */
const statementArguments = wordSet('sql statement cypher mutation');
const actArguments = wordSet('action operation method body command');

/** A guess by a tool's name. */
export interface NameGuess {
  readonly act: ToolAct;
  /** The word that decides; empty where no word says anything. */
  readonly word: string;
  /** The reading word of a name that may mean both. Such a tool is guarded. */
  readonly mayRead?: string;
  /** True where a description can say that the tool only reads. */
  readonly isUnclear?: boolean;
}

/** A tool as far as its act can be guessed. */
export interface NamedTool {
  readonly name: string;
  readonly description?: string | undefined;
  readonly inputSchema?: { readonly [key: string]: unknown };
}

/**
 * Guesses what a tool does by its whole name. The leading verb decides, also after the name of a service
 * (`jira_transition_issue`), or the last one after a noun (`issue_update`). A name that may mean both reading and writing
 * is guarded, and so is one without a known word, as `state`.
 */
export function guessByName(name: string): NameGuess {
  const all = wordsOf(name);
  // The method says less than the verb behind it.
  const words = all[0] === 'api' && methods.has(all[1] ?? '') && isRead(all[2] ?? '') ? all.slice(2) : all;
  const [lead = ''] = words;
  if (writeOf(lead, pureVerbs) !== undefined) return guessByWrite(words, 0);
  if (isRead(lead)) return guessByRead(words, 0);
  if (unclearVerbs.has(lead)) return guessByUnclear(words, 0);
  return writeOf(lead, nounVerbs) === undefined ? guessByNoun(words) : guessByNounVerb(words);
}

/** Guesses what a tool does by its name, and by its description and schema where they say more. */
export function guessAct(tool: NamedTool): NameGuess {
  const guess = guessByName(tool.name);
  const properties = propertiesOf(tool);
  const words = sentenceWords(tool.description);
  if (guess.act === 'read') {
    const argument = properties.find((name) => statementArguments.has(name) || actArguments.has(name));
    if (argument !== undefined) return { act: 'state', word: argument, mayRead: guess.word };
    const [verb = ''] = words;
    const isChange = /^(?:create|update|delete|remove|insert|modify|add|reset|withdraw|send)$/.test(verb);
    const said = isChange ? writeOf(verb, pureVerbs) : changeOfVerb(verb);
    return said === undefined ? guess : { act: said, word: verb, mayRead: guess.word };
  }
  if (guess.isUnclear !== true) return guess;
  const [verb = ''] = words;
  const isStated = statedReads.has(verb) || strongReads.has(verb);
  const mayWrite = words.some(
    (word) =>
      (writeOf(word, pureVerbs) ?? changeOfVerb(word)) !== undefined ||
      (unclearVerbs.has(word) && !statedReads.has(word)),
  );
  const takesAct = properties.some((name) => statementArguments.has(name) || actArguments.has(name));
  if (isStated && !mayWrite && !takesAct) return { act: 'read', word: verb };
  const isUnknown = guess.word === '' || (guess.mayRead !== undefined && changeOf(wordsOf(tool.name)) === undefined);
  const said = isUnknown ? (writeOf(verb, pureVerbs) ?? changeOf(words)) : undefined;
  return said === undefined ? guess : { act: said, word: verb };
}

/** Returns what a single verb does, and whether it is a noun as well; undefined for any other word. */
export function actOfVerb(word: string): { readonly act: ToolAct | 'unclear'; readonly isNoun: boolean } | undefined {
  if (isRead(word)) return { act: 'read', isNoun: false };
  if (unclearVerbs.has(word)) return { act: 'unclear', isNoun: mostlyNouns.has(word) };
  const pure = writeOf(word, pureVerbs);
  if (pure !== undefined) return { act: pure, isNoun: false };
  const act = writeOf(word, nounVerbs);
  return act === undefined ? undefined : { act, isNoun: true };
}

/** Whether a single word of a name may be a verb that writes. */
export function isWriteVerb(word: string): boolean {
  return writeOf(word, pureVerbs) !== undefined || writeOf(word, nounVerbs) !== undefined;
}

/**
 * Whether a tool probably moves money, by its name, the first sentence of its description and the arguments that give an
 * amount. A read moves none.
 */
export function soundsLikeMoney(name: string, description = '', schema?: NamedTool['inputSchema']): boolean {
  const { act, word } = guessByName(name);
  const named = wordsOf(name);
  const isExchange = word === 'convert' && /\b(?:currency|currencies|fx)\b/.test(named.join(' '));
  if (act === 'read' || (describedVerbs.has(word) && !isExchange) || word === 'download' || word === 'export')
    return false;
  const [sentence = ''] = description.slice(0, 300).split(/[.\n]/);
  const said = wordsOf(sentence.replaceAll(/\bin order\b/gi, ''));
  const around = [...named, ...said];
  if (saysMoney(named, around) || saysMoney(said) || namesMoney(name, around)) return true;
  return act !== 'delete' && takesMoney(schema, around);
}

function guessByWrite(words: readonly string[], index: number): NameGuess {
  const word = words[index] ?? '';
  const rest = words.slice(index + 1);
  const act = writeOf(word, pureVerbs) ?? writeOf(word, nounVerbs) ?? 'state';
  if ((word === 'take' || word === 'capture') && rest.some((each) => each === 'screenshot' || each === 'snapshot')) {
    return { act: 'read', word: 'screenshot' };
  }
  return { act: actOnObject(act, word, words, rest), word };
}

/** Corrects the act of a verb by its object. */
function actOnObject(act: WriteAct, word: string, words: readonly string[], rest: readonly string[]): WriteAct {
  if (act === 'create' && statusless.has(word) && aboutNouns.has(rest[0] ?? '')) return 'state';
  const makes = rest.some((each) => madeThings.has(each));
  switch (word) {
    case 'open':
    case 'launch':
    case 'start':
    case 'generate':
    case 'capture':
      return makes || rest.includes('payment') ? 'create' : act;
    case 'upload':
    case 'import':
      return 'create';
    case 'place':
      return rest.some((each) => placedThings.has(each)) ? 'create' : act;
    case 'draft':
      return words[0] === 'draft' && rest.length > 0 ? 'create' : act;
    case 'attach':
      return attachedThings.has(rest[0] ?? '') ? 'create' : act;
    case 'publish':
      return publishedThings.has(rest[0] ?? '') ? 'create' : act;
    case 'transfer':
      return rest.length > 0 && !saysMoney(words) ? 'state' : act;
    case 'log':
      return rest[0] === 'in' || rest[0] === 'out' ? 'state' : act;
    case 'add':
    case 'checkout':
      return words[0] === 'git' ? 'state' : joinedAct(rest, act);
    default:
      return joinedAct(rest, act);
  }
}

/** `create_or_update` sets a state. */
function joinedAct(rest: readonly string[], act: WriteAct): WriteAct {
  const joined = rest.find((_, index) => joiners.has(rest[index - 1] ?? ''));
  return act === 'create' && joined !== undefined && writeOf(joined, pureVerbs) === 'state' ? 'state' : act;
}

function guessByRead(words: readonly string[], index: number): NameGuess {
  const word = words[index] ?? '';
  const rest = words.slice(index + 1);
  const last = rest.at(-1) ?? '';
  if (askingVerbs.has(word) && !rest.some((each) => joiners.has(each))) return { act: 'read', word };
  const joined = rest.find(
    (each, at) =>
      joiners.has(rest[at - 1] ?? '') &&
      (at === 1
        ? !isRead(each)
        : isWriteVerb(each) || unclearVerbs.has(each) || changeOf(rest.slice(at)) !== undefined),
  );
  if (joined !== undefined) return mixed(joined, word);
  const write = rest.find((each, at) => {
    const isNoun = adjectives.has(each) ? at < rest.length - 1 : writeOf(each, pureVerbs) === undefined;
    return !isNoun && (each === last || !getters.has(word));
  });
  if (write !== undefined) return mixed(write, word);
  const isWeak = weakReads.has(word);
  if (isWeak && isWriteVerb(last) && !mostlyNouns.has(last)) return mixed(last, word);
  const isSent = copyingReads.has(word) && rest.some((each) => each === 'to' || each === 'into');
  const isPing = word === 'ping' && rest.length > 0 && !pinged.has(last);
  if (isSent || isPing) return { act: 'state', word, mayRead: word };
  if (word === 'count' && (rest[0] === 'up' || rest[0] === 'down')) return { act: 'repeatable', word, mayRead: word };
  const isOnScreen = word === 'show' && rest.some((each) => screenThings.has(each));
  const isInBrowser = words[0] === 'browser' && (word === 'search' || word === 'show');
  const isOffer = word === 'list' && rest.some((each) => each === 'sale' || each === 'auction' || each === 'rent');
  if (isOnScreen || isInBrowser || isOffer) return { act: isOffer ? 'create' : 'state', word, mayRead: word };
  return { act: 'read', word };
}

function guessByUnclear(words: readonly string[], index: number): NameGuess {
  const word = words[index] ?? '';
  const rest = words.slice(index + 1);
  const last = rest.at(-1) ?? '';
  const write = rest.find((each) => (writeOf(each, pureVerbs) ?? changeOfVerb(each)) !== undefined);
  const joined = rest.find((each, at) => joiners.has(rest[at - 1] ?? '') && !isRead(each));
  if ((write ?? joined) !== undefined) return mixed(write ?? joined ?? '', word);
  if (isWriteVerb(last) && !mostlyNouns.has(last)) return mixed(last, word);
  const reads =
    (word === 'check' && (readNouns.has(last) || rest.some((each) => checkedNouns.has(each)))) ||
    (word === 'resolve' && resolvedNouns.has(last) && !rest.some((each) => settledNouns.has(each))) ||
    (word === 'query' && rest.length > 0 && !words.some((each) => databaseWords.has(each))) ||
    (word === 'convert' && rest.some((each) => conversions.has(each))) ||
    (word === 'map' && rest.some((each) => siteWords.has(each)));
  if (reads) return { act: 'read', word };
  return { act: 'state', word, isUnclear: describedVerbs.has(word) };
}

/** A name that begins with a noun or the name of a service. */
function guessByNoun(words: readonly string[]): NameGuess {
  const verb = firstVerb(words);
  const last = words.at(-1) ?? '';
  const noun = words.findIndex((word) => writeOf(word, nounVerbs) !== undefined);
  if (verb !== -1) {
    if (!isRead(words[verb] ?? '')) return guessByWrite(words, verb);
    const sends =
      words.slice(0, verb).find((word) => isWriteVerb(word) && !mostlyNouns.has(word)) ?? changeBefore(words, verb);
    return sends === undefined ? guessByRead(words, verb) : mixed(sends, words[verb] ?? '');
  }
  const unclear = words.findIndex((word) => unclearVerbs.has(word) && !mostlyNouns.has(word));
  if (unclear !== -1) return guessByUnclear(words, unclear);
  const joined = words.find((word, at) => at > 1 && joiners.has(words[at - 1] ?? '') && isWriteVerb(word));
  if (joined !== undefined) return mixed(joined, words[0] ?? '');
  const isResult = readNouns.has(last) && !(noun !== -1 && words[noun] !== last);
  if (isResult || isAbout(words.slice(Math.max(noun, 0)))) {
    if (changeOf(words) === undefined && areNouns(words)) return { act: 'read', word: last };
    return { act: changeOf(words) ?? 'state', word: words[0] ?? '', mayRead: last, isUnclear: true };
  }
  if (noun === -1) {
    const change = changeOf(words);
    return { act: change ?? 'state', word: change === undefined ? '' : (words[0] ?? ''), isUnclear: true };
  }
  if (words.includes('http') || last === 'request') return { act: 'state', word: last };
  const word = words[noun] ?? '';
  const isVerb = !mostlyNouns.has(word) || words[0] === 'git' || (isMoneyWord(word) && words.length === 2);
  if (isVerb && (noun === 1 || noun === words.length - 1)) return guessByWrite(words, noun);
  return { act: 'state', word, isUnclear: true };
}

/** Finds what changes something before a verb that reads: `alter_view`, `drain_and_list`. */
function changeBefore(words: readonly string[], verb: number): string | undefined {
  const [lead = ''] = words;
  const isJoined = joiners.has(words[verb - 1] ?? '') && !isRead(lead);
  return isJoined || (changeOf(words) !== undefined && verb === words.length - 1) ? lead : undefined;
}

/** Whether words such as `order_status` name what is known about something. */
function isAbout(words: readonly string[]): boolean {
  const [noun = ''] = words;
  const last = words.at(-1) ?? '';
  if (words.length < 2 || transmitters.has(noun) || !aboutNouns.has(last)) return false;
  if (mostlyNouns.has(noun)) return noun !== 'request' || !/^(?:info|details?)$/.test(last);
  return jobs.has(noun) && (last === 'status' || last === 'progress');
}

/** A name that begins with a noun that is a verb as well: `order_pizza`, `order_cancel`, `order_status`. */
function guessByNounVerb(words: readonly string[]): NameGuess {
  const [lead = '', second = ''] = words;
  const last = words.at(-1) ?? '';
  const act = writeOf(lead, nounVerbs) ?? 'state';
  if (words.length === 1) return { act: lead === 'request' ? 'state' : act, word: lead };
  const verb = firstVerb(words);
  const word = words[verb] ?? '';
  if (verb !== -1 && !isRead(word)) return guessByWrite(words, verb);
  if (lead === 'poll' && aboutNouns.has(last)) return { act: 'read', word: last };
  const isNoun = mostlyNouns.has(lead);
  if (verb !== -1) {
    const isList = weakReads.has(word) && word !== 'count' && transmitters.has(lead);
    const write = words.slice(verb).find((each) => writeOf(each, pureVerbs) !== undefined);
    if (write !== undefined) return mixed(write, word);
    const isVerb = isNoun && !isList && (word === last || (verb === 1 && strongReads.has(word)));
    return isVerb ? guessByRead(words, verb) : { act: 'state', word: lead, mayRead: word };
  }
  if (readNouns.has(last)) {
    if (isAbout(words) && areNouns(words.slice(1))) return { act: 'read', word: last };
    return { act: 'state', word: lead, mayRead: last };
  }
  if (lead === 'issue' && !issuedThings.has(second)) return { act: 'state', word: lead, isUnclear: true };
  if (isNoun && parts.has(last)) return { act: 'state', word: lead, isUnclear: true };
  if (unclearVerbs.has(last) && last !== 'request') return { act: 'state', word: lead, mayRead: last };
  return guessByWrite(words, 0);
}

/** Finds the first verb after the beginning that cannot be a noun, or a read. */
function firstVerb(words: readonly string[]): number {
  return words.findIndex((word, index) => index > 0 && (isRead(word) || writeOf(word, pureVerbs) !== undefined));
}

function mixed(write: string, mayRead: string): NameGuess {
  const act = writeOf(write, pureVerbs) ?? writeOf(write, nounVerbs) ?? changeOfVerb(write) ?? 'state';
  return { act, word: write, mayRead };
}

function isRead(word: string): boolean {
  return strongReads.has(word) || weakReads.has(word);
}

const knownMax = 5_000;
/** What `readWrite` returned. A large document asks about the same words again and again. */
const knownWrites = new Map([pureVerbs, nounVerbs].map((table) => [table, new Map<string, WriteAct | undefined>()]));

function writeOf(word: string, table: Readonly<Record<WriteAct, ReadonlySet<string>>>): WriteAct | undefined {
  const known = knownWrites.get(table);
  if (known?.has(word)) return known.get(word);
  const act = readWrite(word, table);
  if (known && known.size >= knownMax) known.clear();
  known?.set(word, act);
  return act;
}

function readWrite(word: string, table: Readonly<Record<WriteAct, ReadonlySet<string>>>): WriteAct | undefined {
  for (const act of ['delete', 'repeatable', 'create', 'state'] as const) if (table[act].has(word)) return act;
  if (table !== pureVerbs || nounsLikeVerbs.has(word) || writeOf(word, nounVerbs) !== undefined) return undefined;
  // `resend` and `redeploy` repeat a verb; `unassign` and `untag` end what it did.
  const [, prefix, stem = ''] = /^(re|un)(.{3,})$/.exec(word) ?? [];
  const act = writeOf(stem, nounVerbs) ?? (prefix === undefined ? undefined : plainAct(stem));
  return prefix === 'un' && act !== undefined ? 'state' : act;
}

function plainAct(stem: string): WriteAct | undefined {
  return (['repeatable', 'create', 'state'] as const).find((act) => pureVerbs[act].has(stem));
}

/** Returns the words of a description's first sentence in their base form: `Creates an issue` has `create`. */
export function sentenceWords(description = ''): readonly string[] {
  const [sentence = ''] = description.slice(0, 300).split(/[.\n]/);
  return wordsOf(sentence).map((word) => {
    const short = word.replace(/s$/, '');
    const shorter = word.replace(/es$/, '');
    return [short, shorter].find((each) => strongReads.has(each) || isWriteVerb(each)) ?? short;
  });
}

function propertiesOf({ inputSchema }: NamedTool): readonly string[] {
  const properties = inputSchema?.properties;
  return typeof properties === 'object' && properties !== null ? Object.keys(properties) : [];
}
