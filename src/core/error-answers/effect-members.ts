import { isObject, type JsonObject } from '../json.ts';
import { wordSet } from '../word-set.ts';

/** Members that tell an effect where they hold a thing: `sent: 30`, `created: [{ "id": 1 }]`, `paid_at`. */
const effectNames: ReadonlySet<string> = wordSet(
  'created sent saved stored written inserted updated posted published charged paid transferred refunded captured debited credited booked placed submitted delivered committed executed completed processed succeeded successes applied uploaded imported added merged pushed queued scheduled issued deployed installed provisioned invited dispatched emailed modified renamed deleted removed archived moved cancelled canceled done affected opened accepted',
);
/** Words of a name after which `created` and the like tell no effect: `not_created`, `failed_ids`. */
const negatedNames: ReadonlySet<string> = wordSet(
  'not un non never failed failure failures skipped rejected invalid missing required allowed max maximum min limit remaining existing conflicting duplicate',
);
/** Members whose text is the state of something. */
const stateNames: ReadonlySet<string> = wordSet('status state result outcome phase stage');
const states: ReadonlySet<string> = new Set([
  ...effectNames,
  ...'partial success successful ok complete pending running processing active live finished'.split(' '),
]);
/** References to the error, to the request or to a document, which are no effect. */
const ownReferences: ReadonlySet<string> = wordSet(
  'requestid requestids traceid spanid correlationid errorid logid debugid eventid incidentid activityid clientrequestid sessionid fbtraceid rayid invocationid quotaid instanceid clientid tenantid ruleid schemaid requestlogurl docurl docsurl documentationurl helpurl supporturl moreinfourl infourl errorurl typeurl statusurl loginurl authurl',
);
/** Members that repeat the arguments, or say where the fault is. */
const contextNames: ReadonlySet<string> = wordSet(
  'input given received got actual value rejectedvalue params parameters arguments args request body payload query ctx context loc location locations path pointer source instancepath schemapath constraints expected allowed options keys links link stack trace stacktrace help docs fields field timestamp extensionsversion version',
);
const depthMax = 8;

/** Whether a member, by its name in lower case without signs, refers to the error or the request, and to no effect. */
export function isOwnReference(plain: string): boolean {
  return ownReferences.has(plain);
}

/** What the members of an error tell about an effect. */
export interface EffectSigns {
  /** A name or a state tells an effect, as `sent: 30` and `status: "created"` do. */
  tells: boolean;
  /** Something is referred to that the error may have made, as `order_id` and `issue: { id }` do. */
  refers: boolean;
}

/** Whether a value was an argument of the call, so that an error only repeats it. */
export type IsEcho = (value: string | number) => boolean;

/** Notes the signs of an effect in a member that is neither a text nor a code of the error. */
export function noteMember(signs: EffectSigns, name: string, value: unknown, isEcho: IsEcho, depth = 0): void {
  const words = wordsOf(name);
  const plain = words.join('');
  if (contextNames.has(plain) || words.some((word) => negatedNames.has(word))) return;
  if (depth > depthMax) signs.refers = true;
  else if (stateNames.has(plain) && typeof value === 'string') noteState(signs, value);
  else if (words.some((word) => effectNames.has(word)) && isThing(value)) signs.tells = true;
  else if (/^(?:ids?|urls?|links?)$/.test(words.at(-1) ?? '') && !ownReferences.has(plain))
    signs.refers ||= listOf(value).some((each) => isReference(each, isEcho));
  else for (const each of listOf(value)) if (isObject(each)) noteMembers(signs, each, isEcho, depth + 1);
}

function noteMembers(signs: EffectSigns, body: JsonObject, isEcho: IsEcho, depth: number): void {
  for (const [name, value] of Object.entries(body)) noteMember(signs, name, value, isEcho, depth);
}

/** Notes the state of something: `created` and `partially_applied` tell an effect. */
export function noteState(signs: EffectSigns, value: string): void {
  const words = wordsOf(value.slice(0, 200));
  const [first = ''] = words;
  const isPartial = first.startsWith('partial');
  if (isPartial || (words.length <= 2 && words.some((word) => states.has(word)) && !words.some(isNegation)))
    signs.tells = true;
}

/** Notes a code of one word that tells an effect: `message_sent_but_thread_not_found`. */
export function noteCode(signs: EffectSigns, code: string): void {
  const words = wordsOf(code.slice(0, 200));
  const hasContrast = words.some((word) => contrasts.has(word));
  const clause = hasContrast
    ? words.slice(
        0,
        words.findIndex((word) => contrasts.has(word)),
      )
    : words;
  if (!hasContrast && (words.includes('already') || words.length < 3)) return;
  const at = clause.findIndex((word) => effectNames.has(word) && !(adjectives.has(word) && !hasContrast));
  if (at > 0 && !clause.slice(0, at).some(isNegation)) signs.tells = true;
}

const contrasts: ReadonlySet<string> = new Set(['but', 'and', 'yet', 'however', 'after', 'without', 'while']);
/** Participles that also say what kind of thing or state is refused: `user_is_deleted`, `not_in_paid_team`. */
const adjectives: ReadonlySet<string> = wordSet(
  'deleted removed archived moved renamed cancelled canceled paid accepted installed completed',
);

function isNegation(word: string): boolean {
  return /^(?:not|no|never|un|cannot|cant|failed|must|should|be|can|only|if|unless|too|to)$/.test(word);
}

function wordsOf(name: string): readonly string[] {
  return name
    .slice(0, 200)
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter(Boolean);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

/** Whether a value is a count, a date, an id, or something with members. A text about a field of that name is not. */
function isThing(value: unknown): boolean {
  if (typeof value === 'number') return value > 0;
  if (typeof value === 'string') return /^\S*[1-9]\S*$/.test(value);
  if (Array.isArray(value)) return value.some((each) => isThing(each));
  return value === true || (isObject(value) && Object.keys(value).length > 0 && !('message' in value));
}

/** Whether a value refers to something: an id with a digit, or a URL that is not about an error. */
function isReference(value: unknown, isEcho: IsEcho): boolean {
  if (typeof value === 'number') return value !== 0 && !isEcho(value);
  if (typeof value !== 'string' || !/^[^\s]*\d[^\s]*$/.test(value)) return false;
  return !isEcho(value) && !/^https?:.*\b(?:docs?|errors?|help|support|developers?|problems?|reference)\b/i.test(value);
}

/** Returns the test whether a value was in these arguments, or in the address and the body of a request. */
export function echoOf(...sources: readonly unknown[]): IsEcho {
  const values = new Set<string>();
  for (const source of sources) addValues(values, source, 0);
  return (value) => values.has(String(value));
}

function addValues(values: Set<string>, value: unknown, depth: number): void {
  if (typeof value === 'string' || typeof value === 'number') values.add(String(value));
  else if (depth <= depthMax && typeof value === 'object' && value !== null)
    for (const each of Object.values(value)) addValues(values, each, depth + 1);
}
