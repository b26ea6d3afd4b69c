import type { RedisConnection } from './redis-connection.ts';
import { redisFault } from './redis-faults.ts';
import { Watchers } from './watchers.ts';

/**
 * Subscribes to the channels that the compare-and-set script publishes to. A store has one connection for this, which
 * opens with the first watch. All watches of a channel share one subscription.
 */
export class RedisWatch {
  readonly #connection: RedisConnection;
  readonly #watchers = new Watchers();
  readonly #subscribed = new Set<string>();
  /** The pending work on each channel. Its operations run one after the other. */
  readonly #tails = new Map<string, Promise<void>>();
  readonly #heard = (_message: string, channel: string) => this.#watchers.wake(channel);

  constructor(connection: RedisConnection) {
    this.#connection = connection;
    // The client subscribes again after a break. Messages in between are lost, so all watchers read again.
    connection.client.on('ready', () => {
      for (const channel of this.#subscribed) this.#watchers.wake(channel);
    });
  }

  async watch(channel: string, listener: () => void): Promise<() => void> {
    const end = this.#watchers.add(channel, listener);
    try {
      await this.#align(channel);
    } catch (error) {
      end();
      throw redisFault(error, this.#connection.endpoint);
    }
    return () => {
      end();
      // A subscription that cannot be ended without a connection wakes no listener.
      this.#align(channel).catch(() => undefined);
    };
  }

  async close(): Promise<void> {
    this.#watchers.clear();
    await this.#connection.close();
  }

  #align(channel: string): Promise<void> {
    const before = this.#tails.get(channel) ?? Promise.resolve();
    const tail = before.catch(() => undefined).then(() => this.#subscribeOrNot(channel));
    this.#tails.set(channel, tail);
    const forget = () => {
      if (this.#tails.get(channel) === tail) this.#tails.delete(channel);
    };
    tail.then(forget, forget);
    return tail;
  }

  async #subscribeOrNot(channel: string): Promise<void> {
    const wanted = this.#watchers.has(channel);
    if (wanted === this.#subscribed.has(channel)) return;
    const client = await this.#connection.ready();
    if (wanted) {
      await this.#connection.timed(client.subscribe(channel, this.#heard));
      this.#subscribed.add(channel);
    } else {
      await this.#connection.timed(client.unsubscribe(channel, this.#heard));
      this.#subscribed.delete(channel);
    }
  }
}
