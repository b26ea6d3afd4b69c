/**
 * Reads one word that contains a digit, in lower case and without punctuation around it. Returns what it states, such as
 * `n:50`, `c:usd`, `t:15:00`, `m:11`. Variants of one fact give equal results: `1,000` and `1000`, `$50` and `50usd`.
 */
export function numericFacts(
  word: string,
  units: ReadonlyMap<string, string>,
  currencies: ReadonlyMap<string, string>,
): string[] {
  return timeFacts(word) ?? dateFacts(word) ?? amountFacts(word, units, currencies) ?? [`i:${bareIdentifier(word)}`];
}

/** Returns the time of day as `t:15:00`; undefined if there is no such time. */
export function timeFact(hours: number, minutes: number, half: string | undefined): string | undefined {
  if (hours > 24 || minutes > 59 || (half !== undefined && hours > 12)) return undefined;
  const hour = half === 'pm' ? (hours % 12) + 12 : half === 'am' ? hours % 12 : hours % 24;
  return `t:${hour}:${String(minutes).padStart(2, '0')}`;
}

/** `INV-12` and `inv12` are one identifier; `3-5` and `35` are not. */
function bareIdentifier(word: string): string {
  return /^[a-z]+-\d+$/.test(word) ? word.replace('-', '') : word;
}

function timeFacts(word: string): string[] | undefined {
  const match = /^(\d{1,2})(?:([:.h])(\d{2})(?::\d{2})?)?([ap])?\.?(m)?$/.exec(word);
  if (match === null) return undefined;
  const [, hours = '', mark, minutes = '0', half, isHalf] = match;
  if ((half === undefined) !== (isHalf === undefined)) return undefined;
  if (half === undefined && mark !== ':' && mark !== 'h') return undefined;
  const fact = timeFact(Number(hours), Number(minutes), half && `${half}m`);
  return fact === undefined ? undefined : [fact];
}

/** Reads year first with hyphens, and day first with full stops. Dates with slashes are ambiguous. */
function dateFacts(word: string): string[] | undefined {
  const iso = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:t(\S+))?$/.exec(word);
  if (iso !== null) {
    const [, year, month, day, time] = iso;
    return [`n:${year}`, `m:${Number(month)}`, `n:${Number(day)}`, ...(time === undefined ? [] : [`i:${time}`])];
  }
  const european = /^(\d{1,2})\.(\d{1,2})\.(\d{4})?$/.exec(word);
  if (european === null) return undefined;
  const [, day, month, year] = european;
  return [`n:${Number(day)}`, `m:${Number(month)}`, ...(year === undefined ? [] : [`n:${year}`])];
}

function amountFacts(
  word: string,
  units: ReadonlyMap<string, string>,
  currencies: ReadonlyMap<string, string>,
): string[] | undefined {
  const range = /^(\d+)[-–—](\d+)(%?)$/.exec(word);
  if (range !== null) {
    const [, from = '', to = '', percent] = range;
    return [`n:${plainNumber(from)}`, `n:${plainNumber(to)}`, ...(percent === '' ? [] : ['u:%'])];
  }
  const start = word.search(/\d/);
  let end = start;
  while (end < word.length && /[\d.,'٬٫]/.test(word.charAt(end))) end += 1;
  while (end > start && !/\d/.test(word.charAt(end - 1))) end -= 1;
  const number = plainNumber(word.slice(start, end));
  const before = word.slice(0, start).replace(/^\+/, '');
  const after = word.slice(end);
  if (number === undefined) return undefined;
  const sign = before.startsWith('-') || before.startsWith('−') ? '-' : '';
  const prefix = before.replace(/^[-−]/, '').replace(/^(#|n°|nº|№|v)$/, '');
  const facts = [`n:${sign}${number}`];
  if (prefix !== '') {
    const currency = currencies.get(prefix);
    if (currency === undefined) return undefined;
    facts.push(`c:${currency}`);
  }
  return after === '' || isOrdinal(after) ? facts : withSuffix(facts, Number(number), after, units, currencies);
}

function isOrdinal(ending: string): boolean {
  return /^(st|nd|rd|th|e|er|eme|ème|º|ª|°|-й|-го|-я|ste|ten|te)$/.test(ending);
}

function withSuffix(
  facts: string[],
  number: number,
  suffix: string,
  units: ReadonlyMap<string, string>,
  currencies: ReadonlyMap<string, string>,
): string[] | undefined {
  const rest = suffix.replace(/^[-–]/, '');
  if (rest === 'k') return [`n:${number * 1000}`, ...facts.slice(1)];
  if (rest === 'x') return [...facts, 'u:x'];
  const currency = currencies.get(rest);
  if (currency !== undefined) return [...facts, `c:${currency}`];
  const unit = units.get(rest);
  return unit === undefined ? undefined : [...facts, `u:${unit}`];
}

/** Removes separators of thousands and zeros at the end. Undefined for a version or a number with leading zeros. */
function plainNumber(digits: string): string | undefined {
  const marks = digits.replace(/\d/g, '');
  let plain = digits;
  if (/^\d{1,3}([.,'])\d{3}(?:\1\d{3})*$/.test(digits) && !digits.startsWith('0')) plain = digits.replace(/\D/g, '');
  else if (marks.length === 1) plain = digits.replace(/\D/, '.');
  else if (marks.length > 1) {
    const decimal = marks.charAt(marks.length - 1);
    const groups = marks.slice(0, -1);
    if (groups.includes(decimal)) return undefined;
    plain = digits
      .split(decimal)
      .map((part) => part.replace(/\D/g, ''))
      .join('.');
  }
  if (/^0\d/.test(plain)) return undefined;
  return plain.includes('.') ? plain.replace(/0+$/, '').replace(/\.$/, '') : plain;
}
