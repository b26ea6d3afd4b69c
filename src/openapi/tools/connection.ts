import type { ApiSender } from '../http/types.ts';

/** The opened client of an API: one sender for each of its origins, made on first use. */
export class Connection {
  readonly #open: (origin: string) => ApiSender;
  readonly #senders = new Map<string, ApiSender>();

  constructor(open: (origin: string) => ApiSender) {
    this.#open = open;
  }

  /** The sender of a server. @param url any absolute URL of it */
  sender(url: string): ApiSender {
    const { origin } = new URL(url);
    const sender = this.#senders.get(origin) ?? this.#open(origin);
    this.#senders.set(origin, sender);
    return sender;
  }

  async close(): Promise<void> {
    const senders = [...this.#senders.values()];
    this.#senders.clear();
    await Promise.allSettled(senders.map((sender) => sender.close()));
  }
}
