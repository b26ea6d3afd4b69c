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
});

const FORMATS: Readonly<Record<string, number>> = Object.freeze({
  'date-time': KIND.time,
  date: KIND.time,
  email: KIND.email,
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
const NAMED_EMAIL = /^([^<>@,;]{0,200}?)\s*<([^\s@<>,;"]{1,64}@[^\s@<>,;"]{1,255})>$/;
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
  return kind === 0 ? plain : foldKind(plain, kind);
}

/** Removes outer white space, and writes line ends as LF. */
function foldSpace(text: string): string {
  const trimmed = text.trim();
  if (trimmed.length === 0) return text;
  return trimmed.includes('\r') ? trimmed.replace(/\r\n?/g, '\n') : trimmed;
}

function foldKind(text: string, kind: number): string {
  if (text.length <= SHORT_MAX) {
    if (kind & KIND.time && text.length >= 8 && isDigit(text)) return foldTime(text);
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

function foldAddress(text: string): string | undefined {
  if (text.length > 600) return undefined;
  if (EMAIL.test(text)) return text.toLowerCase();
  const [, name, address] = NAMED_EMAIL.exec(text) ?? [];
  if (address === undefined) return undefined;
  const bare = (name ?? '').trim().replace(/^"(.*)"$/, '$1');
  return bare === '' ? address.toLowerCase() : `${bare} <${address.toLowerCase()}>`;
}
