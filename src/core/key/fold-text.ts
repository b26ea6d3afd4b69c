import { foldSigned } from './fold-signed.ts';

/**
 * What a string means, as a set of bits. A bit says that the string may be of this kind: a fold changes only strings that
 * also have the form of the kind.
 */
export const KIND = Object.freeze({
  /** White space is part of the meaning, as in source code, patterns, passwords and keys to press. */
  exact: 1,
  time: 2,
  email: 4,
  /** A currency or country code. */
  code: 8,
  uuid: 16,
  hex: 32,
  url: 64,
  /** Names a set when the value is a list of strings. */
  set: 128,
  /** Names a list whose order has a meaning, such as a ranking. */
  ordered: 256,
  /** Names a file next to which a text is the content of the file. */
  file: 512,
  /** A text that is the content of a file when it stands next to the name of a file. */
  content: 1_024,
  /** A day: midnight of it means the same. */
  day: 2_048,
  phone: 4_096,
});

const FORMATS: Readonly<Record<string, number>> = Object.freeze({
  'date-time': KIND.time,
  date: KIND.time | KIND.day,
  email: KIND.email,
  phone: KIND.phone,
  tel: KIND.phone,
  e164: KIND.phone,
  'idn-email': KIND.email,
  uuid: KIND.uuid,
  uri: KIND.url,
  'uri-reference': KIND.url,
  iri: KIND.url,
  url: KIND.url,
  hex: KIND.hex,
  currency: KIND.code,
  'iso-currency': KIND.code,
  'country-code': KIND.code,
  password: KIND.exact,
  regex: KIND.exact,
});

/** Returns the kind that a format of a JSON Schema stands for; 0 for an unknown format. */
export function kindOfFormat(format: string): number {
  return Object.hasOwn(FORMATS, format) ? (FORMATS[format] ?? 0) : 0;
}

const emailWords =
  'email emails mail to cc bcc from sender recipient recipients attendee attendees invitee invitees guest guests participant participants assignee assignees member members reviewer reviewers';
const timeWords =
  'at date dates time datetime on start end starts ends begin begins due deadline when from until till since before after expires expiry expiration scheduled schedule day timestamp';
const exactWords =
  'code script source snippet patch diff regex regexp pattern password passphrase secret separator delimiter prefix suffix indent indentation padding key keys char chars character characters keystrokes stdin input old new find search replace replacement raw blob payload';
const setWords =
  'labels tags recipients to cc bcc assignees attendees emails reviewers members participants invitees guests watchers followers collaborators categories keywords topics scopes permissions roles groups mentions';
const orderedWords =
  'order ordering sequence ranking rank priority priorities route path waypoints stops steps sort queue playlist columns positions';
const fileWords = 'path file filename filepath';
const contentWords = 'content contents text body data';

/** The kinds by the last word of a property name. */
const LAST_WORDS = new Map<string, number>();
function addWords(words: string, kind: number): void {
  for (const word of words.split(' ')) LAST_WORDS.set(word, (LAST_WORDS.get(word) ?? 0) | kind);
}
addWords(emailWords, KIND.email);
addWords(timeWords, KIND.time);
addWords(exactWords, KIND.exact);
addWords(orderedWords, KIND.ordered);
addWords(fileWords, KIND.file);
addWords(contentWords, KIND.content);
addWords('phone telephone mobile cell cellphone fax whatsapp msisdn to from recipient recipients', KIND.phone);
addWords('birthday birthdate dob', KIND.day | KIND.time);
addWords('currency country nationality', KIND.code);
addWords('id ids uuid guid', KIND.uuid);
addWords('color colour sha sha1 sha256 sha512 md5 checksum digest hash address', KIND.hex);
addWords('url urls uri link links href website webhook homepage endpoint callback', KIND.url);

const SET_NAMES: ReadonlySet<string> = new Set(setWords.split(' '));
/** Names of texts in which white space has a meaning, and whose last word does not say so. */
const EXACT_NAME = /^(old|new|search|replace)_?(str|string|text)$|^file_text$/;

const NAMES_MAX = 5_000;
const NAME_CHARS_MAX = 64;
const names = new Map<string, number>();

/** Returns the kinds that a property name stands for, whatever its spelling (`due_at`, `dueAt`, `due-at`). */
export function kindOfName(name: string): number {
  let kind = names.get(name);
  if (kind === undefined) {
    kind = readName(name);
    if (names.size >= NAMES_MAX) names.clear();
    if (name.length <= NAME_CHARS_MAX) names.set(name, kind);
  }
  return kind;
}

/** Splits a name in snake, kebab, camel or dotted case into words in lower case. */
export function wordsOf(name: string): readonly string[] {
  let words = splitNames.get(name);
  if (words === undefined) {
    words = split(name);
    if (splitNames.size >= NAMES_MAX) splitNames.clear();
    if (name.length <= NAME_CHARS_MAX) splitNames.set(name, words);
  }
  return words;
}

const splitNames = new Map<string, readonly string[]>();

function split(name: string): readonly string[] {
  return name
    .replace(/([\p{Ll}\p{N}])(\p{Lu})/gu, '$1 $2')
    .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');
}

function readName(name: string): number {
  if (name.length > NAME_CHARS_MAX) return 0;
  const words = wordsOf(name);
  const last = words.at(-1);
  if (last === undefined) return 0;
  const joined = words.join('_');
  let kind = LAST_WORDS.get(last) ?? 0;
  if (EXACT_NAME.test(joined)) kind |= KIND.exact;
  if (last === 'code' && /^(currency|country)$/.test(words.at(-2) ?? '')) kind = KIND.code;
  if (last === 'number' && /^(?:phone|telephone|mobile|cell|fax|whatsapp)$/.test(words.at(-2) ?? ''))
    kind |= KIND.phone;
  if (last === 'date' && words.at(-2) === 'birth') kind |= KIND.day;
  if (SET_NAMES.has(joined) || namesIdsOfSet(words)) kind |= KIND.set;
  return kind;
}

/** Tests for names such as `label_ids` and `attendeeEmails`. */
function namesIdsOfSet(words: readonly string[]): boolean {
  const [noun, last] = words.slice(-2);
  return (last === 'ids' || last === 'emails' || last === 'names') && noun !== undefined && SET_NAMES.has(`${noun}s`);
}

const INSTANT =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,30}))?)?(?:([Zz])|([+-])(\d{2}):?(\d{2}))?$/;
const DAY = /^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const EMAIL = /^[^\s@<>,;"]{1,64}@[^\s@<>,;"]{1,255}$/;
const NAMED_EMAIL = /^(?:[^<>@,;"]{0,200}|"[^"]{0,200}"\s{0,9})<([^\s@<>,;"]{1,64}@[^\s@<>,;"]{1,255})>$/;
const CODE = /^[A-Za-z]{2,3}$/;
const HEX =
  /^(?:0x[0-9a-f]+|#(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})$/i;
const HTTP_URL = /^(https?):\/\/([^/?#\\\s]*)([^\s]*)$/i;
const SHORT_MAX = 64;
const URL_MAX = 4_096;
const ADDRESSES_MAX = 10_000;

/** Returns the spelling that all strings with the same meaning share. The empty string and blank strings stay. */
export function foldText(text: string, kind: number): string {
  if (text.length === 0) return text;
  const plain = (kind & KIND.exact) === 0 ? foldSpace(text) : text;
  if (plain.startsWith('eyJ')) return foldSigned(plain);
  return kind === 0 ? plain : foldKind(plain, kind);
}

/** No-break spaces, and characters that are not visible. Joiners count: they change how Persian and emoji are read. */
const invisible = /[\u00a0\u202f\u00ad\u200b\u2060\ufeff]/;

/** Removes outer white space and invisible characters, and writes line ends as LF. */
function foldSpace(text: string): string {
  const seen = invisible.test(text)
    ? text.replace(/[\u00a0\u202f]/g, ' ').replace(/[\u00ad\u200b\u2060\ufeff]/g, '')
    : text;
  const trimmed = seen.trim();
  if (trimmed.length === 0) return text;
  return trimmed.includes('\r') ? trimmed.replace(/\r\n?/g, '\n') : trimmed;
}

function foldKind(text: string, kind: number): string {
  if (text.length <= SHORT_MAX) {
    if (kind & KIND.time && text.length >= 8) {
      if (isDigit(text)) return kind & KIND.day ? dayOf(foldTime(text)) : foldTime(text);
      if (LETTER_START.test(text)) return foldWrittenDay(text);
    }
    if (kind & KIND.phone && !text.includes('@')) return foldPhone(text, (kind & KIND.email) !== 0);
    if (kind & KIND.uuid && text.length === 36 && UUID.test(text)) return text.toLowerCase();
    if (kind & KIND.code && CODE.test(text)) return text.toLowerCase();
  }
  if (kind & KIND.hex && text.length <= 130 && HEX.test(text)) return text.toLowerCase();
  if (kind & KIND.url && text.length <= URL_MAX) return foldUrl(text);
  if (kind & KIND.email && text.includes('@')) return foldAddresses(text);
  return text;
}

function isDigit(text: string): boolean {
  const unit = text.charCodeAt(0);
  return unit >= 0x30 && unit <= 0x39;
}

/**
 * Writes a time with an offset (RFC 3339) as an instant in UTC, and a time without one in the same form without a zone.
 * Fractions keep all digits but trailing zeros. A text that is not a valid time stays.
 */
function foldTime(text: string): string {
  const day = DAY.exec(text);
  if (day !== null) {
    const folded = `${day[1]}-${day[2]?.padStart(2, '0')}-${day[3]?.padStart(2, '0')}`;
    return isDay(folded) ? folded : text;
  }
  const [, dayBefore, monthBefore, yearAfter] = DAY_FIRST.exec(text) ?? DOTTED_DAY.exec(text) ?? [];
  if (yearAfter !== undefined) return writtenDay(yearAfter, monthBefore ?? '', dayBefore ?? '') ?? text;
  const [found, year, month, date, hour, minute, second = '00', fraction = '', zulu, sign, hours, minutes] =
    INSTANT.exec(text) ?? [];
  if (found === undefined || !isDay(`${year}-${month}-${date}`)) return text;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return text;
  const digits = fraction.replace(/0+$/, '');
  const tail = digits === '' ? '' : `.${digits}`;
  const local = `${year}-${month}-${date}T${hour}:${minute}:${second}`;
  if (zulu !== undefined) return `${local}${tail}Z`;
  if (sign === undefined) return `${local}${tail}`;
  const offset = Number(hours) * 60 + Number(minutes);
  const instant = Date.parse(`${local}Z`) - (sign === '-' ? -offset : offset) * 60_000;
  const utc = new Date(instant).toISOString();
  return utc.length === 24 && offset < 1_440 && Number(minutes) < 60 ? `${utc.slice(0, 19)}${tail}Z` : text;
}

const MIDNIGHT = /^(\d{4}-\d{2}-\d{2})T00:00:00Z?$/;

/** Midnight in UTC, or without a zone, stands for its day. */
function dayOf(text: string): string {
  return MIDNIGHT.exec(text)?.[1] ?? text;
}

const LETTER_START = /^[a-z]{3}/i;
const monthNames = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ');
const WRITTEN_MONTH =
  '(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\\.?';
const MONTH_FIRST = new RegExp(`^${WRITTEN_MONTH} (\\d{1,2})(?:st|nd|rd|th)?,? (\\d{4})$`, 'i');
const DAY_FIRST = new RegExp(`^(\\d{1,2})(?:st|nd|rd|th)?\\.? ${WRITTEN_MONTH},? (\\d{4})$`, 'i');
/** Dots stand between day, month and year, in this order, wherever people write them. */
const DOTTED_DAY = /^(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})$/;

/** Writes "December 1, 2026" as a day. Slashes stay: 1/12 is a day in December or in January. */
function foldWrittenDay(text: string): string {
  const [, month = '', day = '', year = ''] = MONTH_FIRST.exec(text) ?? [];
  return year === '' ? text : (writtenDay(year, month, day) ?? text);
}

function writtenDay(year: string, month: string, day: string): string | undefined {
  const number = /^\d/.test(month) ? Number(month) : monthNames.indexOf(month.slice(0, 3).toLowerCase()) + 1;
  const folded = `${year}-${String(number).padStart(2, '0')}-${day.padStart(2, '0')}`;
  return isDay(folded) ? folded : undefined;
}

/** Other signs than these, such as letters, make another text of a number: an extension, or a name. */
const PHONE = /^(?:\+|00)?[\d\s()./\u2010-\u2015-]{6,32}$/;

/**
 * Writes a phone number without spaces and signs, and the prefix of a foreign number as `+`.
 * @param needsPlus whether a text without a plus stays, as in `to: "12345678"`
 */
function foldPhone(text: string, needsPlus: boolean): string {
  const plain = text.normalize('NFKC').trim();
  if (!PHONE.test(plain) || (needsPlus && !plain.startsWith('+'))) return text;
  const bare = plain.replace(/\(0\)/, '').replace(/[^\d+]/g, '');
  if (!/^\+?\d{6,16}$/.test(bare)) return text;
  return bare.startsWith('00') ? `+${bare.slice(2)}` : bare;
}

function isDay(text: string): boolean {
  const parsed = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(parsed) && new Date(parsed).toISOString().startsWith(text);
}

/** Folds scheme, host, default port and the empty path of an HTTP URL (RFC 3986 section 6.2.3). The rest stays. */
function foldUrl(text: string): string {
  const [found, scheme = '', authority = '', rest = ''] = HTTP_URL.exec(text) ?? [];
  if (found === undefined || authority === '') return text;
  const at = authority.lastIndexOf('@') + 1;
  const host = authority.slice(at);
  if (!/^[!-~]+$/.test(host)) return text;
  const secure = scheme.length === 5;
  const bare = host.toLowerCase().replace(secure ? /:(?:443)?$/ : /:(?:80)?$/, '');
  const path = rest.startsWith('/') ? rest : `/${rest}`;
  return `${scheme.toLowerCase()}://${authority.slice(0, at)}${bare}${path}`;
}

/** Folds one e-mail address, or a list of them in one text. Such a list is a set. */
function foldAddresses(text: string): string {
  const one = foldAddress(text);
  if (one !== undefined) return one;
  const parts = text.split(/[,;]/, ADDRESSES_MAX + 1);
  if (parts.length < 2 || parts.length > ADDRESSES_MAX) return text;
  const folded: string[] = [];
  for (const part of parts) {
    const address = foldAddress(part.trim());
    if (address === undefined) return text;
    folded.push(address);
  }
  return [...new Set(folded)].sort().join(',');
}

/** A display name does not change who gets a message. */
function foldAddress(text: string): string | undefined {
  if (text.length > 600) return undefined;
  if (EMAIL.test(text)) return text.toLowerCase();
  return NAMED_EMAIL.exec(text)?.[1]?.toLowerCase();
}
