import type { RequestId } from '@modelcontextprotocol/sdk/types.js';
import { BoundedMap } from '../core/bounded-map.ts';
import type { Outcome } from '../core/call/outcome.ts';
import { conversationIdOf, turnIdOf } from '../core/key/call-ids.ts';
import type { OperationVersion, SessionMemory } from '../core/recognition/session.ts';

/** How many answers of one session may be on their way. Beyond it, the oldest one counts as not delivered. */
const onTheirWayMax = 10_000;

/** For how many answers that were written a cancellation still counts. */
const deliveredMax = 1_000;

interface Delivery {
  readonly operation: OperationVersion;
  /** False for an answer that is about an operation but is not the operation's result, such as a conflict. */
  readonly isShown: boolean;
  readonly conversation: string | undefined;
  readonly turn: string | undefined;
}

/** Tells the memory of a session which answers its client has received. */
export class Deliveries {
  readonly session: SessionMemory;
  readonly #onTheirWay = new BoundedMap<RequestId, Delivery>(onTheirWayMax);
  readonly #delivered = new BoundedMap<RequestId, Delivery>(deliveredMax);
  /** Requests whose connection was closed before their answer was there. */
  readonly #closed = new BoundedMap<RequestId, true>(deliveredMax);

  constructor(session: SessionMemory) {
    this.session = session;
  }

  /** Notes the operation that the answer to a request is about, before the answer is sent. */
  expect(id: RequestId, outcome: Outcome, meta: unknown): void {
    const { operation } = outcome;
    if (operation === undefined) return;
    const isShown = isResultShown(outcome);
    if (!isShown && !(outcome.type === 'refusal' && outcome.code === 'idempotency_conflict')) return;
    if (this.#closed.delete(id)) this.session.of(conversationIdOf(meta)).noteLost(operation);
    else this.#onTheirWay.set(id, { operation, isShown, conversation: conversationIdOf(meta), turn: turnIdOf(meta) });
  }

  /** Notes that the answer to a request has been written and that its caller has not left. */
  written(id: RequestId | undefined): void {
    const delivery = id === undefined ? undefined : this.#onTheirWay.get(id);
    if (id === undefined || delivery === undefined) return;
    this.#onTheirWay.delete(id);
    this.#delivered.set(id, delivery);
    const memory = this.session.of(delivery.conversation);
    if (delivery.isShown) memory.noteDelivered(delivery.operation, delivery.turn);
    else memory.noteKnown(delivery.operation);
  }

  /** Notes that the connection of a request was closed before an answer was written. The call may continue without it. */
  closed(id: RequestId | undefined): void {
    if (id === undefined) return;
    if (this.#onTheirWay.get(id) === undefined) this.#closed.set(id, true);
    this.forget(id);
  }

  /** Notes that a caller has left or cancelled, perhaps after its answer was written: it does not read the answer. */
  forget(id: RequestId | undefined): void {
    if (id === undefined) return;
    const delivered = this.#delivered.get(id);
    const delivery = delivered ?? this.#onTheirWay.get(id);
    if (delivery === undefined) return;
    this.#onTheirWay.delete(id);
    this.#delivered.delete(id);
    const memory = this.session.of(delivery.conversation);
    if (delivered?.isShown) memory.forgetDelivered(delivery.operation);
    else memory.noteLost(delivery.operation);
  }
}

/**
 * Tests whether an outcome shows the result of its operation. An answer without the result does not count as its delivery.
 * Neither does a conflict: it asks whether the call is meant, and a retry by the host must not answer that.
 */
function isResultShown(outcome: Outcome): boolean {
  return outcome.type === 'result' || (outcome.type === 'refusal' && outcome.code === 'result_not_kept');
}
