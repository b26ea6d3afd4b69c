import { BoundedMap } from '../bounded-map.ts';
import type { Clock } from '../clock.ts';
import type { Upstream } from '../tool/types.ts';
import type { Earlier, Since } from './table.ts';

/** How many answers, upstreams, conversations and call ids a session remembers. */
const answersMax = 2_000;
const upstreamsMax = 256;
const conversationsMax = 64;
const callIdsMax = 2_000;
const lostMax = 2_000;
/** How similar another text must be to get the question about a lost answer after a less similar one got it. */
const closerMin = 0.2;
/** How many writes of one resource a session remembers whose answers have not arrived. */
const unansweredMax = 8;

/** One generation of an operation. */
export interface OperationVersion {
  readonly key: string;
  readonly generation: number;
}

/** One of several identical operations. */
export interface Occurrence extends OperationVersion {
  readonly occurrence: number;
}

/** An answer that reached the session. */
interface DeliveredAnswer {
  readonly generation: number;
  readonly deliveredMs: number;
  /** The place of the delivery in the order of the session's executions. */
  readonly place: number;
  readonly turn: string | undefined;
}

/** A question whether a call repeats an operation whose answer was lost. */
interface LostQuestion extends OperationVersion {
  /** How similar the text of the call is to that of the operation, from 0 to 1. */
  readonly similarity: number;
}

/** The last executed operation, and the last one with another key. */
interface LatestWrites {
  readonly last: { readonly key: string; readonly place: number };
  readonly other?: { readonly key: string; readonly place: number } | undefined;
}

/** A write of a resource, which later writes of the resource replace in the ledger. */
interface ResourceWrite extends OperationVersion {
  readonly fingerprint: string;
}

/** The facts that a session remembers about an earlier operation. */
export interface SessionFacts {
  readonly earlier: Exclude<Earlier, 'in_flight'>;
  readonly since: Since;
}

/** A call that asks about an earlier operation. */
export interface AskingCall extends OperationVersion {
  readonly upstream: Upstream;
  /** The host's id of the call, if it sends one. */
  readonly callId?: string | undefined;
  /** The host's id of the model's turn, if it sends one. */
  readonly turn?: string | undefined;
  /** How long two equal calls are twins after the answer to the first, in ms. */
  readonly twinMs: number;
}

/**
 * Remembers which answers reached a client, and its executions since then. One memory belongs to one
 * conversation of one session of this process. The memory is bounded, and it is never in the ledger: where it forgets,
 * the recognition table takes the safe row, which replays.
 */
export class ConversationMemory {
  readonly #clock: Clock;
  readonly #answers = new BoundedMap<string, DeliveredAnswer>(answersMax);
  readonly #writes = new BoundedMap<string, LatestWrites>(upstreamsMax);
  readonly #deletes = new BoundedMap<string, LatestWrites>(upstreamsMax);
  readonly #callIds = new BoundedMap<string, string>(callIdsMax);
  readonly #unanswered = new BoundedMap<string, readonly ResourceWrite[]>(answersMax);
  /** The operation that a repeat token of another one led to, by the version of that one. */
  readonly #followers = new BoundedMap<string, Occurrence>(answersMax);
  /** The generation whose caller left before it had the answer, by key. 0 if the answer is not lost. */
  readonly #lost = new BoundedMap<string, number>(lostMax);
  /** The operation with a lost answer about which a call got the question, by the key of the call. */
  readonly #asked = new BoundedMap<string, OperationVersion & { readonly others: readonly OperationVersion[] }>(
    lostMax,
  );
  /** The closest question about an operation with a lost answer, by the key of the operation. */
  readonly #questions = new BoundedMap<string, LostQuestion>(lostMax);
  #place = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Begins an execution. @returns its place in the order of executions */
  begin(): number {
    this.#place += 1;
    return this.#place;
  }

  /** Notes an operation that took effect, or may have. @param place what `begin` returned */
  noteWrite(write: { key: string; upstream: Upstream; deletes: boolean; place: number }): void {
    const name = nameOf(write.upstream);
    const { key, place } = write;
    this.#writes.set(name, latest(this.#writes.get(name), key, place));
    if (write.deletes) this.#deletes.set(name, latest(this.#deletes.get(name), key, place));
  }

  /** Notes a write of a resource that took effect, or may have, until its answer arrives. */
  noteResourceWrite(write: ResourceWrite): void {
    const { key } = write;
    this.#unanswered.set(key, [...(this.#unanswered.get(key) ?? []), write].slice(-unansweredMax));
  }

  /** Returns the write of a resource with these arguments whose answer has not arrived, if it was this session's. */
  unansweredWrite(key: string, fingerprint: string): OperationVersion | undefined {
    return this.#unanswered.get(key)?.findLast((write) => write.fingerprint === fingerprint);
  }

  /** Notes that an answer about an operation has reached the client. Later answers about the same version change nothing. */
  noteDelivered({ key, generation }: OperationVersion, turn?: string): void {
    const unanswered = this.#unanswered.get(key);
    if (unanswered) {
      const left = unanswered.filter((write) => write.generation !== generation);
      if (left.length > 0) this.#unanswered.set(key, left);
      else this.#unanswered.delete(key);
    }
    if ((this.#answers.get(key)?.generation ?? 0) >= generation) return;
    this.noteKnown({ key, generation });
    this.#questions.delete(key);
    this.#answers.set(key, { generation, deliveredMs: this.#clock.monotonicMs(), place: this.#place, turn });
  }

  /** Forgets that an answer has reached the client, which cancelled its call at about the same time. */
  forgetDelivered({ key, generation }: OperationVersion): void {
    if (this.#answers.get(key)?.generation === generation) this.#answers.delete(key);
    this.noteLost({ key, generation });
  }

  /** Notes that the caller of an operation left before it had the answer. */
  noteLost({ key, generation }: OperationVersion): void {
    if (this.#answers.get(key)?.generation !== generation) this.#lost.set(key, generation);
  }

  /** Notes that the session began an operation, or knows its outcome: its answer is not lost. */
  noteKnown({ key, generation }: OperationVersion): void {
    if ((this.#lost.get(key) ?? 0) <= generation) this.#lost.set(key, 0);
  }

  /**
   * Tells whether the answer to an operation was lost because its caller left. Then the next call probably is its retry.
   * Undefined if the session knows nothing of the operation.
   */
  hasLost(key: string): boolean | undefined {
    const lost = this.#lost.get(key);
    return lost === undefined ? undefined : lost > 0;
  }

  /**
   * Notes that a call gets the question whether it repeats an operation whose answer was lost. If the same call comes again, it
   * gets the question again. Of other calls, only one with a more similar text does.
   *
   * @param others operations whose answers were lost too, which the question names
   */
  noteAsked(
    ownKey: string,
    { key, generation, similarity }: LostQuestion,
    others: readonly OperationVersion[] = [],
  ): void {
    this.#asked.set(ownKey, { key, generation, others });
    this.#questions.set(key, { key, generation, similarity });
    this.noteKnown({ key, generation });
  }

  /** Tells whether an operation is the subject of a question that a call with a less similar text got. */
  isCloserThanAsked(key: string, similarity: number): boolean {
    const question = this.#questions.get(key);
    return question !== undefined && similarity >= closerMin && similarity > question.similarity;
  }

  /**
   * Tells whether a token answers the question that the same call got. The token of an operation leads on from the last one
   * in its chain of repeat tokens.
   */
  answersQuestion(ownKey: string, follows: OperationVersion): boolean {
    const asked = this.#asked.get(ownKey);
    if (asked === undefined) return false;
    let last: OperationVersion & { readonly occurrence?: number } = asked;
    for (let next = this.#followers.get(versionName(last)); next; next = this.#followers.get(versionName(last))) {
      if (versionName(last) === versionName(follows) || next.occurrence <= (last.occurrence ?? 0)) break;
      last = next;
    }
    return versionName(last) === versionName(follows);
  }

  /** Tells whether the question that the same call got named an operation besides the one it was about. */
  wasNamed(ownKey: string, { key, generation }: OperationVersion): boolean {
    const others = this.#asked.get(ownKey)?.others ?? [];
    return others.some((each) => each.key === key && each.generation === generation);
  }

  /** Returns the operation about which the same call got the question before. */
  askedAbout(ownKey: string): OperationVersion | undefined {
    return this.#asked.get(ownKey);
  }

  /** Notes which operation the repeat token of another one led to. */
  noteFollower(followed: OperationVersion, follower: Occurrence): void {
    this.#followers.set(versionName(followed), follower);
  }

  /**
   * Returns the last operation of a chain of repeat tokens whose answer reached the client: whoever means one more means the
   * one after it. An operation without a delivered follower is its own last one.
   */
  lastDelivered(first: Occurrence): Occurrence {
    let last = first;
    for (let next = this.#followers.get(versionName(last)); next; next = this.#followers.get(versionName(last))) {
      if (next.occurrence <= last.occurrence || this.#answers.get(next.key)?.generation !== next.generation) break;
      last = next;
    }
    return last;
  }

  /** Notes which operation a call stands for, so that a host that sends the call again gets its outcome. */
  noteCall(callId: string | undefined, key: string): void {
    if (callId !== undefined) this.#callIds.set(callId, key);
  }

  /** Returns the facts about an earlier operation. */
  factsOf({ key, generation, upstream, callId, turn, twinMs }: AskingCall): SessionFacts {
    const answer = this.#answers.get(key);
    // The host sends a call again only because it means the same call.
    const isSameCall = callId !== undefined && this.#callIds.get(callId) === key;
    if (answer?.generation !== generation || isSameCall) return { earlier: 'not_delivered', since: 'nothing_yet' };
    const name = nameOf(upstream);
    const hasSince = (writes: LatestWrites | undefined): boolean => {
      const write = writes?.last.key === key ? writes.other : writes?.last;
      return write !== undefined && write.place > answer.place;
    };
    if (hasSince(this.#deletes.get(name))) return { earlier: 'delivered', since: 'delete' };
    const isNewTurn = turn !== undefined && answer.turn !== undefined && turn !== answer.turn;
    if (isNewTurn || hasSince(this.#writes.get(name))) return { earlier: 'delivered', since: 'write' };
    const isRecent = this.#clock.monotonicMs() - answer.deliveredMs <= twinMs;
    return { earlier: 'delivered', since: isRecent ? 'nothing_yet' : 'nothing' };
  }
}

/** The memories of one session, by conversation: some hosts serve all their conversations through one session. */
export class SessionMemory {
  readonly #clock: Clock;
  readonly #conversations = new BoundedMap<string, ConversationMemory>(conversationsMax);
  /** The conversation that was used last, which is forgotten last. Most sessions have only one. */
  #latest: { readonly name: string; readonly memory: ConversationMemory } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Returns the memory of a conversation. @param id the host's id of the conversation, if it sends one */
  of(id: string | undefined): ConversationMemory {
    const name = id ?? '';
    if (this.#latest?.name === name) return this.#latest.memory;
    const memory = this.#conversations.get(name) ?? new ConversationMemory(this.#clock);
    this.#conversations.set(name, memory);
    this.#latest = { name, memory };
    return memory;
  }
}

function latest(before: LatestWrites | undefined, key: string, place: number): LatestWrites {
  if (before === undefined) return { last: { key, place } };
  const { last, other } = before;
  if (last.key === key) return { last: { key, place: Math.max(place, last.place) }, other };
  // Executions may end in another order than they began.
  if (place > last.place) return { last: { key, place }, other: last };
  return { last, other: other && other.place > place ? other : { key, place } };
}

function versionName({ key, generation }: OperationVersion): string {
  return `${key}.${generation}`;
}

function nameOf({ origin, mode, account }: Upstream): string {
  return JSON.stringify([origin, mode, account]);
}
