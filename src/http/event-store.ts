import type { EventStore } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';

interface StoredEvent {
  readonly id: string;
  readonly streamId: string;
  readonly message: JSONRPCMessage;
  readonly bytes: number;
}

/** How many events one session keeps for resumed streams. The oldest are dropped first. */
export interface EventBounds {
  readonly eventsMax: number;
  readonly bytesMax: number;
}

/** Bounds the events of all sessions together. The oldest are dropped first, whichever session they belong to. */
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
      // The oldest event of all is also the oldest of its own session.
      each.dropOldest();
    }
  }

  remove(event: StoredEvent): void {
    if (this.#owners.delete(event)) this.#bytes -= event.bytes;
  }
}

/**
 * The latest events of one session's streams, in memory. A client cannot resume from a dropped event. It gets an
 * error, sends its call again, and gets the stored outcome from the ledger.
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
   * Returns the events after one, when their stream has ended with the response to its request. Returns undefined
   * when more may follow or the event is not stored.
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
    if (!last) throw new Error('the event is not stored');
    for (const { id, streamId, message } of this.#events.slice(from + 1)) {
      // The event that opens a stream has an id but no message.
      if (streamId === last.streamId && Object.keys(message).length > 0) await send(id, message);
    }
    return last.streamId;
  }
}

/** Estimates the bytes of a value's JSON. Serializing it would take as long as everything else done for an event. */
function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length + 2;
  if (typeof value !== 'object' || value === null) return 8;
  let size = 2;
  for (const [name, each] of Object.entries(value)) size += name.length + 4 + sizeOf(each);
  return size;
}
