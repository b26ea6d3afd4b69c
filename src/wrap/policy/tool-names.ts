import { wordsOf } from '../../core/key/fold-text.ts';

/** Verbs that usually read. */
const readVerbs = new Set(
  'get list search read find describe query fetch lookup look view show count check inspect browse retrieve whoami ping status exists has is compare diff explain preview'.split(
    ' ',
  ),
);

/** Verbs that usually write. With one of them in a name, a reading verb counts only at the beginning. */
const writeVerbs = new Set(
  'create add insert append write put post set update upsert edit modify change patch replace rename move copy delete remove destroy drop clear purge archive restore send reply forward publish submit upload save store import sync merge push commit close open reopen cancel approve reject accept assign unassign enable disable start stop restart pause resume run execute exec invoke call trigger apply deploy install uninstall pay charge refund transfer buy sell order book schedule register subscribe unsubscribe invite grant revoke lock unlock mark toggle increment decrement click press type fill drag scroll navigate goto sleep wait generate make build claim ack acknowledge pop consume reserve issue rotate reset'.split(
    ' ',
  ),
);

/** Writing verbs that are nouns as well: after a reading verb they name what is read. */
const things = new Set(
  'post set change patch copy archive store import merge commit release order book schedule charge transfer issue lock mark build claim call start stop reset submit exec grant reserve refund invite restore sync install'.split(
    ' ',
  ),
);

/** The second word after `check` that makes it a write: `check_in`, `check_out`. */
const particles = new Set(['in', 'out', 'off']);

const joiners = new Set(['or', 'and', 'then']);

/** What a tool's name suggests. */
export type NameGuess =
  /** Probably a read, by this verb. `doubt` says why it may be something else. */
  | { readonly type: 'read'; readonly verb: string; readonly doubt?: string }
  /** Begins like a read and also names a write: `get_or_create`. */
  | { readonly type: 'read-or-write'; readonly verb: string; readonly writes: string }
  | { readonly type: 'none' };

/**
 * Guesses by its name whether a tool only reads. The verb stands first, or second after the name of a service
 * (`github_list_issues`) if the name has no writing verb. A wrong "read" makes a repeat take effect twice. A wrong
 * "write" replays a stored read, and says so. So in doubt, the tool does not count as a read.
 */
export function guessByName(name: string): NameGuess {
  const words = wordsOf(name);
  const [first = '', second = ''] = words;
  if (readVerbs.has(first)) return guessByFirst(first, words.slice(1));
  const writes = words.some((word, index) => writeVerbs.has(word) && !(index > 1 && things.has(word)));
  if (readVerbs.has(second) && !writes) {
    if (second === 'check' && particles.has(words[2] ?? '')) return { type: 'none' };
    return { type: 'read', verb: second, doubt: `"${second}" stands second in its name` };
  }
  return { type: 'none' };
}

function guessByFirst(verb: string, rest: readonly string[]): NameGuess {
  if (verb === 'check' && particles.has(rest[0] ?? '')) return { type: 'none' };
  const joined = rest.find((word, index) => writeVerbs.has(word) && joiners.has(rest[index - 1] ?? ''));
  if (joined !== undefined) return { type: 'read-or-write', verb, writes: joined };
  const writes = rest.find((word) => writeVerbs.has(word) && !things.has(word));
  return writes === undefined
    ? { type: 'read', verb }
    : { type: 'read', verb, doubt: `its name also holds "${writes}"` };
}
