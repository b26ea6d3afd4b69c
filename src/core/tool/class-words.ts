import { wordsOf } from '../key/fold-text.ts';

/**
 * Guesses the class of a tool by the words in its name and description. English verbs of public MCP servers and APIs;
 * the words of a name come from `wordsOf`.
 */

/** Verbs that make, send, book or pay something: the same call is a repeat. */
const createVerbs = new Set(
  'create add insert post send reply forward publish submit upload import duplicate clone copy pay charge refund transfer buy sell order book schedule reserve register invite grant issue generate make build notify email mail message sms dispatch checkout purchase subscribe donate tip deposit withdraw payout invoice bill ship dispense redeem mint fork commit comment spawn launch provision request open'.split(
    ' ',
  ),
);

/** Verbs whose identical repeats are often meant: a second click, a second line in a log. */
const repeatableVerbs = new Set(
  'append log increment decrement click press type scroll drag hover navigate goto go back next previous step wait sleep poll roll random sample run execute exec test speak play take screenshot snapshot think sequentialthinking undo redo retry advance turn spin draw pop consume echo evaluate push enqueue key tap swipe'.split(
    ' ',
  ),
);

/** Verbs that delete or cancel something. */
const deleteVerbs = new Set(
  'delete remove destroy drop clear purge cancel void revoke uninstall terminate kill unregister erase wipe discard trash expunge prune'.split(
    ' ',
  ),
);

/** Words that say that money moves. */
const moneyWords = new Set(
  'pay pays payment payments charge charges refund refunds payout payouts transfer transfers invoice invoices bill billing checkout purchase purchases buy sell order orders trade trades withdraw withdrawal deposit deposits wire remit remittance donate donation tip subscribe subscription subscriptions topup payroll escrow settle settlement wallet'.split(
    ' ',
  ),
);

/** A guess by the verb in a tool's name. */
export type VerbGuess =
  | { readonly type: 'create' | 'repeatable' | 'delete'; readonly verb: string }
  | { readonly type: 'other' };

/** Guesses by the first verb in a tool's name that says something. A name without one changes something. */
export function guessByVerb(name: string): VerbGuess {
  for (const verb of wordsOf(name)) {
    if (deleteVerbs.has(verb)) return { type: 'delete', verb };
    if (repeatableVerbs.has(verb)) return { type: 'repeatable', verb };
    if (createVerbs.has(verb)) return { type: 'create', verb };
  }
  return { type: 'other' };
}

/** Whether a tool probably moves money, by its name and the first sentence of its description. */
export function soundsLikeMoney(name: string, description = ''): boolean {
  const [sentence = ''] = description.slice(0, 300).split(/[.\n]/);
  return [...wordsOf(name), ...wordsOf(sentence)].some((word) => moneyWords.has(word));
}
