import { describeError } from '../../core/errors.ts';
import { claimLost, type Link, type MaySend, ServerFault } from './link.ts';
import {
  cancelledId,
  isNotification,
  isRequest,
  type RpcMessage,
  type RpcNotification,
  type RpcParams,
  type RpcRequest,
  type RpcResponse,
} from './message.ts';
import { PendingRequests } from './pending-requests.ts';
import { ReconnectingLink, type ReconnectingLinkOptions } from './reconnecting-link.ts';
import { SessionState } from './session-state.ts';

/** What an upstream tells whoever relays for it. */
export interface ServerConnectionEvents {
  /** Its own requests and notifications, and the answers of requests that were forwarded. */
  message(message: RpcMessage): void;
  /** A request that was forwarded gets no answer. */
  lost(request: RpcRequest, fault: ServerFault): void;
  /** The connection has ended: what it had asked needs no answer any more. */
  down(): void;
  /** Another process or session has taken over: what was remembered of the last one holds no longer. */
  renewed(): void;
  /** It never came to answer `initialize`, and is not started again. */
  failed(fault: ServerFault): void;
}

/**
 * An upstream through all its processes or sessions. What is sent while there is none waits for the next
 * one; one that has ended is started again, and told what the client had told the last one.
 */
export class ServerConnection {
  readonly name: string;
  readonly #options: ReconnectingLinkOptions;
  readonly #events: ServerConnectionEvents;
  readonly #pending: PendingRequests;
  readonly #session = new SessionState();
  readonly #connection: ReconnectingLink;

  constructor(options: ReconnectingLinkOptions, events: ServerConnectionEvents) {
    this.name = options.name;
    this.#options = options;
    this.#events = events;
    this.#pending = new PendingRequests((request, fault) => events.lost(request, fault));
    this.#connection = new ReconnectingLink(options, {
      received: (link, message) => this.#receive(link, message),
      lost: (id, fault) => this.#pending.lose(id, fault),
      isInitialized: () => this.#session.isInitialized,
      isAnswered: () => this.#session.isAnswered,
      replay: async (link) => {
        await this.#session.restore((message) => this.#exchange(link, message));
      },
      ended: (fault) => this.#pending.loseSent(fault),
      down: () => events.down(),
      renewed: () => events.renewed(),
      failed: (fault) => events.failed(fault),
    });
  }

  /** Opens the first connection; tells `failed` when that does not work. */
  start(): Promise<void> {
    return this.#connection.start();
  }

  /** Passes a message of the client on, as it is. */
  forward(message: RpcMessage): void {
    if (isRequest(message)) this.#pending.addForwarded(message);
    this.#send(message).catch((error: unknown) => {
      const fault = this.#faultOf(error);
      if (isRequest(message)) this.#pending.lose(message.id, fault);
      else this.#options.log.debug(`not passed on: ${fault.message}`);
    });
  }

  /** Sends a request of our own, and resolves with its answer. @throws UpstreamFault when it gets none. */
  request(method: string, params?: RpcParams, maySend?: MaySend): Promise<RpcResponse> {
    const { request, answer } = this.#pending.addOwn(method, params);
    this.#send(request, maySend).catch((error: unknown) => this.#pending.lose(request.id, this.#faultOf(error)));
    return answer;
  }

  /** Reads on, or reads no more for now, where that can be chosen. */
  reading(on: boolean): void {
    this.#connection.reading(on);
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #send(message: RpcMessage, maySend?: MaySend): Promise<void> {
    // At once where there is a connection, so that messages keep their order.
    const link = this.#connection.current ?? (await this.#connection.next());
    if (isNotification(message)) {
      const cancelled = cancelledId(message);
      if (cancelled !== undefined) this.#pending.forget(cancelled);
    }
    this.#session.noteSent(message);
    if (isRequest(message) && message.method === 'initialize') this.#connection.boundInitialize(link);
    try {
      await this.#sendBy(link, message, maySend);
    } catch (error) {
      const fault = this.#faultOf(error);
      if (!fault.sessionGone || !this.#session.isInitialized) throw fault;
      // Refused by a session that is no more, so not executed: it is sent again, once, in the next one.
      if (isRequest(message)) this.#pending.noteUnsent(message.id);
      this.#connection.sessionOver(link);
      await this.#sendBy(await this.#connection.next(), message, maySend);
    }
  }

  /** Whoever waited for a link may have been given up meanwhile. Nothing waits between these checks and the link. */
  #sendBy(link: Link, message: RpcMessage, maySend: MaySend = () => true): Promise<void> {
    if (isRequest(message)) {
      if (!this.#pending.has(message.id)) return Promise.resolve();
      if (!maySend()) return Promise.reject(claimLost(this.name));
      this.#pending.noteSent(message.id);
    }
    return link.send(message, maySend);
  }

  #receive(link: Link, message: RpcMessage): void {
    if ('method' in message) {
      this.#events.message(message);
      return;
    }
    if (this.#session.isInitialize(message.id)) {
      this.#session.noteInitialized(message);
      agree(link, message);
    }
    if (!this.#pending.takeResponse(message)) this.#events.message(message);
  }

  /** Sends by a link that is not up yet. */
  async #exchange(link: Link, message: RpcRequest | RpcNotification): Promise<RpcResponse | undefined> {
    if (!isRequest(message)) {
      await link.send(message);
      return undefined;
    }
    const { request, answer } = this.#pending.addOwn(message.method, message.params);
    this.#pending.noteSent(request.id);
    link.send(request).catch((error: unknown) => this.#pending.lose(request.id, this.#faultOf(error)));
    const response = await answer;
    // HTTP wants to know the version from the next request on.
    if (message.method === 'initialize') agree(link, response);
    return response;
  }

  #faultOf(error: unknown): ServerFault {
    if (error instanceof ServerFault) return error;
    return new ServerFault('unknown', `${this.name}: ${describeError(error)}`, { cause: error });
  }
}

function agree(link: Link, { result }: RpcResponse): void {
  const version = result?.protocolVersion;
  if (typeof version === 'string') link.agreed(version);
}
