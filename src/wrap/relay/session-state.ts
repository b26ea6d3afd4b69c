import { ServerFault } from './link.ts';
import {
  isRequest,
  type RpcId,
  type RpcMessage,
  type RpcNotification,
  type RpcRequest,
  type RpcResponse,
} from './message.ts';

/** How many subscriptions are remembered. */
const subscriptionsMax = 1_000;

/** Sends one message by a connection that is being opened; resolves with its answer, where it has one. */
type SendMessage = (message: RpcRequest | RpcNotification) => Promise<RpcResponse | undefined>;

/** What a client has told its server and a new process or session has to be told again. */
export class SessionState {
  #initialize: RpcRequest | undefined;
  #initialized: RpcNotification | undefined;
  #level: RpcRequest | undefined;
  readonly #subscriptions = new Map<unknown, RpcRequest>();
  #isInitialized = false;
  #isAnswered = false;

  /** True once `initialize` has been answered with a result. */
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
    else if (message.method === 'logging/setLevel') this.#level = message;
    else if (message.method === 'resources/unsubscribe') this.#subscriptions.delete(uri);
    else if (message.method === 'resources/subscribe' && this.#subscriptions.size < subscriptionsMax) {
      this.#subscriptions.set(uri, message);
    }
  }

  /** True once `initialize` has been answered, if only by an error: the client may try another version. */
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

  /** @throws UpstreamFault when `initialize` is refused. */
  async restore(exchange: SendMessage): Promise<void> {
    if (!this.#initialize) throw new ServerFault('not_executed', 'the client has not initialized');
    const answer = await exchange(this.#initialize);
    if (answer?.result === undefined) {
      throw new ServerFault('not_executed', `it refused initialize: ${answer?.error?.message}`);
    }
    if (this.#initialized) await exchange(this.#initialized);
    // What was asked for besides is better not had than waited for.
    const wishes = [...(this.#level ? [this.#level] : []), ...this.#subscriptions.values()];
    for (const wish of wishes) exchange(wish).catch(() => undefined);
  }
}
