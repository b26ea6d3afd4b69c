import type { EventStore } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';

interface StoredEvent {
  readonly id: string;
  readonly streamId: string;
  readonly message: JSONRPCMessage;
  readonly bytes: number;
}

/** How much one session keeps for streams that are resumed. What is older goes first. */
export interface EventBounds {
  readonly eventsMax: number;
  readonly bytesMax: number;
}

/** What the events of all sessions take together: those that are oldest go first, whosever they are. */
export class EventPool {
  readonly #bytesMax: number;
  readonly #owners = new Map<StoredEvent, BoundedEvents>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(event: StoredEvent, owner: BoundedEvents): void {
    this.#owners.set(event, owner);
    this.#bytes += event.bytes;
    for (const each of this.#owners.values()) {
      if (this.#bytes <= this.#bytesMax) return;
      // It is the oldest of its owner's, too.
      each.dropOldest();
    }
  }

  remove(event: StoredEvent): void {
    if (this.#owners.delete(event)) this.#bytes -= event.bytes;
  }
}

/**
 * The latest events of one session's streams, in memory. An event that is gone cannot be resumed from: the
 * client is told so, sends its call again, and is answered from the ledger.
 */
export class BoundedEvents implements EventStore {
  readonly #bounds: EventBounds;
  readonly #pool: EventPool;
  readonly #events: StoredEvent[] = [];
  #bytes = 0;
  #made = 0;

  constructor(bounds: EventBounds, pool: EventPool) {
    this.#bounds = bounds;
    this.#pool = pool;
  }

  async storeEvent(streamId: string, message: JSONRPCMessage): Promise<string> {
    this.#made += 1;
    const id = `${streamId}:${this.#made}`;
    const bytes = sizeOf(message) + id.length;
    const event = { id, streamId, message, bytes };
    this.#events.push(event);
    this.#bytes += bytes;
    this.#pool.add(event, this);
    while (this.#events.length > this.#bounds.eventsMax || this.#bytes > this.#bounds.bytesMax) this.dropOldest();
    return id;
  }

  /**
   * What came after an event, where its stream has ended with the answer to its request; undefined where more may
   * come, or the event is not kept.
   */
  restOf(lastEventId: string): readonly Pick<StoredEvent, 'id' | 'message'>[] | undefined {
    const last = this.#events.find(({ id }) => id === lastEventId);
    if (!last) return undefined;
    const stream = this.#events.filter(({ streamId }) => streamId === last.streamId);
    const final = stream.at(-1)?.message ?? {};
    return 'result' in final || 'error' in final ? stream.slice(stream.indexOf(last) + 1) : undefined;
  }

  dropOldest(): void {
    const oldest = this.#events.shift();
    if (!oldest) return;
    this.#bytes -= oldest.bytes;
    this.#pool.remove(oldest);
  }

  /** Forgets all of them. */
  clear(): void {
    while (this.#events.length > 0) this.dropOldest();
  }

  async getStreamIdForEventId(eventId: string): Promise<string | undefined> {
    return this.#events.find(({ id }) => id === eventId)?.streamId;
  }

  async replayEventsAfter(
    lastEventId: string,
    { send }: { send: (eventId: string, message: JSONRPCMessage) => Promise<void> },
  ): Promise<string> {
    const from = this.#events.findIndex(({ id }) => id === lastEventId);
    const last = this.#events[from];
    if (!last) throw new Error('the event is not kept');
    for (const { id, streamId, message } of this.#events.slice(from + 1)) {
      // The event that opens a stream has an id and no message.
      if (streamId === last.streamId && Object.keys(message).length > 0) await send(id, message);
    }
    return last.streamId;
  }
}

/** About as many bytes as its JSON has, which would take as long to make as all else that is done for an event. */
function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length + 2;
  if (typeof value !== 'object' || value === null) return 8;
  let size = 2;
  for (const [name, each] of Object.entries(value)) size += name.length + 4 + sizeOf(each);
  return size;
}
