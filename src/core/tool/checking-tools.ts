import { wordsOf } from '../key/fold-text.ts';
import { isWriteVerb } from './class-words.ts';

/** How many tools an answer names. */
const toolsMax = 3;

/** Verbs by which a caller checks whether something exists, the best first. */
const checkVerbs: readonly string[] = ['get', 'retrieve', 'fetch', 'read', 'show', 'find', 'list', 'search', 'query'];

/** Words of a tool's name that name no resource. */
const otherWords: ReadonlySet<string> = new Set(
  'create add send delete remove cancel get list search read find describe query fetch lookup look view show count check retrieve status exists has is set update upsert edit modify change patch put write replace rename move copy save store sync merge push close open reopen approve reject accept assign enable disable start stop restart pause resume call trigger apply deploy install lock unlock mark toggle make new all by id ids of in on to for from with the a an and or v1 v2 v3 api'.split(
    ' ',
  ),
);

/**
 * Chooses, among the tools that read an upstream, at most three with which a caller can check whether a tool took effect:
 * those that name the same resource. `get_invoice` and `list_invoices` check `create_invoice`.
 * @returns an empty list where no tool names the resource
 */
export function checkingTools(tool: string, readers: readonly string[]): readonly string[] {
  const resource = new Set(resourceWords(tool));
  const rated = readers.flatMap((name) => {
    const words = resourceWords(name);
    const shared = words.filter((word) => resource.has(word)).length;
    return shared === 0 ? [] : [{ name, shared, others: words.length - shared, verb: verbRank(name) }];
  });
  rated.sort((a, b) => b.shared - a.shared || a.others - b.others || a.verb - b.verb || a.name.localeCompare(b.name));
  return [...new Set(rated.map(({ name }) => name))].slice(0, toolsMax);
}

/**
 * The nouns in a tool's name, without their endings. Many nouns are verbs as well: a verb that stands first counts only
 * where nothing but verbs follow, as in `invoice_pay`.
 */
function resourceWords(name: string): readonly string[] {
  const words = wordsOf(name);
  const [first = '', ...rest] = words;
  const nouns = isWriteVerb(first) && !rest.every(isWriteVerb) ? rest : words;
  return nouns.filter((word) => !otherWords.has(word)).map(singular);
}

/** Cuts the ending, so that singular and plural are equal. The result need not be a word. */
function singular(word: string): string {
  if (word.length <= 3 || /(?:ss|us|is)$/.test(word)) return word;
  return word.replace(/ies$/, 'y').replace(/s$/, '').replace(/e$/, '');
}

function verbRank(name: string): number {
  const ranks = wordsOf(name)
    .map((word) => checkVerbs.indexOf(word))
    .filter((rank) => rank >= 0);
  return ranks.length === 0 ? checkVerbs.length : Math.min(...ranks);
}
