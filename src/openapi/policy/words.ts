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
  the to it can will will be used for us user users please`,
);
/** Words after which a word such as `order` is a verb. */
const determiners = wordSet('a an the this that these those your all one any multiple each several new existing');
/** What an operation generates from what is known, without keeping it. */
const picture = wordSet('qr qrcode barcode preview thumbnail');
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
  return { before, text, isSeparate: /[.:}]$|\}\/$/.test(before) };
}

/** Returns whether the last words of a path may read or write: `/events/sync`. */
export function isUnclearAction(path: string): boolean {
  const [lead = ''] = wordsOf(pathAction(path)?.text ?? '');
  return actOfVerb(lead)?.act === 'unclear';
}

/** Returns what the texts of an operation say, in the order in which they are trusted. */
export function saidBy(listed: ListedOperation): readonly Said[] {
  const said = [saidByPath(listed), saidById(listed), saidBySummary(listed)];
  return said.filter((each) => each !== undefined);
}

function saidByPath({ path, summary, description }: ListedOperation): Said | undefined {
  const action = pathAction(path);
  if (action === undefined) return undefined;
  const words = wordsOf(action.text).filter((word, index, all) => !fillers.has(word) || index === all.length - 1);
  const [lead = ''] = words;
  if (words.length === 1 && lead === 'query') {
    return statementWords.test(`${path} ${summary ?? ''} ${description?.slice(0, 500) ?? ''}`)
      ? undefined
      : { act: 'read', word: lead, where: 'path' };
  }
  if (words.length === 1 && lead === 'download') return { act: 'read', word: lead, where: 'path' };
  if (words.length === 1 && lead === 'info' && action.isSeparate) return { act: 'read', word: lead, where: 'path' };
  const verb = actOfVerb(lead);
  if (verb === undefined || verb.act === 'unclear') return undefined;
  // A noun such as `order` names a collection, unless it stands where only an action can.
  if (verb.isNoun && !action.isSeparate) return undefined;
  // `issue-fields` and `login_links` are things.
  const isThing = words.length > 1 && (lead === 'login' || (verb.isNoun && /[^s]s$/.test(words.at(-1) ?? '')));
  if (isThing) return undefined;
  if (lead === 'import' || lead === 'upload') return { act: 'create', word: lead, where: 'path' };
  // `execute_read` reads.
  const [, second = ''] = words;
  if (/^(?:execute|run|perform|do)$/.test(lead) && words.length === 2 && actOfVerb(second)?.act === 'read') {
    return { act: 'read', word: second, where: 'path' };
  }
  if (makesPicture(words)) return { act: 'read', word: lead, where: 'path' };
  if (lead === 'convert' && words[1] === 'to' && action.isSeparate) return { act: 'state', word: lead, where: 'path' };
  if (lead === 'empty' && action.isSeparate) return { act: 'delete', word: lead, where: 'path' };
  const { act, word } = guessByName(words.join('_'));
  return { act, word: word === '' ? lead : word, where: 'path' };
}

function makesPicture(words: readonly string[]): boolean {
  return words[0] === 'generate' && words.some((word) => picture.has(word));
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
  if (isByMethod && actOfVerb(lead)?.isNoun !== false) return undefined;
  const named = (isByMethod ? own : words).filter((word, index) => index > 0 || !fillers.has(word)).join('_');
  const guess = guessAct({ name: named, description: summary ?? description });
  if (guess.word === '' || (guess.isUnclear === true && guess.act !== 'read')) return undefined;
  return { act: guess.act, word: guess.word, where: 'operationId' };
}

function saidBySummary({ summary, description }: ListedOperation): Said | undefined {
  const text = summary ?? description;
  if (text === undefined) return undefined;
  const words = sentenceWords(text);
  const start = words.findIndex((word) => !fillers.has(word));
  if (start === -1 || start > 5) return undefined;
  const lead = words[start] ?? '';
  const verb = actOfVerb(lead);
  if (verb === undefined || verb.act === 'unclear') return undefined;
  if (verb.isNoun && !determiners.has(words[start + 1] ?? '')) return undefined;
  if (makesPicture(words.slice(start, start + 5))) return { act: 'read', word: lead, where: 'summary' };
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
