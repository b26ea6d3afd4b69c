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
  readonly conversation: string | undefined;
  readonly turn: string | undefined;
}

/** Tells the memory of a session which answers its client has received. */
export class Deliveries {
  readonly session: SessionMemory;
  readonly #onTheirWay = new BoundedMap<RequestId, Delivery>(onTheirWayMax);
  readonly #delivered = new BoundedMap<RequestId, Delivery>(deliveredMax);

  constructor(session: SessionMemory) {
    this.session = session;
  }

  /** Notes the operation that the answer to a request is about, before the answer is sent. */
  expect(id: RequestId, outcome: Outcome, meta: unknown): void {
    const operation = operationShown(outcome);
    if (operation === undefined) return;
    this.#onTheirWay.set(id, { operation, conversation: conversationIdOf(meta), turn: turnIdOf(meta) });
  }

  /** Notes that the answer to a request has been written and that its caller has not left. */
  written(id: RequestId | undefined): void {
    const delivery = id === undefined ? undefined : this.#onTheirWay.get(id);
    if (id === undefined || delivery === undefined) return;
    this.#onTheirWay.delete(id);
    this.#delivered.set(id, delivery);
    this.session.of(delivery.conversation).noteDelivered(delivery.operation, delivery.turn);
  }

  /** Notes that a caller has left or cancelled, perhaps after its answer was written: it does not read the answer. */
  forget(id: RequestId | undefined): void {
    if (id === undefined) return;
    this.#onTheirWay.delete(id);
    const delivery = this.#delivered.get(id);
    if (delivery === undefined) return;
    this.#delivered.delete(id);
    this.session.of(delivery.conversation).forgetDelivered(delivery.operation);
  }
}

/**
 * Returns the operation whose result an outcome shows. An answer without the result does not count as its delivery, and
 * neither does a conflict: it asks whether the call is meant, and the same call again would answer that by itself.
 */
function operationShown(outcome: Outcome): OperationVersion | undefined {
  const isShown = outcome.type === 'result' || (outcome.type === 'refusal' && outcome.code === 'result_not_kept');
  return isShown ? outcome.operation : undefined;
}
