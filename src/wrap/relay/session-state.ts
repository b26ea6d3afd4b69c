import { ServerFault } from './link.ts';
import {
  isRequest,
  type RpcId,
  type RpcMessage,
  type RpcNotification,
  type RpcRequest,
  type RpcResponse,
} from './message.ts';

const subscriptionsMax = 1_000;

/** Sends one message over a link that is being opened. Resolves with the response, where there is one. */
type SendMessage = (message: RpcRequest | RpcNotification) => Promise<RpcResponse | undefined>;

/** Remembers the client's messages that a new process or session of the server must get again. */
export class SessionState {
  #initialize: RpcRequest | undefined;
  #initialized: RpcNotification | undefined;
  #logLevel: RpcRequest | undefined;
  readonly #subscriptions = new Map<unknown, RpcRequest>();
  #isInitialized = false;
  #isAnswered = false;

  /** True after a result for `initialize`. */
  get isInitialized(): boolean {
    return this.#isInitialized;
  }

  noteSent(message: RpcMessage): void {
    if (!('method' in message)) return;
    if (!isRequest(message)) {
      if (message.method === 'notifications/initialized') this.#initialized = message;
      return;
    }
    const uri = message.params?.uri;
    if (message.method === 'initialize') this.#initialize = message;
    else if (message.method === 'logging/setLevel') this.#logLevel = message;
    else if (message.method === 'resources/unsubscribe') this.#subscriptions.delete(uri);
    else if (message.method === 'resources/subscribe' && this.#subscriptions.size < subscriptionsMax) {
      this.#subscriptions.set(uri, message);
    }
  }

  /** True after any response to `initialize`. After an error the client may try another version. */
  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  isInitialize(id: RpcId): boolean {
    return !this.#isInitialized && this.#initialize?.id === id;
  }

  noteInitialized(response: RpcResponse): void {
    this.#isAnswered = true;
    this.#isInitialized = response.result !== undefined;
  }

  /** Sends the remembered messages. @throws ServerFault when the server refuses `initialize`. */
  async restore(send: SendMessage): Promise<void> {
    if (!this.#initialize) throw new ServerFault('not_executed', 'the client has not initialized');
    const answer = await send(this.#initialize);
    if (answer?.result === undefined) {
      throw new ServerFault('not_executed', `the server refused initialize: ${answer?.error?.message}`);
    }
    if (this.#initialized) await send(this.#initialized);
    // Log level and subscriptions must not delay the restart.
    const others = [...(this.#logLevel ? [this.#logLevel] : []), ...this.#subscriptions.values()];
    for (const message of others) send(message).catch(() => undefined);
  }
}
