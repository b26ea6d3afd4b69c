import KeyvRedis from '@keyv/redis';
import type { RedisClient, RedisConnection } from './redis-connection.ts';

/** Keyv's Redis adapter on a `RedisConnection`, which bounds every wait. */
export class BoundedKeyvRedis<T> extends KeyvRedis<T> {
  readonly #connection: RedisConnection;

  constructor(connection: RedisConnection) {
    super(connection.client, { throwOnErrors: true, throwOnConnectError: true });
    this.#connection = connection;
  }

  override async getClient(): Promise<RedisClient> {
    return this.#connection.ready();
  }

  override async get<U = T>(key: string): Promise<U | undefined> {
    return this.#timed(() => super.get<U>(key));
  }

  override async getMany<U = T>(keys: string[]): Promise<Array<U | undefined>> {
    return this.#timed(() => super.getMany<U>(keys));
  }

  override async has(key: string): Promise<boolean> {
    return this.#timed(() => super.has(key));
  }

  override async set(key: string, value: string, ttl?: number): Promise<void> {
    return this.#timed(() => super.set(key, value, ttl));
  }

  override async delete(key: string): Promise<boolean> {
    return this.#timed(() => super.delete(key));
  }

  async #timed<U>(work: () => Promise<U>): Promise<U> {
    await this.#connection.ready();
    return this.#connection.timed(work());
  }
}
