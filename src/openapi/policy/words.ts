import { wordsOf } from '../../core/key/fold-text.ts';
import { actOfVerb, guessAct, guessByName, sentenceWords, type ToolAct } from '../../core/tool/class-words.ts';
import { wordSet } from '../../core/word-set.ts';
import type { ListedOperation } from '../document/types.ts';

/** What one text of an operation says that the operation does. */
export interface Said {
  readonly act: ToolAct;
  /** The word that decides. */
  readonly word: string;
  readonly where: 'path' | 'operationId' | 'summary';
}

/** Matches `/orders/{id}` and `/files/{name}.json`, but neither `/orders/last` nor `/orders/{id}:cancel`. */
const endsInParameter = /\{[^{}/]+\}(\.\w+)?\/?$/;
const fileExtension = /\.(?:json|xml|csv)$/i;

/** Words before a verb that do not change what it says. */
const fillers = wordSet(
  `bulk batch async asynchronously multi multiple mass api this endpoint method operation call use allow let you your
  the to it can will will be used for us user users please admin`,
);
/** Words after which a word such as `order` is a verb. */
const determiners = wordSet('a an the this that these those your all one any multiple each several new existing');
/** What "Returns ..." returns without doing anything else. Goods are returned as well. */
const information = wordSet('url urls link links list history stats statistics information info details data status');
/** Resources that the Kubernetes API only answers, and never keeps. */
const virtualReviews = /(?:subject|subjectaccess|subjectrules|token)reviews$/i;
/** Lists on which an entry is, or is not. */
const stateLists = /\b(?:white|black|allow|deny|block)[ _-]?lists?\b/i;
/** What an operation checks without a change, as in "Check whether a name is free". */
const checksWhether = /^checks? (?:whether|if)\b/i;
/** What a check may do besides. */
const changes =
  /\b(?:creat|add|send|charg|updat|start|delet|remov|regist|reserv|book|order|mak|set|issu|submit|sav|stor|then|otherwise)/i;
const sanitizesText =
  /^saniti[sz]es? (?:(?:one or more|an?|the) )?(?:\w+ )?(?:query|queries|expressions?|text|html|markup|markdown|strings?|input)\b/i;
/** What an operation generates from what is known, without keeping it. */
const picture = wordSet('qr qrcode barcode preview thumbnail');
/** What somebody did with a thing, as in `/events/{id}/seen`. */
const participle = /^(?:seen|unread|viewed|dismissed)$/;
/** Words for a query in a language that can write. */
const statementWords = /\b(?:sql|graphql|cypher|gremlin|sparql|mutation)\b/i;

/** Returns whether the path identifies one resource. */
export function namesResource(path: string): boolean {
  return endsInParameter.test(path);
}

/** The last word group of a path that does not end in a parameter: `cancel` of `/orders/{id}:cancel`. */
export interface PathAction {
  /** The path before it, with its separator. */
  readonly before: string;
  readonly text: string;
  /** Whether it can only be an action, because it follows a parameter, a dot or a colon. */
  readonly isSeparate: boolean;
}

export function pathAction(path: string): PathAction | undefined {
  if (namesResource(path)) return undefined;
  const plain = path.replace(/\/+$/, '').replace(fileExtension, '');
  const cut = Math.max(plain.lastIndexOf('/'), plain.lastIndexOf('.'), plain.lastIndexOf(':'), plain.lastIndexOf('}'));
  const text = plain.slice(cut + 1);
  if (text === '') return undefined;
  const before = plain.slice(0, cut + 1);
  return { before, text, isSeparate: /[.:}]$|\}\/$|\/actions\/$/.test(before) };
}

/** Returns whether the last words of a path may read or write: `/events/sync`. */
export function isUnclearAction(path: string): boolean {
  const [lead = ''] = wordsOf(pathAction(path)?.text ?? '');
  return actOfVerb(lead)?.act === 'unclear';
}

/** Returns what the texts of an operation say, in the order in which they are trusted. */
export function saidBy(listed: ListedOperation): readonly Said[] {
  const said = [saidByPath(listed), saidById(listed), saidBySummary(listed) ?? saidToCompute(listed)];
  return said.filter((each) => each !== undefined);
}

function saidByPath({ path, summary, description }: ListedOperation): Said | undefined {
  const action = pathAction(path);
  if (action === undefined) return undefined;
  const all = wordsOf(action.text);
  const words = all.filter((word, index) => !fillers.has(word) || index === all.length - 1);
  const [lead = '', second = ''] = words;
  if (virtualReviews.test(action.text)) return { act: 'read', word: 'review', where: 'path' };
  const phrase = saidByPhrase(all, words, action.isSeparate);
  // `/documents.viewed` lists what was viewed.
  const isListed = phrase?.act === 'state' && participle.test(lead) && /^lists? /i.test(summary ?? description ?? '');
  if (isListed) return undefined;
  if (phrase !== undefined) return { ...phrase, where: 'path' };
  if (words.length === 1 && lead === 'query') {
    return statementWords.test(`${path} ${summary ?? ''} ${description?.slice(0, 500) ?? ''}`)
      ? undefined
      : { act: 'read', word: lead, where: 'path' };
  }
  if (words.length === 1 && lead === 'download') return { act: 'read', word: lead, where: 'path' };
  if (words.length === 1 && lead === 'info' && action.isSeparate) return { act: 'read', word: lead, where: 'path' };
  if (lead === 'empty' && action.isSeparate) return { act: 'delete', word: lead, where: 'path' };
  const verb = actOfVerb(lead);
  if (verb === undefined || verb.act === 'unclear') return undefined;
  // A noun such as `order` names a collection, unless it stands where only an action can.
  if (verb.isNoun && !action.isSeparate) return undefined;
  // `issue-fields` and `login_links` are things.
  const isPluralThing = verb.isNoun && !determiners.has(second) && /[^s]s$/.test(words.at(-1) ?? '');
  const isThing = words.length > 1 && (lead === 'login' || isPluralThing);
  if (isThing) return undefined;
  if (lead === 'import' || lead === 'upload') return { act: 'create', word: lead, where: 'path' };
  // `execute_read` reads.
  if (/^(?:execute|run|perform|do)$/.test(lead) && words.length === 2 && actOfVerb(second)?.act === 'read') {
    return { act: 'read', word: second, where: 'path' };
  }
  if (makesPicture(words)) return { act: 'read', word: lead, where: 'path' };
  const { act, word } = guessByName(words.join('_'));
  return { act, word: word === '' ? lead : word, where: 'path' };
}

/** Decides by words that say something else together than the first one alone. */
function saidByPhrase(
  all: readonly string[],
  words: readonly string[],
  isSeparate: boolean,
): Omit<Said, 'where'> | undefined {
  const [lead = '', second = ''] = words;
  // A copy under another name, and a commit on another branch, are new.
  if ((lead === 'save' && second === 'as') || (lead === 'cherry' && second === 'pick')) {
    return { act: 'create', word: `${lead} ${second}` };
  }
  if (lead === 'convert' && all[1] === 'to' && isSeparate) return { act: 'state', word: lead };
  // What was bought, lent or paid goes back once.
  if (words.length === 1 && isSeparate && lead === 'return') return { act: 'create', word: lead };
  // The next free number is only told.
  const isNextNumber = lead === 'generate' && second === 'next' && /^(?:number|id|name)$/.test(words.at(-1) ?? '');
  if (isNextNumber) return { act: 'read', word: `${lead} ${second}` };
  const isState = participle.test(lead) || /^(?:upgrade|downgrade|invalidate)$/.test(lead);
  if (words.length === 1 && isSeparate && isState) return { act: 'state', word: lead };
  if (lead === 'power' && /^(?:on|off|cycle)$/.test(second)) return { act: 'state', word: `${lead} ${second}` };
  const last = words.at(-1) ?? '';
  const isSwitch = words.length === 2 && /^(?:enable|disable|activate|deactivate)$/.test(last);
  if (isSwitch && actOfVerb(lead) === undefined) return { act: 'state', word: last };
  // The set is what is got, as in `getStickerSet`.
  const isGotten =
    lead === 'get' && last === 'set' && words.length > 2 && !all.some((word) => /^(?:and|or)$/.test(word));
  if (isGotten) return { act: 'read', word: lead };
  return last === 'preview' && words.length > 1 && actOfVerb(lead) === undefined
    ? { act: 'read', word: last }
    : undefined;
}

function makesPicture(words: readonly string[]): boolean {
  return words[0] === 'generate' && words.some((word) => picture.has(word));
}

/** Whether a sentence begins like "Creates a preview of an invoice". */
function makesPreview(words: readonly string[]): boolean {
  const [lead = '', ...rest] = words.filter((word) => !determiners.has(word));
  return lead === 'create' && rest[0] === 'preview' && (rest.length === 1 || rest[1] === 'of');
}

function saidById({ operationId, method, path, summary, description }: ListedOperation): Said | undefined {
  if (operationId === undefined || operationId.length > 200) return undefined;
  const words = wordsOf(operationId);
  const ofPath = new Set(wordsOf(path).flatMap((word) => [word, word.replace(/s$/, '')]));
  const own = words.filter((word) => word !== method.toLowerCase());
  // A name that was made of method and path says nothing new.
  if (own.every((word) => ofPath.has(word) || ofPath.has(word.replace(/s$/, '')))) return undefined;
  const [lead = ''] = own;
  const isByMethod = words[0] === method.toLowerCase() && words.length > 1;
  // `Connect_PostConnectConfig` names a thing in front of the method.
  const methodAt = words.indexOf(method.toLowerCase());
  if (methodAt > 0 && words[methodAt + 1] === words[0]) return undefined;
  if (isByMethod && actOfVerb(lead)?.isNoun !== false) return undefined;
  const named = (isByMethod ? own : words).filter((word, index) => index > 0 || !fillers.has(word)).join('_');
  const guess = guessAct({ name: named, description: summary ?? description });
  // `getContextsForProjectsAndIssueTypes` names two things, and issues nothing.
  const isThing = guess.act !== 'read' && words.indexOf(guess.word) > 1 && actOfVerb(guess.word)?.isNoun === true;
  const isRead = isThing && actOfVerb(lead)?.act === 'read' && startsWithRead(summary ?? description);
  if (isRead) return { act: 'read', word: lead, where: 'operationId' };
  if (guess.word === '' || (guess.isUnclear === true && guess.act !== 'read')) return undefined;
  return { act: guess.act, word: guess.word, where: 'operationId' };
}

function startsWithRead(text: string | undefined): boolean {
  const [lead = ''] = sentenceWords(text ?? '');
  return lead === 'return' || actOfVerb(lead)?.act === 'read';
}

function saidBySummary({ summary, description }: ListedOperation): Said | undefined {
  const text = summary ?? description;
  if (text === undefined) return undefined;
  // "To connect to a reader, the app needs a token" tells a purpose.
  if (/^to (?!\w+[^.]*(?:,? (?:send|make|use|call|submit|issue) (?:an?|this|the)\b|, you\b))/i.test(text))
    return undefined;
  const words = sentenceWords(text);
  const start = words.findIndex((word) => !fillers.has(word));
  if (start === -1 || start > 5) return undefined;
  const lead = words[start] ?? '';
  const sentence = words.slice(start);
  if (returnsInformation(sentence)) return { act: 'read', word: lead, where: 'summary' };
  if (lead === 'set' && sentence[1] === 'up' && sentence[2] !== 'or') {
    return { act: 'create', word: 'set up', where: 'summary' };
  }
  if (lead === 'share' && sentence.slice(1, 5).some((word) => /^(?:message|post|comment)$/.test(word))) {
    return { act: 'create', word: lead, where: 'summary' };
  }
  // "Create or refresh a token" makes one each time.
  if (lead === 'create' && sentence[1] === 'or' && /^(?:refresh|renew|reissue)$/.test(sentence[2] ?? '')) {
    return { act: 'create', word: lead, where: 'summary' };
  }
  const verb = actOfVerb(lead);
  if (verb === undefined || verb.act === 'unclear') return undefined;
  if (verb.isNoun && !determiners.has(words[start + 1] ?? '')) return undefined;
  if (makesPicture(sentence.slice(0, 5)) || makesPreview(sentence.slice(0, 6)))
    return { act: 'read', word: lead, where: 'summary' };
  if (verb.act !== 'read') {
    const { act } = guessByName(words.slice(start, start + 6).join('_'));
    return { act: act === 'read' ? verb.act : act, word: lead, where: 'summary' };
  }
  // "Gets or creates" writes.
  const joined = words.find((word, at) => {
    const isJoined = /^(?:or|and|then)$/.test(words[at - 1] ?? '') && at <= start + 3;
    const other = isJoined ? actOfVerb(word) : undefined;
    return other !== undefined && !other.isNoun && other.act !== 'read' && other.act !== 'unclear';
  });
  const act = joined === undefined ? 'read' : (actOfVerb(joined)?.act as ToolAct);
  return { act, word: joined ?? lead, where: 'summary' };
}

function returnsInformation([lead = '', ...rest]: readonly string[]): boolean {
  const object = rest.filter((word) => !determiners.has(word)).slice(0, 3);
  return lead === 'return' && object.some((word) => information.has(word));
}

/** Whether all that it does is to tell an address, which may be good for one use: "Gets a URL for editing". */
export function tellsAddress({ summary, description }: ListedOperation): boolean {
  return /^(?:gets?|returns?|retrieves?) (?:a|an|the) (?:\w+ )?(?:url|link)\b/i.test(summary ?? description ?? '');
}

/** Whether path and text say `check`, as in `/domains/check`, or that a signature is verified. Nobody checks in or out. */
export function onlyChecks({ path, summary, description }: ListedOperation): boolean {
  const [lead = '', second = ''] = wordsOf(pathAction(path)?.text ?? '');
  const text = (summary ?? description ?? '').replace(/^(?:\s*<[^<>]{1,100}>)+/, '');
  const [sentence = ''] = text.slice(0, 300).split(/[.\n]/);
  if (checksWhether.test(sentence) && !changes.test(sentence)) return true;
  if (lead === 'eval' || lead === 'evaluate') return /^evaluates? (?:an? |the )?(?:\w+ )?expressions?\b/i.test(text);
  if (lead === 'match') return /^checks? (?!in\b|out\b)/i.test(text);
  if (lead === 'sanitize') return sanitizesText.test(text);
  if (lead === 'verify') return /^verif(?:y|ies) (?:an? |the )?(?:digital |webhook )?signature\b/i.test(text);
  return lead === 'check' && !/^(?:in|out)$/.test(second) && /^checks? (?!in\b|out\b)/i.test(text);
}

/** Whether the text, or else the path, says that something is put on a list of what is allowed or denied. */
export function addsToStateList({ path, summary, description }: ListedOperation, byPathOnly: boolean): boolean {
  return stateLists.test(byPathOnly ? path : (summary ?? description ?? '').slice(0, 100));
}

/** A summary that is a title leaves the verb to the description: "Compute the value at risk". */
function saidToCompute({ description }: ListedOperation): Said | undefined {
  const [lead = '', next = ''] = sentenceWords(description);
  const computes = /^(?:compute|calculate|estimate|simulate)$/.test(lead) && determiners.has(next);
  return computes ? { act: 'read', word: lead, where: 'summary' } : undefined;
}
