import type { Claim } from '../ledger/claim.ts';
import type { KnownFamily, Ledger } from '../ledger/ledger.ts';
import type { FamilyMember, OperationRecord, StoredRecord } from '../ledger/record.ts';
import { windowOver } from '../ledger/state-table.ts';
import type { ConversationMemory } from '../recognition/session.ts';
import { type Recognition, recognise } from '../recognition/table.ts';
import { maySayTheSame, relationOfTexts, similarityOfTexts, type TextSketch } from '../recognition/text-similarity.ts';
import { textThatDiffers } from './outcome-of-record.ts';
import { earlierOf } from './session-facts.ts';
import type { EngineParts, GuardedCall } from './types.ts';

/** How many operations one family lists. The newest stay. */
const membersMax = 64;
/** How long an operation may take longer than its run, and still be compared with later calls, in ms. */
const spareMs = 3_600_000;
/** How often one call tries to join its family while others do. */
const joinTriesMax = 32;
/** How many operations of other sessions, whose answers may be lost, are read for one call. */
const othersReadMax = 8;
/** How many further operations with lost answers one question names. */
const namedMax = 8;

/** An earlier operation of the family that has to be answered first. */
export type Relative =
  /** The same text under another key: a later occurrence. */
  | { readonly type: 'same'; readonly held: StoredRecord }
  | {
      readonly type: Extract<Recognition, 'wait' | 'ask'>;
      readonly held: StoredRecord;
      /** The texts have few words in common, but the answer to the earlier operation was lost. */
      readonly isUnclear: boolean;
      /** The answers to these were lost too. The call may repeat one of them instead. */
      readonly alsoLost?: readonly OperationRecord[];
    };

/**
 * Adds a claim to its family before anything is dispatched, so that of two reworded calls at most one is unaware of the
 * other.
 *
 * @param reading what `ledger.readFamily` returned at about the time of the claim. Without it, the call tries to be the first
 * one of its family.
 * @returns the earlier operation that the call may repeat; undefined when the claim may be executed
 */
export async function joinFamily(
  engine: EngineParts,
  ledger: Ledger,
  guarded: GuardedCall,
  claim: Claim,
  reading: Promise<KnownFamily | undefined> | undefined,
): Promise<Relative | undefined> {
  const { family } = guarded;
  if (family === undefined) return undefined;
  const sketch = family.sketch();
  const keptMs = engine.settings.rewordedMs + engine.settings.maxRunMs + spareMs;
  const { key, startedAt: claimedAt } = claim.record;
  let known = await reading;
  for (let tries = 0; tries < joinTriesMax; tries += 1) {
    const others = (known?.members ?? []).filter(
      (each) => each.key !== key && engine.clock.wallMs() - each.claimedAt < keptMs,
    );
    const isMeant = family.isMeant && guarded.follows === undefined;
    const relative = isMeant ? undefined : await findRelative(engine, ledger, guarded, sketch, others);
    if (relative) return relative;
    const members = [...others, { key, claimedAt, sketch }].slice(-membersMax);
    const written = await ledger.writeFamily(family.key(), known, members, keptMs);
    if (written === undefined) return undefined;
    known = written;
  }
  // Very many calls of one family at once. Without a place in it, a reworded call would not be recognised.
  throw new FamilyContended();
}

/**
 * Finds the newest operation that the call may repeat. If there is none, it finds one whose answer was lost, even if its text
 * is quite different.
 */
async function findRelative(
  engine: EngineParts,
  ledger: Ledger,
  guarded: GuardedCall,
  sketch: TextSketch,
  members: readonly FamilyMember[],
): Promise<Relative | undefined> {
  for (const member of guarded.follows ? [] : members.toReversed()) {
    const relation = relationOfTexts(sketch, member.sketch as TextSketch);
    if (relation === 'other') continue;
    const held = await ledger.read(member.key);
    if (held === undefined || !mayBeRepeated(engine, ledger, guarded, held)) continue;
    if (relation === 'same') return { type: 'same', held };
    const decided = recogniseReworded(engine, guarded, held);
    if (decided === 'wait' || decided === 'ask') return { type: decided, held, isUnclear: false };
  }
  return guarded.memory && findLost(engine, ledger, guarded, guarded.memory, sketch, members);
}

/**
 * Finds an operation whose answer was lost: the one that the same call was asked about before, or the one with the most
 * similar text. The caller of such an operation will call again, and may do so in quite other words.
 */
async function findLost(
  engine: EngineParts,
  ledger: Ledger,
  guarded: GuardedCall,
  memory: ConversationMemory,
  sketch: TextSketch,
  members: readonly FamilyMember[],
): Promise<Relative | undefined> {
  const asked = memory.askedAbout(guarded.ownKey);
  const isAnswered = guarded.follows !== undefined && memory.answersQuestion(guarded.ownKey, guarded.follows);
  const similarity = ({ sketch: other }: FamilyMember): number => similarityOfTexts(sketch, other as TextSketch);
  const isCloser = (key: string, other: TextSketch) => memory.isCloserThanAsked(key, similarityOfTexts(sketch, other));
  const candidates = members
    .toReversed()
    .filter(({ key, sketch: other }) => {
      const text = other as TextSketch;
      const mayBeLost = memory.hasLost(key) !== false || asked?.key === key || isCloser(key, text);
      if (!mayBeLost || key === guarded.follows?.key) return false;
      return relationOfTexts(sketch, text) === 'other' && maySayTheSame(sketch, text);
    })
    .sort((a, b) => Number(b.key === asked?.key) - Number(a.key === asked?.key) || similarity(b) - similarity(a));
  let ofOthers = 0;
  for (const [at, { key, sketch: other }] of candidates.entries()) {
    if (key !== asked?.key && memory.hasLost(key) === undefined) ofOthers += 1;
    if (ofOthers > othersReadMax) continue;
    const held = await ledger.read(key);
    if (held === undefined || !mayBeRepeated(engine, ledger, guarded, held)) continue;
    const isAskedAgain = asked?.key === key && asked.generation === held.record.generation;
    // The token says that the call means none of the operations in its question.
    if (isAnswered && (key === asked?.key || memory.wasNamed(guarded.ownKey, held.record))) continue;
    const text = other as TextSketch;
    // Another call may have been asked about it in the meantime.
    if (!isAskedAgain && !isCloser(key, text) && !isAnswerLost(ledger, memory, held)) continue;
    const decided = recogniseReworded(engine, guarded, held);
    if (decided === 'wait') return { type: decided, held, isUnclear: true };
    if (decided !== 'ask') continue;
    const question = { ...held.record, similarity: similarityOfTexts(sketch, text) };
    // Noted before the next read, so that no other call gets the question meanwhile.
    memory.noteAsked(guarded.ownKey, question);
    const alsoLost = await furtherLost(engine, ledger, guarded, memory, candidates.slice(at + 1));
    memory.noteAsked(guarded.ownKey, question, alsoLost);
    return { type: decided, held, isUnclear: true, alsoLost };
  }
  return undefined;
}

/** Returns further operations whose answers were lost, so that one question is enough for a call that means none of them. */
async function furtherLost(
  engine: EngineParts,
  ledger: Ledger,
  guarded: GuardedCall,
  memory: ConversationMemory,
  candidates: readonly FamilyMember[],
): Promise<readonly OperationRecord[]> {
  const lost = candidates.filter(({ key }) => memory.hasLost(key) === true).slice(0, namedMax);
  const read = await Promise.all(lost.map(({ key }) => ledger.read(key)));
  return read.flatMap((held) =>
    held && mayBeRepeated(engine, ledger, guarded, held) && textThatDiffers(guarded, held.record) !== undefined
      ? [held.record]
      : [],
  );
}

/**
 * Whether the caller of an earlier operation never learned its outcome, so that the next call is probably its retry. For an
 * operation of another session, the record shows whether its process ended before the outcome.
 */
function isAnswerLost(ledger: Ledger, memory: ConversationMemory, held: StoredRecord): boolean {
  const { record } = held;
  const known = memory.hasLost(record.key);
  if (known !== undefined) return known;
  const { state } = record.status;
  if (state === 'in_flight') return ledger.mayBeLeft(record);
  const isInterrupted = state === 'unknown' || record.recoveries > 0;
  if (!isInterrupted) memory.noteKnown(record);
  return isInterrupted;
}

function recogniseReworded(engine: EngineParts, guarded: GuardedCall, { record }: StoredRecord): Recognition {
  const { class: toolClass, effect } = guarded.tool;
  if (toolClass === 'off') return 'execute';
  const state = record.status.state;
  const isOpen = state === 'in_flight' || state === 'unknown' || state === 'waiting';
  const facts = isOpen ? ({ earlier: 'in_flight', since: 'nothing_yet' } as const) : earlierOf(engine, guarded, record);
  return recognise({ relation: 'reworded', class: toolClass, deletes: effect === 'delete', ...facts });
}

/** An operation that had no effect, and one that ended long ago, is not repeated by a reworded call. */
function mayBeRepeated(
  { settings }: EngineParts,
  { time }: Ledger,
  { request }: GuardedCall,
  { record }: StoredRecord,
): boolean {
  const { status } = record;
  if (status.state === 'failed') return false;
  if (status.state === 'in_flight' || status.state === 'unknown' || status.state === 'waiting') return true;
  return !windowOver(
    status.settledAt,
    Math.min(settings.rewordedMs, request.windowMs, record.windowMs),
    time.nowFor(record),
  );
}

/** Thrown when a claim could not join its family. Nothing was dispatched. */
class FamilyContended extends Error {
  constructor() {
    super(`the list of recent operations changed ${joinTriesMax} times while the call joined it`);
  }
}
