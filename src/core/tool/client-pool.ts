import type { Client, ConfiguredClient, Upstream } from './types.ts';

/** The upstream of tools without a client. Their effects happen in this process. */
const local: Upstream = Object.freeze({ origin: 'local', mode: 'local', account: 'local' });

/** Configures and opens each client once, on first use. */
export class ClientPool {
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #configured = new Map<Client, ConfiguredClient>();
  readonly #opened = new Map<Client, Promise<unknown>>();

  constructor(environment: Readonly<Record<string, string | undefined>>) {
    this.#environment = environment;
  }

  /** Returns where a tool's effects happen. Opens nothing. @throws McpOnceError that names a missing variable */
  upstream(client: Client | undefined): Upstream {
    return client ? this.#configure(client).upstream : local;
  }

  /** Returns the opened client. After a failure the next call tries to open it again. */
  open(client: Client | undefined): Promise<unknown> {
    if (!client) return Promise.resolve(undefined);
    const known = this.#opened.get(client);
    if (known) return known;
    const opening = this.#configure(client).open();
    this.#opened.set(client, opening);
    opening.catch(() => {
      // A later call may have opened the client again after it was closed.
      if (this.#opened.get(client) === opening) this.#opened.delete(client);
    });
    return opening;
  }

  /** Closes clients that no tool uses any more. A later `open` opens such a client again. Never rejects. */
  async retire(clients: Iterable<Client>): Promise<void> {
    const closing = [...clients].map((client) => this.#close(client));
    await Promise.allSettled(closing);
  }

  async close(): Promise<void> {
    await this.retire(this.#opened.keys());
  }

  async #close(client: Client): Promise<void> {
    const opening = this.#opened.get(client);
    const configured = this.#configured.get(client);
    this.#opened.delete(client);
    this.#configured.delete(client);
    if (opening && configured) await configured.close(await opening);
  }

  #configure(client: Client): ConfiguredClient {
    const configured = this.#configured.get(client) ?? client.configure(this.#environment);
    this.#configured.set(client, configured);
    return configured;
  }
}
