import { wordsOf } from '../../core/key/fold-text.ts';
import { soundsLikeMoney } from '../../core/tool/class-words.ts';
import type { Effect, ToolClass } from '../../core/tool/types.ts';
import { wordSet } from '../../core/word-set.ts';
import type { ListedOperation } from '../document/types.ts';
import type { OperationTraits } from './traits.ts';
import {
  addsToStateList,
  isUnclearAction,
  namesResource,
  onlyChecks,
  pathAction,
  type Said,
  saidBy,
  tellsAddress,
} from './words.ts';

/** What an operation does, as far as its document tells. */
export interface EffectGuess {
  readonly effect: Effect;
  readonly class: ToolClass;
  /** What decided, for people: `path says cancel`. */
  readonly why: readonly string[];
  /** How a wrong guess would show, where the document leaves doubt. */
  readonly doubt?: string;
  /** Whether it may remove or end something. */
  readonly isDestructive: boolean;
}

/** Words for one of several resources, which may be another one each time. */
const volatile = wordSet('last next first latest oldest newest random current head tail top');

/**
 * Verbs that end a matter, or move it one way. A repeat means the same act, also an hour later: a payment is confirmed once.
 */
const oneWay = wordSet(`confirm verify approve accept reject decline adjudicate appeal authorize reauthorize complete
  finalize finish capture settle commit redeem claim sign dispatch renew extend react process apply deny
  acknowledge
  increment decrement`);

/** Verbs of a state that may be called with a key for other reasons. Their same arguments may be meant again. */
const plainUpdates = wordSet(`update edit modify patch change set rename enable disable activate deactivate suspend
  pause resume revise archive unarchive restore mark pin unpin mute unmute lock unlock assign unassign move`);

/** Verbs that act on a screen or a list, and that a caller repeats. */
const screenVerbs = wordSet('click press scroll type navigate goto swipe tap drag hover undo redo wheel key');

/** Verbs that make somebody or something a member. With an opposite they set a state. */
const membership = wordSet('add follow subscribe react star like notify share');

/** Verbs for what a person thinks of somebody or something. A repeat sets the same state. */
const opinions = wordSet('follow star like mute block favorite favourite bookmark');

/** Collections of people who belong to something, such as `/groups/{id}/members`. */
const people = /\}\/(?:\w+[-_])?(?:members|followers|watchers|collaborators|assignees)$/i;

/** Things of which somebody has one. Another upload replaces it. */
const onePicture = /\}\/(?:\w+[-_])?(?:avatar|picture|logo|icon)$/i;

/** Verbs that remove, end or take back, besides those of the class `delete`. */
const destructiveWords =
  wordSet(`archive refund void suspend deactivate disable reverse reset terminate block ban revoke
  close trash reject decline expire invalidate stop shutdown reboot leave logout end hangup dismiss lock rotate
  overwrite replace merge detach disconnect unlink uninstall merge rollback revert restore transfer`);

/** What an operation that "gets" it usually makes. */
const grants = /(?:sessions?|token)$/i;

const methodOnly: Readonly<Partial<Record<string, Effect>>> = {
  GET: 'read',
  HEAD: 'read',
  OPTIONS: 'read',
  TRACE: 'read',
  // QUERY is safe and idempotent (draft-ietf-httpbis-safe-method-w-body).
  QUERY: 'read',
};

/**
 * Guesses what an operation does by method (RFC 9110, section 9.2), path, names, texts, declared responses and the other
 * operations of the document. Texts that disagree make the stricter guess. In a restricted document only the path may
 * weaken the guard, because a wrong name costs its author nothing.
 */
export function guessEffect(listed: ListedOperation, traits: OperationTraits): EffectGuess {
  const all = saidBy(listed).filter((each) => each.where !== 'path' || !namesCollection(listed, traits));
  const said = traits.isRestricted ? all.filter(({ where, act }) => where === 'path' || act === 'create') : all;
  const safe = methodOnly[listed.method];
  if (safe !== undefined)
    return { effect: safe, class: 'off', why: [listed.method], isDestructive: false, ...safeDoubt(listed, said) };
  switch (listed.method) {
    case 'DELETE':
      return guessDelete(listed);
    case 'PUT':
      return guessPut(listed, traits, traits.isRestricted ? all.filter(isStrict) : all);
    case 'PATCH':
      return guessPatch(listed, all);
    default:
      return guessPost(listed, traits, said);
  }
}

/** Whether a word of an untrusted document can only make the guard of a PUT stricter. */
function isStrict({ where, act, word }: Said): boolean {
  return where === 'path' || act === 'create' || word === 'append' || word === 'increment';
}

/** Whether a path such as `/merge_requests` is a collection, because its things have ids. */
function namesCollection({ path }: ListedOperation, { hasItems }: OperationTraits): boolean {
  const words = wordsOf(pathAction(path)?.text ?? '');
  return hasItems && words.length > 1 && /[^s]s$/.test(words.at(-1) ?? '');
}

function safeDoubt({ method }: ListedOperation, said: readonly Said[]): Pick<EffectGuess, 'doubt'> {
  const [first] = said;
  const writes = first?.where === 'path' && first.act !== 'read';
  return writes ? { doubt: `${method} counts as a read, but its path says "${first.word}": it may run twice` } : {};
}

function guessDelete({ method, path }: ListedOperation): EffectGuess {
  if (namesResource(path)) return change('delete', [method]);
  const action = pathAction(path);
  const isLoose = action === undefined || /[:.]$/.test(action.before) || volatile.has(action.text.toLowerCase());
  return isLoose
    ? change('update', [`${method} on a path that does not end in a parameter`])
    : change('delete', [method]);
}

function guessPut({ method, path }: ListedOperation, traits: OperationTraits, said: readonly Said[]): EffectGuess {
  if (namesResource(path)) return change('replace', [method]);
  const named = said.find(({ where }) => where !== 'summary') ?? said[0];
  const makes = named?.act === 'create' && named.word !== 'add' && named.word !== 'subscribe';
  const appends = named?.word === 'append' || named?.word === 'increment';
  const isSet = named?.where === 'path' && said.some((each) => each !== named && plainUpdates.has(each.word));
  if (named && (makes || appends) && !isSet) return create([method, because(named)], [named]);
  const isUpdate = named !== undefined && (plainUpdates.has(named.word) || named.act === 'delete');
  if (traits.declaresKey && !isUpdate) return create([method, 'declares an idempotency key'], said);
  return change('update', [`${method} on a path that does not end in a parameter`]);
}

function guessPatch({ method }: ListedOperation, said: readonly Said[]): EffectGuess {
  const named = said.find(({ word }) => word === 'append' || word === 'increment' || word === 'decrement');
  return named ? create([method, because(named)], [named]) : change('update', [method]);
}

function guessPost(listed: ListedOperation, traits: OperationTraits, said: readonly Said[]): EffectGuess {
  const { method, path } = listed;
  const reads = said.filter(({ act }) => act === 'read');
  const writes = said.filter(({ act }) => act !== 'read');
  const [read] = reads;
  const write = strongestWrite(writes);
  if (read && !write && read.where !== 'path' && grants.test(pathAction(path)?.text ?? '')) {
    const doubt = `its ${read.where} says "${read.word}", but what it gets may be new: if it only reads, a repeat gets an old answer`;
    return { ...create([method, `${read.where} says ${read.word}`], said), doubt };
  }
  if (read && write?.word !== 'create' && !traits.isRestricted && tellsAddress(listed)) {
    return { ...change('read', [method, 'tells an address']), class: 'off', isDestructive: false };
  }
  const isCheck = !write || /^(?:sanitize|eval|evaluate)$/.test(write.word);
  if (isCheck && !traits.isRestricted && !traits.answersCreated && onlyChecks(listed)) {
    return { ...change('read', [method, 'only checks']), class: 'off', isDestructive: false };
  }
  const keepsNothing = read?.where === 'path' && (read.word === 'preview' || read.word === 'review');
  const isNextNumber = read?.word === 'generate next' && write?.word === 'generate';
  if (read && (!write || (read.word === 'review' && keepsNothing) || isNextNumber)) {
    if (!traits.answersCreated || keepsNothing)
      return { ...change('read', [method, because(read)]), class: 'off', isDestructive: false };
    const doubt = `its ${read.where} says "${read.word}", but it answers 201: if it reads, a repeat gets an old answer`;
    return { ...create([method, 'answers 201'], said), doubt };
  }
  if (!write && traits.takesPage && isUnclearAction(path) && !traits.answersCreated && !traits.isRestricted) {
    return { ...change('read', [method, 'takes a page or a cursor']), class: 'off', isDestructive: false };
  }
  const guess = write ? guessWrite(listed, traits, write, writes) : guessByShape(listed, traits);
  if (!read || !write) return guess;
  const doubt = `its ${read.where} says "${read.word}" and its ${write.where} "${write.word}": if it reads, a repeat gets an old answer`;
  return { ...guess, doubt, why: [...guess.why, `not a read for "${read.word}"`] };
}

/** Decides by the verb of the most trusted text. */
function guessWrite(
  listed: ListedOperation,
  traits: OperationTraits,
  write: Said,
  writes: readonly Said[],
): EffectGuess {
  const { method, path } = listed;
  const why = [method, because(write)];
  // `/carriers/{name}` is a collection if its things have ids, and nothing reads or deletes the collection itself.
  const isCollection = traits.hasItems && !traits.isItem && !writes.some(({ word }) => plainUpdates.has(word));
  const byId = namesResource(path) && !isCollection;
  const money = (): boolean => soundsLikeMoney(`${listed.operationId ?? ''} ${path}`, listed.summary);
  const isTrusted = !traits.isRestricted || write.where === 'path';
  if (isTrusted && setsState(listed, traits, write, writes) && !money())
    return change('update', [...why, 'sets one state']);
  // "Store an avatar" that answers 201 makes one for what the path names.
  const isStored = write.where !== 'path' && traits.answersCreated && /^(?:store|save|load)$/.test(write.word);
  if (byId && isStored) return create([...why, 'answers 201'], writes);
  if (byId && writes.some(isUpdate)) return change('update', [...why, 'path ends in a parameter']);
  switch (write.act) {
    case 'delete':
      return change('delete', why);
    case 'create':
      if (isTrusted && isMembership(traits, write, writes) && traits.opposite !== undefined && !money()) {
        return change('update', [...why, `undone by ${traits.opposite.method} ${traits.opposite.path}`]);
      }
      return create(why, writes);
    case 'repeatable':
      if (screenVerbs.has(write.word)) return { ...change('update', why), class: 'repeatable', isDestructive: true };
      return create(why, writes);
    default: {
      if (runs(listed, traits, write)) return create([...why, 'starts a run'], writes);
      if (/^(?:up|down)grade$/.test(write.word) && money()) return create([...why, 'it sounds like money'], writes);
      // Who invalidates a token may get another one.
      if (write.word === 'invalidate' && /tokens?\b/i.test(path)) return create(why, writes);
      const isUpsert = writes.some(isUpsertWord);
      if (marksAs(listed, traits) && !traits.declaresKey && !money())
        return change('update', [...why, 'sets one state']);
      if (oneWay.has(write.word) || (!byId && mentionsUpsert(listed))) return create(why, writes);
      const isNounPath = write.where !== 'path' && /s$/i.test(pathAction(path)?.text ?? '');
      const isAssigned = write.word === 'assign' && namesObject(listed);
      if (isNounPath && traits.answersCreated && !isAssigned && write.word !== 'modify')
        return create([...why, 'answers 201'], writes);
      if (write.where !== 'path' && (write.word === 'move' || !plainUpdates.has(write.word)) && money()) {
        return create([...why, 'it sounds like money'], writes);
      }
      // "Assign a policy" at `/assignments` makes an assignment.
      if (
        write.where !== 'path' &&
        traits.hasItems &&
        !isAssigned &&
        !(plainUpdates.has(write.word) && write.word !== 'assign')
      ) {
        return create([...why, 'path names a collection'], writes);
      }
      if (!byId && traits.declaresKey && (isUpsert || write.word === 'change' || !plainUpdates.has(write.word))) {
        return create([...why, 'declares an idempotency key'], writes);
      }
      return change('update', byId ? [...why, 'path ends in a parameter'] : why);
    }
  }
}

/** Whether an operation sets something that is so or not: who belongs to a group, whom somebody follows, or a picture. */
function setsState(
  listed: ListedOperation,
  { item, isChanged, isRestricted }: OperationTraits,
  write: Said,
  writes: readonly Said[],
): boolean {
  const { path } = listed;
  if (write.word === 'add' && addsToStateList(listed, isRestricted)) return true;
  if (write.word === 'upload' || write.word === 'set') return onePicture.test(path);
  if (opinions.has(write.word)) return item !== undefined;
  const adds = writes.some(({ word }) => word === 'add' || word === 'assign');
  return adds && item !== undefined && !isChanged && people.test(path);
}

/** Whether each start makes a run of its own, which nothing stops: `/workflows/{id}/start`. */
function runs({ path }: ListedOperation, { opposite }: OperationTraits, write: Said): boolean {
  return write.word === 'start' && opposite === undefined && /\/(?:work)?flows?\/\{[^{}/]+\}\/start$/i.test(path);
}

/** Whether the text says "Marks a reminder as complete": doing it twice changes nothing. */
function marksAs(
  { summary, description }: ListedOperation,
  { isRestricted, answersCreated }: OperationTraits,
): boolean {
  const text = (summary ?? description ?? '').slice(0, 100);
  return !isRestricted && !answersCreated && /^marks? (?:an?|the|this) [\w ]{1,40} as \w+/i.test(text);
}

/** Whether the last word of the path is what the text names: "Assign trunks" at `/trunks`. */
function namesObject({ path, summary, operationId }: ListedOperation): boolean {
  const noun = wordsOf(pathAction(path)?.text ?? '').at(-1) ?? '';
  return noun !== '' && noun !== 'assignments' && wordsOf(summary ?? operationId ?? '').includes(noun);
}

/** The path comes first, unless the name says "create": `/remove-token` of `createRemoveToken` makes a token. */
function strongestWrite(writes: readonly Said[]): Said | undefined {
  const [first] = writes;
  const isConverted = first?.word === 'convert';
  const created = writes.find(
    ({ where, word }) => where === 'operationId' && (word === 'create' || (isConverted && word === 'add')),
  );
  return first?.where === 'path' && created !== undefined ? created : first;
}

/** Whether an operation adds a member that its opposite removes: a repeat sets the same state. */
function isMembership(
  { opposite, isOppositeByMethod, isChanged, answersCreated }: OperationTraits,
  write: Said,
  writes: readonly Said[],
): boolean {
  if (opposite === undefined || !membership.has(write.word)) return false;
  // What can be changed at the same path has contents of its own.
  if (isOppositeByMethod && write.word === 'add' && isChanged && answersCreated) return false;
  return !writes.some(({ word }) => word === 'create' || word === 'send');
}

/** Decides for an operation whose texts have no verb. */
function guessByShape({ method, path }: ListedOperation, { answersCreated, isItem }: OperationTraits): EffectGuess {
  // A test is meant again after each change.
  if (pathAction(path)?.text.toLowerCase() === 'test' && !answersCreated)
    return change('update', [method, 'path says test']);
  if (!namesResource(path)) {
    // A plural names a collection, to which a POST adds.
    const isCollection = answersCreated || /s$/i.test(pathAction(path)?.text ?? '');
    const doubt = 'nothing says what it does: if it reads or updates, a repeat gets an old answer';
    const guess = create([method, ...(answersCreated ? ['answers 201'] : [])], []);
    return isCollection ? guess : { ...guess, doubt, isDestructive: true };
  }
  if (answersCreated) return create([method, 'answers 201'], []);
  // A thing that can be read or deleted at this path is there already.
  if (isItem) return change('update', [method, 'path ends in a parameter']);
  const doubt =
    'its path ends in a parameter, so it counts as an update: if it makes something, a later repeat makes another';
  return { ...change('update', [method, 'path ends in a parameter']), doubt };
}

function isUpdate({ act, word }: Said): boolean {
  return act === 'state' && !oneWay.has(word);
}

function isUpsertWord({ word }: Said): boolean {
  return word === 'upsert';
}

function mentionsUpsert({ operationId }: ListedOperation): boolean {
  const words = wordsOf(operationId ?? '');
  return words.includes('create') && words.some((word) => word === 'update' || word === 'replace');
}

function because({ where, word }: Said): string {
  return `${where} says ${word}`;
}

function change(effect: Exclude<Effect, 'create'>, why: readonly string[]): EffectGuess {
  return { effect, class: 'state', why, isDestructive: true };
}

function create(why: readonly string[], said: readonly Said[]): EffectGuess {
  return {
    effect: 'create',
    class: 'create',
    why,
    isDestructive: said.some(({ act, word }) => act === 'delete' || destructiveWords.has(word)),
  };
}
