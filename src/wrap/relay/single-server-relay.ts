import { ClientConnection } from './client-connection.ts';
import { GuardedCalls, sendToServer } from './guarded-calls.ts';
import { KnownTools } from './known-tools.ts';
import { classifyServerFault, type ServerFault } from './link.ts';
import {
  cancelledId,
  errorResponse,
  isNotification,
  isRequest,
  type RpcId,
  type RpcMessage,
  type RpcRequest,
  type RpcResponse,
} from './message.ts';
import { listChangedNotifications, type Relay, type RelayOptions, type WrappedServer } from './relay.ts';
import { ServerConnection } from './server-connection.ts';
import { ServerRequests } from './server-requests.ts';

/**
 * Puts the engine between a client and one server. Every message passes as it is and under its own id, but
 * for two: the answer of `tools/list`, where a guarded tool gets its `repeat_token`, and the `tools/call` of
 * a guarded tool, which goes through the engine.
 */
export function createSingleServerRelay(server: WrappedServer, options: RelayOptions): Relay {
  const relay = new SingleServerRelay(server, options);
  return {
    catalog: {
      hidden: [],
      get tools() {
        return [...relay.tools.tools()];
      },
      find: (name) => relay.tools.find(name),
    },
    start: () => relay.start(),
    close: () => relay.upstream.close(),
  };
}

class SingleServerRelay {
  readonly upstream: ServerConnection;
  readonly tools: KnownTools;
  readonly #options: RelayOptions;
  readonly #client: ClientConnection;
  readonly #calls: GuardedCalls;
  readonly #asked = new ServerRequests<ServerConnection>();
  /** The client's `tools/list` requests that have no answer yet. */
  readonly #lists = new Set<RpcId>();
  /** Of the client's `initialize`, and what its answer declared. */
  #initializeId: RpcId | undefined;
  #capabilities: unknown;
  /** True once another process has taken over, whose ids may be those of the last one's. */
  #isRenewed = false;

  constructor(server: WrappedServer, options: RelayOptions) {
    const { transport, guard, handle, clock, log, initializeMs } = options;
    this.#options = options;
    this.#client = new ClientConnection(transport, log, (on) => this.upstream.reading(on));
    this.upstream = new ServerConnection(
      { name: server.name, open: server.open, clock, log, initializeMs },
      {
        message: (message) => this.#fromServer(message),
        lost: (request, fault) => this.#lost(request, fault),
        down: () => this.#down(),
        renewed: () => this.#renewed(),
        failed: (fault) => options.onFailed(fault),
      },
    );
    this.tools = new KnownTools({
      upstream: this.upstream,
      calls: {
        name: server.name,
        upstream: server.identity,
        send: (call) => sendToServer(this.upstream, this.tools, call),
        classify: classifyServerFault,
      },
      guard,
      clock,
      log,
    });
    this.#calls = new GuardedCalls({
      handle,
      scope: options.scope,
      log,
      isGone: (name) => this.tools.isUnlisted(name),
      send: this.#client.send,
    });
  }

  async start(): Promise<void> {
    await Promise.all([this.upstream.start(), this.#client.start((message) => this.#fromClient(message))]);
  }

  #fromClient(message: RpcMessage): void {
    if (isRequest(message)) this.#request(message);
    else if (isNotification(message)) {
      const cancelled = cancelledId(message);
      if (cancelled !== undefined && this.#calls.cancel(cancelled)) return;
      if (cancelled !== undefined) this.#lists.delete(cancelled);
      this.upstream.forward(message);
    } else this.#answer(message);
  }

  #request(request: RpcRequest): void {
    this.#calls.noteProgress(request);
    const name = request.params?.name;
    if (request.method === 'tools/call' && typeof name === 'string') {
      const decided = this.tools.known(name);
      if (!decided || decided.tool) {
        void this.#calls.handle(request, () => this.#route(request, name));
        return;
      }
    }
    if (request.method === 'initialize') this.#initializeId = request.id;
    if (request.method === 'tools/list') this.#lists.add(request.id);
    this.upstream.forward(request);
  }

  /** The guarded tool that is called; undefined where the call has been passed on. */
  async #route(request: RpcRequest, name: string): Promise<string | undefined> {
    const { tool } = this.tools.known(name) ?? (await this.tools.decide(name));
    if (tool) return tool.name;
    if (this.#calls.release(request.id)) this.upstream.forward(request);
    return undefined;
  }

  #answer(response: RpcResponse): void {
    const asked = this.#asked.take(response.id);
    if (asked) this.upstream.forward(asked.id === response.id ? response : { ...response, id: asked.id });
    else this.#options.log.debug('client: an answer to nothing that is asked');
  }

  #fromServer(message: RpcMessage): void {
    if (isRequest(message)) this.#client.send(this.#asked.add(this.upstream, message, this.#isRenewed));
    else if (isNotification(message)) {
      if (message.method === 'notifications/tools/list_changed') this.tools.forget();
      if (message.method === 'notifications/progress' && !this.#calls.wantsProgress(message.params?.progressToken)) {
        return;
      }
      this.#client.send(this.#cancelling(message));
    } else if (this.#calls.has(message.id)) {
      // It was asked under an id of ours, if at all: its answer comes from the engine.
      this.#options.log.debug(`${this.upstream.name}: an answer to nothing that it was asked`);
    } else {
      if (message.id === this.#initializeId) this.#capabilities ??= message.result?.capabilities;
      this.#client.send(this.#lists.delete(message.id) ? this.#listed(message) : message);
    }
  }

  /** A cancellation speaks of the id that the client knows. */
  #cancelling<Message extends RpcMessage>(message: Message): RpcMessage {
    if (!isNotification(message)) return message;
    const id = cancelledId(message);
    const known = id === undefined ? undefined : this.#asked.clientIdOf(this.upstream, id);
    if (known === undefined) return message;
    this.#asked.take(known);
    return known === id ? message : { ...message, params: { ...message.params, requestId: known } };
  }

  #listed(response: RpcResponse): RpcResponse {
    const listed = response.result?.tools;
    if (!Array.isArray(listed)) return response;
    return { ...response, result: { ...response.result, tools: this.tools.remember(listed) } };
  }

  #lost(request: RpcRequest, fault: ServerFault): void {
    this.#lists.delete(request.id);
    this.#client.send(errorResponse(request.id, lostRequestMessage(request, fault)));
  }

  #down(): void {
    this.tools.forget();
    for (const requestId of this.#asked.dropAll(this.upstream)) {
      const params = { requestId, reason: 'the server that asked has ended' };
      this.#client.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params });
    }
  }

  #renewed(): void {
    this.#isRenewed = true;
    this.tools.forget();
    for (const each of listChangedNotifications(this.#capabilities)) this.#client.send(each);
  }
}

/** What became of a request that passed through and has no answer. */
export function lostRequestMessage({ method }: RpcRequest, { message, effect }: ServerFault): string {
  if (effect !== 'unknown') return `${message}. Nothing was executed: send it again later.`;
  if (method !== 'tools/call') return `${message}: ${method} has no answer. It is safe to send it again.`;
  return `${message}. Whether the call was executed is not known: check before it is called again.`;
}
