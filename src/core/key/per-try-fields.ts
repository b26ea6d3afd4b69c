import { wordsOf } from './fold-text.ts';

/** Names that are used for idempotency keys only. */
export const idempotencyKeyName = /^(x[-_]?)?(idempoten(cy|t|ce)?|dedup(e|lication)?)[-_]?(key|id|token)$/i;
/** Says that a field or tool is about repeats of a request. */
export const isAboutRepeats = /idempoten|at most once|exactly once|only once|duplicat|retr(y|ies|ied)/i;

/** Names, without separators and in lower case, of values that a caller makes up for each try. */
const keyNames =
  /^x?(?:idempoten(?:cy|t|ce)?(?:key|id|token)?|dedup(?:e|lication)?(?:key|id|token)|(?:client)?request(?:id|key|uuid|token)|uniquerequestid|client(?:token|mutationid)|nonce|correlation(?:id|key)|trace(?:id|parent)|spanid)$/;
const timestampNames = /^x?(?:request)?timestamp$/;
const signatureNames = /^x?(?:request|hmac)?signature$/;

const NAME_CHARS_MAX = 64;
const DESCRIPTION_CHARS_MAX = 2_000;

/** The kinds of fields whose value is new for each try. */
export type PerTryKind = 'key' | 'timestamp' | 'signature';

/** What is known about a declared field besides its name. */
interface DeclaredField {
  readonly name: string;
  readonly description: string | undefined;
  /** Whether the schema lists the values, as it does for a choice. */
  readonly isEnumerated: boolean;
  /** The properties that the arguments need; undefined for a field inside of an argument. */
  readonly required: readonly string[] | undefined;
}

const NAMES_MAX = 5_000;
const kinds = new Map<string, PerTryKind | undefined>();

/** Returns which kind of value a name stands for that a caller makes up for each try, in any spelling. */
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
  if (timestampNames.test(bare)) return 'timestamp';
  return signatureNames.test(bare) ? 'signature' : undefined;
}

const epochSeconds = { min: 1e9, max: 1e11 };
const timestampText = /^(?:\d{10}|\d{13}|\d{16}|\d{19}|\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}\S{0,40})$/;
const signatureText = /^[A-Za-z0-9+/=_.:,-]{16,4096}$/;

/** Tests whether a value has the form of its kind: `timestamp: 30` is a place in a video. */
export function isPerTryValue(kind: PerTryKind, value: unknown): boolean {
  if (typeof value === 'object') return false;
  if (kind === 'key') return typeof value !== 'boolean';
  if (kind === 'signature') return typeof value === 'string' && signatureText.test(value);
  if (typeof value === 'number') return value >= epochSeconds.min && value < epochSeconds.max * 1e9;
  return typeof value === 'string' && timestampText.test(value);
}

const verbs =
  '(?:abort|approv|acknowledg|cancel|captur|chang|check|clos|complet|confirm|delet|edit|fetch|find|finish|get|inspect|join|list|look|modify|pay|poll|query|react|reject|releas|remov|reopen|reply|resend|respond|resum|retriev|revers|revok|show|stop|track|undo|updat|view|void|refund)';
/** "the payment to cancel", "the message that should be updated", "which order to look up" */
const isObjectOfVerb = new RegExp(
  String.raw`\b(?:the|a|an|which|this|that)\s+(?:[\w'-]+\s+){1,5}?(?:to|being|that should|that will|you want to)\s+(?:be\s+)?${verbs}`,
  'i',
);
const isFromElsewhere = /\b(?:existing|previous(?:ly)?|earlier|original|(?:returned|received|obtained) (?:by|from))\b/i;
/** "ID of the invoice", where the noun is not a word for the call itself. */
const isOfAnotherThing =
  /\b(?:id|identifier|key|token|number|reference)\s+(?:of|for)\s+(?:the|a|an)\s+(?!(?:http|api|client|caller|current|request|call|operation|trace|span|invocation|tool|session|unique)\b)\w+/i;
const isAboutTry =
  /idempoten|at most once|exactly once|only once|duplicat|retr(?:y|ies|ied)|\btrac(?:e|ing)\b|correlat|nonce|replay|unique|uuid|random|client[- ]generated/i;
const isTimeOfThing =
  /\b(?:events?|messages?|readings?|measure\w*|entry|log|occurr\w*|samples?|data ?points?|threads?|videos?|frames?|commits?|position|observ\w*|happen\w*|transactions?|comments?|posts?)\b/i;
const isAuthorsSignature = /e-?mail|sign-?off|footer|block|person|hand-?written|image|greeting|function|method/i;

/** Words of tools that make a request, and do not work on an existing one. */
const makes = new Set('create make new add send submit post put http open start raise file request'.split(' '));

/** Tests whether a declared field identifies something besides this try, so that two values mean two operations. */
export function identifiesSomething(kind: PerTryKind, field: DeclaredField): boolean {
  if (field.isEnumerated) return true;
  const description = descriptionOf(field);
  if (kind === 'timestamp' && isTimeOfThing.test(description)) return true;
  if (kind === 'signature' && isAuthorsSignature.test(description)) return true;
  if (isObjectOfVerb.test(description) || isFromElsewhere.test(description)) return true;
  if (isAboutTry.test(description)) return false;
  if (kind === 'key' && isOfAnotherThing.test(description)) return true;
  return isRequired(field) && isOnlyIdentifier(field.name, field.required ?? []);
}

/** Tests whether the name of the tool may say that it works on what the field names. */
export function mayBeObjectOfTool(field: DeclaredField): boolean {
  return isRequired(field) && !isAboutTry.test(descriptionOf(field));
}

function isRequired({ name, required }: DeclaredField): boolean {
  return required?.includes(name) === true;
}

function descriptionOf({ description = '' }: DeclaredField): string {
  return description.slice(0, DESCRIPTION_CHARS_MAX);
}

/** Names of arguments that say something about a thing, but never which thing. */
const isRemark =
  /^(?:reason|comment|note|decision|approved?|accept(?:ed)?|status|action|confirm(?:ed)?|force|dry_?run)$/i;

function isOnlyIdentifier(name: string, required: readonly string[]): boolean {
  return required.every((other) => other === name || isRemark.test(other) || perTryKindOf(other) !== undefined);
}

/** Tests for a tool such as `approve_request` with the argument `request_id`. */
export function isObjectOfTool(name: string, tool: string): boolean {
  const [noun = ''] = wordsOf(name);
  const words = wordsOf(tool);
  return (
    words.some((word) => word === noun || word === `${noun}s`) &&
    !words.some((word) => makes.has(word) && word !== noun)
  );
}
