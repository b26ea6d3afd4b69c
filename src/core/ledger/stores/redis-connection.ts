import { createClient } from '@keyv/redis';
import { LedgerUnavailable, ReplyLost } from '../../errors.ts';
import { isRefusal } from './redis-faults.ts';
import type { RedisEndpoint } from './redis-url.ts';

export type RedisClient = ReturnType<typeof createClient>;

export interface RedisTimeouts {
  /** How long a call waits for a connection, in ms. */
  readonly connectTimeoutMs: number;
  /** How long a call waits for a response, in ms. */
  readonly commandTimeoutMs: number;
}

/** Marks a reply that the command cannot have. */
export const wrongReply = Symbol('wrong reply');

type CheckReply<T> = (reply: unknown) => T | typeof wrongReply;

const asItIs = (reply: unknown): unknown => reply;

interface AwaitedReply {
  readonly reply: Promise<unknown>;
  readonly deadline: number;
}

const reconnectDelayMaxMs = 1_000;
/** How long closing waits for pending responses. */
const closeTimeoutMs = 1_000;

/** A connection without traffic is pinged, and dropped without a response. This also applies while it opens. */
const pingIntervalMs = 10_000;
const silenceMaxMs = 15_000;

/** The options that every client gets, since the ledger depends on them. */
function honest({ connectTimeoutMs, commandTimeoutMs }: RedisTimeouts) {
  return {
    pingInterval: pingIntervalMs,
    // With the offline queue a command would wait for an unavailable Redis, and be sent after its caller has given up.
    // Without it the client rejects all pending commands when the connection breaks, so that no command is sent twice
    // or late.
    disableOfflineQueue: true,
    socket: {
      connectTimeout: connectTimeoutMs,
      socketTimeout: Math.max(silenceMaxMs, commandTimeoutMs + 1_000),
      reconnectStrategy: (retries: number, cause: Error) =>
        // A wrong password stays wrong: try again on the next call, not every second.
        isRefusal(cause)
          ? (false as const)
          : Math.min(50 * 2 ** retries, reconnectDelayMaxMs) * (0.75 + Math.random() / 2),
    },
  };
}

export function createLedgerClient(url: string, timeouts: RedisTimeouts): RedisClient {
  return createClient({ url, ...honest(timeouts) }) as RedisClient;
}

export function duplicateForLedger(client: RedisClient, timeouts: RedisTimeouts): RedisClient {
  const options = honest(timeouts);
  return client.duplicate({
    ...options,
    socket: { ...client.options?.socket, ...options.socket } as never,
  }) as RedisClient;
}

/**
 * One connection to Redis. It opens on first use, the client reconnects with back-off, and every wait is bounded.
 *
 * A call fails at once when an attempt to connect fails, without waiting for the back-off. If a response does not come in
 * time, the connection is dropped: all pending calls fail, and no response arrives late.
 */
export class RedisConnection {
  readonly client: RedisClient;
  readonly endpoint: RedisEndpoint;
  readonly #timeouts: RedisTimeouts;
  /** In the order of sending. The first has the earliest deadline. */
  readonly #awaited = new Set<AwaitedReply>();
  #deadlineTimer: NodeJS.Timeout | undefined;
  #connecting: Promise<RedisClient> | undefined;
  /** The latest connection that delivered a reply of another command. */
  #distrustedEpoch = -1;
  #closed = false;

  constructor(client: RedisClient, endpoint: RedisEndpoint, timeouts: RedisTimeouts) {
    this.client = client;
    this.endpoint = endpoint;
    this.#timeouts = timeouts;
    // Without a listener an error event would end the process. Callers get the error from their call. While the client
    // is ready, the event means a reply that no command waits for, or bytes that are no reply.
    client.on('error', () => {
      if (client.isReady) this.distrust(client.socketEpoch);
    });
  }

  /** @throws the error that kept the client from connecting */
  async ready(): Promise<RedisClient> {
    if (this.#closed) throw new LedgerUnavailable(`The connection to Redis at ${this.endpoint.name} is closed.`);
    if (this.client.isReady) return this.client;
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  /**
   * Sends one command, never twice.
   * @param check returns the result in a reply, or `wrongReply` for a reply that this command cannot have. Then the
   * connection is replaced, and the replies of its other commands are lost.
   * @throws the client's own error
   */
  send<T>(args: string[], check: CheckReply<T>): Promise<T> {
    // Not an async function, since every claim and replay runs through it.
    if (this.client.isReady && !this.#closed) return this.#checked(this.client, args, check);
    return this.ready().then((client) => this.#checked(client, args, check));
  }

  #checked<T>(client: RedisClient, args: string[], check: CheckReply<T>): Promise<T> {
    const epoch = client.socketEpoch;
    return this.timed(client.sendCommand(args), (reply) => {
      const result = epoch > this.#distrustedEpoch ? check(reply) : wrongReply;
      if (result !== wrongReply) return result;
      this.distrust(epoch);
      throw new ReplyLost(
        `Redis at ${this.endpoint.name} sent a reply that does not belong to its command, and the connection was replaced: try again.`,
      );
    });
  }

  /** Closes a connection whose replies cannot be trusted, and opens another one. All pending calls fail. */
  distrust(epoch: number): void {
    if (epoch <= this.#distrustedEpoch) return;
    this.#distrustedEpoch = epoch;
    if (this.client.isReady && this.client.socketEpoch === epoch) this.#replace();
  }

  /** Waits for a reply, at most until the command time-out, and returns what `use` makes of it. */
  timed<T>(reply: Promise<T>): Promise<T>;
  timed<R, T>(reply: Promise<R>, use: (reply: R) => T): Promise<T>;
  timed(reply: Promise<unknown>, use: (reply: unknown) => unknown = asItIs): Promise<unknown> {
    const awaited: AwaitedReply = { reply, deadline: performance.now() + this.#timeouts.commandTimeoutMs };
    this.#awaited.add(awaited);
    this.#deadlineTimer ??= setTimeout(() => this.#checkDeadline(), this.#timeouts.commandTimeoutMs);
    return reply.then(
      (answer) => {
        this.#awaited.delete(awaited);
        return use(answer);
      },
      (error: unknown) => {
        this.#awaited.delete(awaited);
        throw awaited.deadline <= performance.now() ? this.#tooLate(error) : error;
      },
    );
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const replies = [...this.#awaited].map(({ reply }) => reply);
    if (replies.length > 0) {
      let timer: NodeJS.Timeout | undefined;
      const bound = new Promise((resolve) => {
        timer = setTimeout(resolve, closeTimeoutMs);
      });
      await Promise.race([Promise.allSettled(replies), bound]);
      clearTimeout(timer);
    }
    clearTimeout(this.#deadlineTimer);
    // A pending connection must not keep the process alive.
    this.client.unref();
    if (this.client.isOpen) this.client.destroy();
  }

  #connect(): Promise<RedisClient> {
    const { client } = this;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () =>
          settle(
            new LedgerUnavailable(
              `Redis at ${this.endpoint.name} did not accept the connection in time: check the address, the network, and whether that port speaks TLS.`,
            ),
          ),
        this.#timeouts.connectTimeoutMs,
      );
      const settle = (error: unknown) => {
        clearTimeout(timer);
        client.off('ready', connected);
        client.off('error', settle);
        if (error === undefined) resolve(client);
        else reject(error);
      };
      const connected = () => settle(undefined);
      client.on('ready', connected);
      client.on('error', settle);
      // An open client that is not ready waits for its next attempt to connect.
      if (!client.isOpen) client.connect().catch(settle);
    });
  }

  #tooLate(cause: unknown): LedgerUnavailable {
    return new LedgerUnavailable(
      `Redis at ${this.endpoint.name} did not respond within ${this.#timeouts.commandTimeoutMs} ms: check its load and the network.`,
      { cause },
    );
  }

  #checkDeadline(): void {
    this.#deadlineTimer = undefined;
    const [oldest] = this.#awaited;
    if (oldest === undefined) return;
    const leftMs = oldest.deadline - performance.now();
    // A connecting client is not dropped, since its attempt would continue beside the next one.
    if (leftMs > 0 || !this.client.isReady) {
      const againMs = leftMs > 0 ? leftMs : this.#timeouts.commandTimeoutMs;
      this.#deadlineTimer = setTimeout(() => this.#checkDeadline(), Math.ceil(againMs));
      return;
    }
    this.#replace();
  }

  #replace(): void {
    this.client.destroy();
    // The client restores subscriptions after it has reconnected.
    if (!this.#closed) this.ready().catch(() => undefined);
  }
}
