import { describeError } from '../../core/errors.ts';
import { deepMessageError, deepResponseError, isTooDeep } from './deep-messages.ts';
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
  serverNameOf,
} from './message.ts';
import { PendingRequests } from './pending-requests.ts';
import { ReconnectingLink, type ReconnectingLinkOptions } from './reconnecting-link.ts';
import { SessionState } from './session-state.ts';

/** Called by a server connection. */
export interface ServerConnectionEvents {
  /**
   * The server sent a request, a notification, or the response to a forwarded request.
   * @param request the forwarded request that a response belongs to
   */
  message(message: RpcMessage, request?: RpcRequest): void;
  /** A forwarded request gets no response. */
  lost(request: RpcRequest, fault: ServerFault): void;
  /** The process or session has ended. Its own requests need no response. */
  down(): void;
  /** A new process or session is up. Its lists may differ from those of the last one. */
  renewed(): void;
  /** The server never answered `initialize`, and is not started again. */
  failed(fault: ServerFault): void;
}

/**
 * The connection to one wrapped server, across all its processes or sessions. A server that has ended is started
 * again and gets the client's earlier messages again. Messages sent in between wait for the new process.
 */
export class ServerConnection {
  readonly name: string;
  readonly #options: ReconnectingLinkOptions;
  readonly #events: ServerConnectionEvents;
  readonly #pending: PendingRequests;
  readonly #session = new SessionState();
  readonly #link: ReconnectingLink;
  #requestsReceived = 0;
  #serverName: string | undefined;

  constructor(options: ReconnectingLinkOptions, events: ServerConnectionEvents) {
    this.name = options.name;
    this.#options = options;
    this.#events = events;
    this.#pending = new PendingRequests((request, fault) => events.lost(request, fault));
    this.#link = new ReconnectingLink(options, {
      received: (link, message) => this.#receive(link, message),
      lost: (id, fault) => this.#pending.lose(id, fault),
      isInitialized: () => this.#session.isInitialized,
      isAnswered: () => this.#session.isAnswered,
      restore: async (link) => {
        await this.#session.restore((message) => this.#exchange(link, message));
      },
      ended: (fault) => this.#pending.loseSent(fault),
      down: () => events.down(),
      renewed: () => events.renewed(),
      failed: (fault) => events.failed(fault),
    });
  }

  /** The name that the server gives itself; undefined before its response to `initialize`. */
  get serverName(): string | undefined {
    return this.#serverName;
  }

  /** How many requests the server has sent to the client. */
  get requestsReceived(): number {
    return this.#requestsReceived;
  }

  /** Opens the first link. Calls `failed` when that fails. */
  start(): Promise<void> {
    return this.#link.start();
  }

  /** Passes a message of the client on unchanged. */
  forward(message: RpcMessage): void {
    if (isTooDeep(message)) {
      this.#refuseDeep(message);
      return;
    }
    if (isRequest(message)) this.#pending.addForwarded(message);
    this.#send(message).catch((error: unknown) => {
      const fault = this.#faultOf(error);
      if (isRequest(message)) this.#pending.lose(message.id, fault);
      else this.#options.log.debug(`a message was not passed on: ${fault.message}`);
    });
  }

  /** Sends a request of the relay, and resolves with its response. @throws ServerFault when it gets none. */
  request(method: string, params?: RpcParams, maySend?: MaySend): Promise<RpcResponse> {
    const { request, answer } = this.#pending.addOwn(method, params);
    this.#send(request, maySend).catch((error: unknown) => this.#pending.lose(request.id, this.#faultOf(error)));
    return answer;
  }

  /** Pauses or resumes reading, where the transport allows it. */
  setReading(isOn: boolean): void {
    this.#link.setReading(isOn);
  }

  close(): Promise<void> {
    return this.#link.close();
  }

  async #send(message: RpcMessage, maySend?: MaySend): Promise<void> {
    // Without waiting where a link is up, so that messages keep their order.
    const link = this.#link.current ?? (await this.#link.next());
    if (isNotification(message)) {
      const cancelled = cancelledId(message);
      if (cancelled !== undefined) this.#pending.forget(cancelled);
    }
    this.#session.noteSent(message);
    if (isRequest(message) && message.method === 'initialize') this.#link.limitInitialize(link);
    try {
      await this.#sendBy(link, message, maySend);
    } catch (error) {
      const fault = this.#faultOf(error);
      if (!fault.sessionGone || !this.#session.isInitialized) throw fault;
      // The ended session rejected the message without executing it, so it is sent once more in the next session.
      if (isRequest(message)) this.#pending.noteUnsent(message.id);
      this.#link.replaceSession(link);
      await this.#sendBy(await this.#link.next(), message, maySend);
    }
  }

  /** Checks that the request is still wanted, and sends it without waiting in between. */
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
      if (isRequest(message)) this.#requestsReceived += 1;
      if (isTooDeep(message)) {
        this.#answerDeep(message);
        return;
      }
      const isProgress = message.method === 'notifications/progress';
      if (!isProgress || this.#pending.wantsProgress(message.params?.progressToken)) this.#events.message(message);
      else this.#options.log.debug(`${this.name}: ignored progress of a request that is not open`);
      return;
    }
    if (this.#session.isInitialize(message.id)) {
      this.#session.noteInitialized(message);
      this.#serverName = serverNameOf(message.result?.serverInfo);
      useVersion(link, message);
    }
    const request = this.#pending.forwarded(message.id);
    if (this.#pending.takeResponse(message)) return;
    // A list of tools is passed on without the items that are nested too deep.
    const isList = request?.method === 'tools/list';
    this.#events.message(
      request && !isList && isTooDeep(message) ? deepResponseError(message, request) : message,
      request,
    );
  }

  /** Answers a message of the server that cannot be passed on. */
  #answerDeep(message: RpcRequest | RpcNotification): void {
    this.#options.log.warn(`${this.name}: a message is nested too deep and was not passed on`);
    const answer = deepMessageError(message);
    if (answer) this.forward(answer);
  }

  /** Answers a message of the client that cannot be passed on. The server gets an error in the place of a response. */
  #refuseDeep(message: RpcMessage): void {
    const answer = deepMessageError(message);
    if (answer === undefined) this.#options.log.warn('client: a message is nested too deep and was not passed on');
    else if (isRequest(message)) this.#events.message(answer);
    else this.forward(answer);
  }

  /** Sends a message over a link that is not up yet. */
  async #exchange(link: Link, message: RpcRequest | RpcNotification): Promise<RpcResponse | undefined> {
    if (!isRequest(message)) {
      await link.send(message);
      return undefined;
    }
    const { request, answer } = this.#pending.addOwn(message.method, message.params);
    this.#pending.noteSent(request.id);
    link.send(request).catch((error: unknown) => this.#pending.lose(request.id, this.#faultOf(error)));
    const response = await answer;
    // HTTP needs the version from the next request on.
    if (message.method === 'initialize') useVersion(link, response);
    return response;
  }

  #faultOf(error: unknown): ServerFault {
    if (error instanceof ServerFault) return error;
    return new ServerFault('unknown', `${this.name}: ${describeError(error)}`, { cause: error });
  }
}

function useVersion(link: Link, { result }: RpcResponse): void {
  const version = result?.protocolVersion;
  if (typeof version === 'string') link.setProtocolVersion(version);
}
