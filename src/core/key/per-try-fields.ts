import { wordSet } from '../word-set.ts';
import { wordsOf } from './fold-text.ts';

/** Names that are used for idempotency keys only. */
export const idempotencyKeyName = /^(x[-_]?)?(idempoten(cy|t|ce)?|dedup(e|lication)?)[-_]?(key|id|token)$/i;
/** Says that a field or tool is about repeats of a request. */
export const isAboutRepeats = /idempoten|at most once|exactly once|only once|duplicat|retr(y|ies|ied)/i;

/** Names, without separators and in lower case, of values that a caller makes up for each try. */
const keyNames =
  /^(?:\w{0,32}(?:idempoten(?:cy|t|ce)?|dedup(?:e|lication)?)(?:key|id|token)|x?idempoten(?:cy|t|ce)?|client(?:request(?:id|key|uuid|token)|token|mutationid)|callerreference|uniquerequestid|x?(?:request|client|checkout|payment)?nonce|traceparent)$/;
/** Names of ids that a caller makes up for a try, or that name a thing: a request of a service desk, a trace to score. */
const referenceNames =
  /^x?(?:request(?:id|key|uuid|token)|correlation(?:id|key)|traceid|spanid|progresstoken|jti|turnid|toolcallid|invocationid)$/;
/** A header of a vendor, such as `PayPal-Request-Id`. A `pull_request_id` names a thing. */
const headerReference = /^[A-Z]\w{0,24}(?:-[A-Z]\w{0,24}){0,2}-Request-ID$/i;
/** Names of ids that the caller chooses for a thing: random ones are new for each try. */
const chosenNames =
  /^(?:client|customer|caller|merchant)(?:order|payment|transaction|transfer|txn|trade|message|operation|event|batch|payout|refund)(?:id|ref|reference|uuid|key)$/;
const timestampNames = /^x?(?:request)?timestamp$/;
/** Names of times that belong to a signed request, or to what it is about. */
const momentNames =
  /^(?:ts|(?:sent|issued|generated|requested|signed)at|(?:request|sent)time|iat|nbf|exp|valid(?:after|before|until))$/;
const signatureNames = /^x?(?:request|hmac)?signature$/;
/** Names of signatures of something else than the request, perhaps. */
const sealNames = /^(?:\w{0,32}(?:signature|hmac)(?:sha)?(?:256|512)?|x?sig)$/;
/** Names such as `request_timestamp` and `X-Signature` say that the value belongs to a request. */
const isOfRequest = /^(?:x[-_ ]|x(?=[A-Z])|request|hmac)/i;
/** Last words of a name that may hold a key which only the description tells. */
const isNameOfKey = /(?:id|key|token|uuid|guid|reference|ref|identifier)$/i;

const NAME_CHARS_MAX = 64;
const DESCRIPTION_CHARS_MAX = 2_000;

/** The kinds of fields whose value may be new for each try. */
export type PerTryKind =
  | 'key'
  | 'reference'
  /** An id that the caller chooses: a random one is new for each try, and `order-7` names a thing. */
  | 'chosen'
  | 'timestamp'
  /** A time that counts, unless it belongs to a signature or a nonce. */
  | 'moment'
  | 'signature'
  /** A signature that counts, unless a nonce or a time stands beside it. */
  | 'seal';

/** The facts about a declared field, apart from its name. */
interface DeclaredField {
  readonly name: string;
  readonly description: string | undefined;
  /** Whether the schema lists the values, as it does for a choice. */
  readonly isEnumerated: boolean;
  /** Whether only numbers are valid. */
  readonly isNumber: boolean;
  /** The properties that the object of the field needs. */
  readonly required: readonly string[];
}

const NAMES_MAX = 5_000;
const kinds = new Map<string, PerTryKind | undefined>();

/** Returns which kind of value a name stands for that a caller may make up for each try, in any spelling. */
export function perTryKindOf(name: string): PerTryKind | undefined {
  if (name.length > NAME_CHARS_MAX) return undefined;
  let kind = kinds.get(name);
  if (kind === undefined && !kinds.has(name)) {
    kind = readKind(name);
    if (kinds.size >= NAMES_MAX) kinds.clear();
    kinds.set(name, kind);
  }
  return kind;
}

function readKind(name: string): PerTryKind | undefined {
  const bare = name.replace(/[-_. ]/g, '').toLowerCase();
  if (keyNames.test(bare)) return 'key';
  if (referenceNames.test(bare) || headerReference.test(name)) return 'reference';
  if (chosenNames.test(bare)) return 'chosen';
  if (timestampNames.test(bare)) return 'timestamp';
  if (momentNames.test(bare)) return 'moment';
  if (signatureNames.test(bare)) return 'signature';
  return sealNames.test(bare) ? 'seal' : undefined;
}

/** Returns the kind of a declared field, whose description may say what its name does not. */
export function perTryKindOfField(name: string, description: string | undefined): PerTryKind | undefined {
  const kind = perTryKindOf(name);
  if (kind !== undefined || description === undefined || !isNameOfKey.test(name)) return kind;
  return isKeyOfTry.test(description.slice(0, DESCRIPTION_CHARS_MAX)) ? 'chosen' : undefined;
}

const epochSeconds = { min: 1e9, max: 1e11 };
const timestampText = /^(?:\d{10}|\d{13}|\d{16}|\d{19}|\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}\S{0,40})$/;
/** Forms of values that somebody made up at random or from the clock, and never of a name that a person gave. */
const randomTexts: readonly RegExp[] = [
  /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/i,
  // ULID
  /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/i,
  /(?:^|[^0-9a-z])(?=\d*[a-f])(?=[a-f]*\d)[0-9a-f]{16,64}$/i,
  // Seconds or ms since 1970
  /(?<!\d)1[5-9]\d{8}(?:\d{3})?(?!\d)/,
  // Letters of both cases and digits, as nanoid and base64url have them
  /^(?=[\w-]*[a-z])(?=[\w-]*[A-Z])(?=(?:[A-Za-z_-]*\d){3})[\w-]{20,64}$/,
];
const RANDOM_CHARS_MAX = 128;
const signatureText = /^[A-Za-z0-9+/=_.:,-]{16,4096}$/;

/** Tests whether a value has the form of its kind: `timestamp: 30` is a place in a video. */
export function isPerTryValue(kind: PerTryKind, value: unknown): boolean {
  if (typeof value === 'object') return false;
  if (kind === 'key' || kind === 'reference') return typeof value !== 'boolean';
  if (kind === 'chosen') return isRandomText(value);
  if (kind === 'signature' || kind === 'seal') return typeof value === 'string' && signatureText.test(value);
  if (typeof value === 'number') return value >= epochSeconds.min && value < epochSeconds.max * 1e9;
  return typeof value === 'string' && timestampText.test(value);
}

function isRandomText(value: unknown): boolean {
  if (typeof value !== 'string' || value.length > RANDOM_CHARS_MAX) return false;
  return randomTexts.some((form) => form.test(value));
}

/** Tests for a number, or a number with a prefix such as `REQ-12` and `INC0012345`, by which people call a thing. */
export function isNumberOfThing(value: unknown): boolean {
  if (typeof value === 'number') return Number.isInteger(value) && value < epochSeconds.min;
  return typeof value === 'string' && /^\s*#?(?:[A-Z]{1,8}[-_ #]?)?\d{1,9}\s*$/.test(value);
}

const verbs =
  '(?:abort|approv|acknowledg|analy[sz]|annotat|assign|cancel|captur|chang|check|clos|complet|confirm|delet|edit|escalat|fetch|find|finish|get|inspect|join|list|look|modify|pay|poll|query|rate|react|read|reject|releas|remind|remov|reopen|reply|resend|respond|resum|retriev|revers|revok|score|show|stop|track|undo|updat|view|void|refund)';
/** "the payment to cancel", "the message that should be updated", "which order to look up" */
const isObjectOfVerb = new RegExp(
  String.raw`\b(?:(?:the|a|an|which|this|that)\s+(?:[\w'-]+\s+){1,5}?|id\s+(?!to (?:track|find|check|look)))(?:to|being|that should|that will|you want to)\s+(?:be\s+)?${verbs}`,
  'i',
);
/** "returned by generate_media", "Request ID from list_requests", "from the inbound message" */
const isFromElsewhere =
  /\b(?:existing|previous(?:ly)?|earlier|original|(?:returned|received|obtained) (?:by|from)|from (?:the |an? )?(?:\w+ )?[\w.]*(?:list|search|inbound|message|response|result|get_|find_|create_|start_))\b|\bfrom (?:list|search|get|find|create|start)_/i;
/** "ID of the invoice", where the noun is not a word for the call itself. */
const isOfAnotherThing =
  /\b(?:id|identifier|key|token|number|reference)\s+(?:of|for)\s+(?:the|a|an)\s+(?!(?:new|http|api|client|caller|current|request|call|operation|trace|span|invocation|tool|session|unique)\b)\w+/i;
const isAboutTry =
  /idempoten|at most once|exactly once|only once|duplicat|dedup|retr(?:y|ies|ied)|\btracing\b|\bfor (?:tracking|logging|debugging|monitoring)\b|traceab|telemetry|observab|linkage|correlat|nonce|replay|random|(?:client|caller|host)[- ](?:generated|supplied|provided|chosen|assigned|set|side)/i;
/** Says of an id of any name that a caller makes it up, so that a repeat of the request is recognised. */
const isKeyOfTry =
  /\bidempoten|dedup|\b(?:detect|prevent|avoid|reject|ignore|recogni[sz]e)\w* (?:\w+ ){0,3}duplicat|\bduplicate (?:submission|request|detection|payment|order|transaction|message)|\bretr(?:y|ied|ies)\b[^.]{0,60}\bwithout\b|\bsafe(?:ly)? (?:to )?(?:be )?retr|\b(?:client|caller)[- ]generated\b|\b(?:clients?|callers?|you) (?:should|must|can|may) (?:generate|choose|create|make up)\b|\bunique (?:\w+ )?(?:for|per|across|to|of) (?:each |every |all |the |this |a )?(?:requests?|calls?|attempts?|tries|try|invocations?|submissions?)\b/i;
/** Words for an id that somebody makes up, and for any other id. */
const mayBeAboutTry = /unique|uuid|guid/i;
const isTimeOfThing =
  /\b(?:events?|messages?|readings?|measure\w*|entry|log|occurr\w*|samples?|data ?points?|threads?|videos?|frames?|commits?|position|observ\w*|happen\w*|transactions?|comments?|posts?|usage|backup|clock\w*|bookings?|appointments?|visits?|meals?|shifts?|schedul\w*)\b/i;
const isTimeOfTry =
  /\b(?:request time(?:stamp)?|(?:of|when) (?:the|this|your) (?:request|call)|(?:request|call) (?:is|was) (?:sent|made|generated|signed|created)|(?:model|agent|client|caller) (?:generated|sent|made|created)|current|now|sign\w*|replay\w*|nonce|idempoten\w*|hmac)\b/i;
/** "defaults to now" is said of any time. */
const nowAsDefault = /\bdefault\w*:?\s+(?:is |to |= ?)?(?:the )?(?:now|current)\b/gi;
const isAuthorsSignature = /e-?mail|sign-?off|footer|block|person|hand-?written|image|greeting|function|method/i;
const isRequestSignature = /hmac|\brequest\b|webhook|replay|authenticat|payload/i;

/** What the schema says about a field: it names a `thing`, belongs to a `try`, may do so, or nothing. */
type Said = 'thing' | 'try' | 'maybe try' | 'nothing';

/** A declared field whose value may be new for each try. It depends on the schema alone. */
export interface PerTryField {
  readonly said: Said;
  readonly isNumber: boolean;
  readonly isRequired: boolean;
  /** Whether everything else that is required only says something about a thing. */
  readonly isOnlyIdentifier: boolean;
  /** Whether another required field names a thing. */
  readonly hasOtherId: boolean;
}

/** Reads what the schema says about a field. */
export function readPerTryField(kind: PerTryKind, field: DeclaredField): PerTryField {
  const { name, required, isNumber } = field;
  const isRequired = required.includes(name);
  return {
    said: saidOf(kind, field),
    isNumber,
    isRequired,
    isOnlyIdentifier: isRequired && isOnlyIdentifier(name, required),
    hasOtherId: required.some((other) => other !== name && isIdName.test(other) && perTryKindOf(other) === undefined),
  };
}

function saidOf(kind: PerTryKind, field: DeclaredField): Said {
  if (field.isEnumerated) return 'thing';
  const [noun = ''] = wordsOf(field.name);
  // "Correlation key" says nothing new about a field of this name.
  const description = (field.description ?? '')
    .slice(0, DESCRIPTION_CHARS_MAX)
    .replace(new RegExp(String.raw`\b${noun.replace(/\W/g, '')}[ _-]?(?:id|key|identifier|uuid)s?\b`, 'gi'), 'id');
  const isTime = kind === 'timestamp' || kind === 'moment';
  const isSignature = kind === 'signature' || kind === 'seal';
  if (isTime && isTimeOfThing.test(description)) return 'thing';
  if (isSignature && isAuthorsSignature.test(description)) return 'thing';
  if (isObjectOfVerb.test(description) || isFromElsewhere.test(description)) return 'thing';
  if (isTime) return isTimeOfTry.test(description.replace(nowAsDefault, '')) ? 'try' : 'nothing';
  if (isSignature) return isRequestSignature.test(description) ? 'try' : 'nothing';
  if (isAboutTry.test(description)) return 'try';
  // "Unique id of the order" is said of an id that the caller makes up for it, too.
  if (kind === 'chosen') return 'maybe try';
  if (isOfAnotherThing.test(description)) return 'thing';
  return mayBeAboutTry.test(description) ? 'maybe try' : 'nothing';
}

const isIdName = /(?:^|[_-])(?:id|key|number|slug|sku|code)$|[a-z](?:Id|Key|Number)$/;

/** Names of arguments that say something about a thing, but never which thing. */
const isRemark =
  /^(?:reason|comment|note|decision|approved?|accept(?:ed)?|status|action|confirm(?:ed)?|force|dry_?run)$/i;

function isOnlyIdentifier(name: string, required: readonly string[]): boolean {
  return required.every((other) => other === name || isRemark.test(other) || perTryKindOf(other) !== undefined);
}

/** Words of tools that make a request, and do not work on an existing one. */
const makes = wordSet('create make new add send submit post put http open start raise file request');
/** Words of tools that work on what exists. */
const works = wordSet(
  'approve reject decline deny assign reassign unassign close resolve reopen escalate complete finish remind reminder annotate score rate comment reply respond answer update edit modify cancel revoke undo resume abort stop poll get fetch check acknowledge review fulfil fulfill archive delete remove note worklog',
);
/** Words of tools that move money, where a second execution is the worse error. */
const movesMoney = wordSet(
  'charge charges pay payment payments payout payouts transfer transfers refund refunds purchase purchases buy sell swap trade withdraw withdrawal deposit checkout invoice invoices bill billing order orders',
);
/** Words of tools whose times are content. */
const records = wordSet(
  'record records log logs track measure measurement measurements reading readings sample samples book booking bookings reserve reservation schedule scheduled clock punch attendance timesheet entry entries checkin observation observations metric metrics telemetry ingest symptom meal weight snooze alarm appointment slot history annotate annotation marker usage event events',
);

/** What the name of a tool says about ids and times among its arguments. */
export interface ToolHabits {
  readonly words: readonly string[];
  readonly works: boolean;
  readonly movesMoney: boolean;
  readonly records: boolean;
  readonly signs: boolean;
}

/** Reads the habits of a tool from the words of its name. */
export function toolHabitsOf(words: readonly string[]): ToolHabits {
  const has = (set: ReadonlySet<string>): boolean => words.some((word) => set.has(word));
  return {
    words,
    works: has(works),
    movesMoney: has(movesMoney),
    records: has(records),
    signs: words.some((word) => word === 'sign' || word === 'signature'),
  };
}

/** Names of values that are used once: a nonce, and the id of a signed token (RFC 7519). */
export const isNonceName = /^(?:(?:x|request|client)[-_]?)?(?:nonce|jti)$/i;

/** Tests for a tool such as `approve_request` with the argument `request_id`. */
function isObjectOfTool(name: string, { words }: ToolHabits): boolean {
  const [noun = ''] = wordsOf(name);
  return (
    words.some((word) => word === noun || word === `${noun}s`) &&
    !words.some((word) => makes.has(word) && word !== noun)
  );
}

/** Tests for a tool such as `create_request` with the argument `request_id`. */
function makesObject(name: string, { words }: ToolHabits): boolean {
  const [noun = ''] = wordsOf(name);
  return words.at(-1) === noun && words.some((word) => makes.has(word) && word !== noun);
}

/** Names of objects that hold what belongs to a try. */
const isTryObject =
  /^_?(?:meta|metadata|headers?|context|ctx|(?:request|trace)_?context|options|idempotency|trace|tracing|client|envelope|auth|request_?(?:meta|info))$/i;
/** Names of objects that hold nothing else. */
const isTransportObject = /^_?(?:meta|headers?|idempotency|tracing|request_?(?:meta|info))$/i;

/** A member of the arguments whose value may be new for each try. */
export interface PerTryMember {
  readonly kind: PerTryKind;
  readonly name: string;
  readonly value: unknown;
  /** Undefined for a member that the schema does not declare. */
  readonly field: PerTryField | undefined;
  /** The name of the object around it; undefined for an argument and for an item of a list. */
  readonly objectName: string | undefined;
  /** Whether the schema lists the properties of the object, so that the tool does not know an undeclared one. */
  readonly isListed: boolean;
  readonly tool: ToolHabits;
  readonly beside: Beside;
}

/** What stands beside a member. Each is found out at the first use. */
export interface Beside {
  /** Whether a key or nonce stands there. */
  hasKey(): boolean;
  /** Whether a number used once stands there. */
  hasNonce(): boolean;
  hasSignature(): boolean;
  hasTimestamp(): boolean;
  /** Whether an id stands there that is left out. */
  hasTryReference(): boolean;
  /** Whether something there tells two calls apart. */
  hasContent(): boolean;
}

/** Decides whether a member with the form of its kind is new for each try, so that it is left out of the hash. */
export function isOfTry(member: PerTryMember): boolean {
  const { kind, field, name, tool, objectName } = member;
  if (field?.said === 'thing') return false;
  switch (kind) {
    case 'key':
      // What `meta` requires says nothing about the thing of the call.
      if (objectName !== undefined && isTryObject.test(objectName)) return true;
      return field === undefined || field.said === 'try' || !field.isOnlyIdentifier;
    case 'reference':
      return field === undefined ? isUndeclaredReferenceOfTry(member) : isReferenceOfTry(member, field);
    case 'chosen':
      return field === undefined || !field.isOnlyIdentifier;
    case 'timestamp':
      return isTimeOfTryHere(member);
    case 'moment':
      if (field?.said === 'try' || member.beside.hasSignature() || member.beside.hasNonce()) return true;
      return isInTryObject(objectName) && member.beside.hasTryReference();
    case 'seal':
      if (tool.signs) return false;
      return field?.said === 'try' || isOfRequest.test(name) || isDated(member.beside);
    case 'signature':
      if (tool.signs) return false;
      if (field?.said === 'try' || isOfRequest.test(name) || isInTryObject(objectName)) return true;
      if (member.beside.hasKey() || member.beside.hasTimestamp()) return true;
      return field === undefined && (member.isListed || member.beside.hasContent());
  }
}

function isDated(beside: Beside): boolean {
  return beside.hasKey() || beside.hasNonce() || beside.hasTimestamp();
}

function isInTryObject(objectName: string | undefined): boolean {
  return objectName !== undefined && isTryObject.test(objectName);
}

function isReferenceOfTry({ name, value, objectName, tool, beside }: PerTryMember, field: PerTryField): boolean {
  if (field.said === 'try') return !isObjectOfTool(name, tool) || !field.isOnlyIdentifier;
  if (isInTryObject(objectName)) return true;
  const { isRequired } = field;
  if (isObjectOfTool(name, tool) || (tool.works && !field.hasOtherId)) return false;
  if (field.said === 'maybe try') return true;
  if (field.isNumber || field.isOnlyIdentifier) return false;
  if (tool.movesMoney || makesObject(name, tool)) return true;
  if (isRequired) return beside.hasKey();
  return !isNumberOfThing(value);
}

function isUndeclaredReferenceOfTry({ name, value, objectName, isListed, tool, beside }: PerTryMember): boolean {
  if (isObjectOfTool(name, tool)) return false;
  if (isListed || beside.hasKey()) return true;
  if (objectName !== undefined && isTransportObject.test(objectName)) return true;
  if (isNumberOfThing(value)) return false;
  return isInTryObject(objectName) || beside.hasSignature() || beside.hasContent();
}

function isTimeOfTryHere({ field, name, objectName, isListed, tool, beside }: PerTryMember): boolean {
  if (field?.said === 'try' || isOfRequest.test(name) || isInTryObject(objectName)) return true;
  if (field === undefined && isListed) return true;
  if (tool.records) return false;
  if (beside.hasKey() || beside.hasSignature()) return true;
  if (tool.movesMoney && field !== undefined) return true;
  return field?.isRequired !== true && beside.hasTryReference();
}

const isPersonName =
  /^(?:by|user|username|author|actor|approver|assignee|agent|requester|technician|owner|reviewer|signer|sender|employee|person|who)$/;
const isTextName = /^(?:text|message|body|content|title|subject|description|memo|prompt|query)$/;
/** A short word such as `approved`. */
const statusText = /^\s*[\p{L}_-]{0,24}\s*$/u;
const CONTENT_DEPTH_MAX = 4;
const CONTENT_NAMES_MAX = 1_000;

/**
 * Tests whether an object has a member that tells two calls apart: a number, a text, a list. Booleans, states, remarks and
 * names of persons do not.
 */
export function hasContent(object: Readonly<Record<string, unknown>>, depth = 0): boolean {
  let count = 0;
  for (const name in object) {
    count += 1;
    if (count > CONTENT_NAMES_MAX) return true;
    if (perTryKindOf(name) === undefined && isContent(name, object[name], depth)) return true;
  }
  return false;
}

function isContent(name: string, value: unknown, depth: number): boolean {
  if (name.length > NAME_CHARS_MAX) return true;
  if (isRemark.test(name)) return false;
  if (typeof value === 'number') return true;
  const last = wordsOf(name).at(-1) ?? '';
  if (typeof value === 'string') {
    if (isTextName.test(last)) return value !== '';
    return !isPersonName.test(last) && !statusText.test(value) && !value.includes('@');
  }
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.length > 0;
  if (isTryObject.test(name)) return false;
  return depth >= CONTENT_DEPTH_MAX || hasContent(value as Readonly<Record<string, unknown>>, depth + 1);
}
