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

/**
 * The latest events of one session's streams, in memory. An event that is gone cannot be resumed from: the
 * client is told so, sends its call again, and is answered from the ledger.
 */
export class BoundedEvents implements EventStore {
  readonly #bounds: EventBounds;
  readonly #events: StoredEvent[] = [];
  #bytes = 0;
  #made = 0;

  constructor(bounds: EventBounds) {
    this.#bounds = bounds;
  }

  async storeEvent(streamId: string, message: JSONRPCMessage): Promise<string> {
    this.#made += 1;
    const id = `${streamId}:${this.#made}`;
    const bytes = JSON.stringify(message).length + id.length;
    this.#events.push({ id, streamId, message, bytes });
    this.#bytes += bytes;
    while (this.#events.length > this.#bounds.eventsMax || this.#bytes > this.#bounds.bytesMax) {
      this.#bytes -= this.#events.shift()?.bytes ?? 0;
    }
    return id;
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
