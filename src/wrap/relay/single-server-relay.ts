import { ClientCapabilities } from './client-capabilities.ts';
import { ClientConnection } from './client-connection.ts';
import { GuardedCalls, sendToServer } from './guarded-calls.ts';
import { KnownTools, onlyReads } from './known-tools.ts';
import { classifyServerFault, type ServerFault } from './link.ts';
import { ListChanges } from './list-changes.ts';
import {
  cancelledId,
  isNotification,
  isRequest,
  type RpcId,
  type RpcMessage,
  type RpcRequest,
  type RpcResponse,
  rpcErrorResponse,
  withoutForgedResult,
  withoutOwnMeta,
} from './message.ts';
import { awaitObserved, ObservedCalls } from './observed-calls.ts';
import {
  listChangedNotifications,
  lostRequestMessage,
  type Relay,
  type RelayOptions,
  type WrappedServer,
} from './relay.ts';
import { ServerConnection } from './server-connection.ts';
import { ServerRequests } from './server-requests.ts';
import { withVisibleLists } from './visible-lists.ts';

/**
 * Creates a relay between a client and one server. All messages pass unchanged and under their own ids, with these
 * exceptions: the response to `tools/list`, where guarded tools get their `repeat_token`, and the `tools/call` of a
 * guarded tool, which goes through the engine. The client does not get outcomes that the server states in the name of
 * mcp-once, progress of requests that are not open, and requests that need a capability which it has not declared.
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
    close: () => relay.connection.close(),
  };
}

class SingleServerRelay {
  readonly connection: ServerConnection;
  readonly tools: KnownTools;
  readonly #options: RelayOptions;
  readonly #client: ClientConnection;
  readonly #calls: GuardedCalls;
  /** Present where guarded calls are only observed. */
  readonly #observed: ObservedCalls | undefined;
  readonly #serverRequests = new ServerRequests<ServerConnection>();
  readonly #clientCapabilities = new ClientCapabilities();
  /** The client's open requests for lists, with their methods. */
  readonly #listRequests = new Map<RpcId, string>();
  readonly #listChanges = new ListChanges();
  /** The id of the client's `initialize`, and the capabilities in the response. */
  #initializeId: RpcId | undefined;
  #capabilities: unknown;
  /** True after a restart: the new process may use the ids of the process before it. */
  #isRenewed = false;

  constructor(server: WrappedServer, options: RelayOptions) {
    const { transport, guard, handle, scope, clock, log, initializeMs, observe = false } = options;
    this.#options = options;
    this.#client = new ClientConnection(transport, log, (isOn) => this.connection.setReading(isOn));
    this.connection = new ServerConnection(
      { name: server.name, open: server.open, clock, log, initializeMs, startHint: server.environment?.startHint },
      {
        message: (message, request) => {
          if (request?.method === 'tools/call' && !('method' in message)) this.#observed?.answered(message);
          const outputSchema = this.tools.outputSchemaOf(request?.params?.name);
          this.#fromServer(withoutForgedResult(withoutOwnMeta(message), outputSchema));
        },
        lost: (request, fault) => this.#answerLost(request, fault),
        down: () => this.#handleDown(),
        renewed: () => this.#handleRenewed(),
        failed: (fault) => options.onFailed(fault),
      },
    );
    this.tools = new KnownTools({
      connection: this.connection,
      calls: {
        name: server.name,
        upstream: server.identity,
        send: (call) => (observe ? awaitObserved(this.tools, call) : sendToServer(this.connection, this.tools, call)),
        classify: classifyServerFault,
        readers: () => this.tools.readers(),
      },
      guard,
      observe,
      clock,
      log,
    });
    if (observe) this.#observed = new ObservedCalls({ handle, scope, log, clock });
    this.#calls = new GuardedCalls({
      handle,
      scope,
      log,
      isUnlisted: (name) => this.tools.isUnlisted(name),
      send: this.#client.send,
      clock,
    });
  }

  async start(): Promise<void> {
    await Promise.all([this.connection.start(), this.#client.start((message) => this.#fromClient(message))]);
  }

  #fromClient(message: RpcMessage): void {
    if (isRequest(message)) this.#handleRequest(message);
    else if (isNotification(message)) {
      const cancelled = cancelledId(message);
      if (cancelled !== undefined && this.#calls.cancel(cancelled)) return;
      if (cancelled !== undefined) {
        this.#listRequests.delete(cancelled);
        this.#observed?.cancelled(cancelled);
      }
      this.connection.forward(message);
    } else this.#forwardResponse(message);
  }

  #handleRequest(request: RpcRequest): void {
    this.#calls.noteProgress(request);
    const name = request.params?.name;
    if (request.method === 'tools/call' && typeof name === 'string') {
      const decided = this.tools.known(name);
      if (!decided || decided.tool) {
        void this.#calls.handle(request, () => this.#route(request, name));
        return;
      }
    }
    if (request.method === 'initialize') {
      this.#initializeId = request.id;
      this.#clientCapabilities.note(request);
    }
    this.#listChanges.noteRequest(request);
    if (request.method.endsWith('/list')) this.#listRequests.set(request.id, request.method);
    this.connection.forward(request);
  }

  /** Returns the guarded tool to call; undefined after passing on the call of another tool. */
  async #route(request: RpcRequest, name: string): Promise<string | undefined> {
    const { tool } = this.tools.known(name) ?? (await this.tools.decide(name));
    const isGuarded = tool !== undefined && !onlyReads(tool, request);
    if (isGuarded && this.#observed === undefined) return tool.name;
    if (!this.#calls.release(request.id)) return undefined;
    if (isGuarded) this.#observed?.begin(request, tool.name, this.connection);
    this.connection.forward(request);
    return undefined;
  }

  #forwardResponse(response: RpcResponse): void {
    const request = this.#serverRequests.take(response.id);
    if (request) this.connection.forward(request.id === response.id ? response : { ...response, id: request.id });
    else this.#options.log.debug('client: ignored a response to an unknown request');
  }

  #fromServer(message: RpcMessage): void {
    if (isRequest(message)) {
      const refusal = this.#clientCapabilities.refusalOf(message);
      if (refusal) this.connection.forward(refusal);
      else this.#client.send(this.#serverRequests.add(this.connection, message, this.#isRenewed));
    } else if (isNotification(message)) {
      if (message.method === 'notifications/tools/list_changed') this.tools.forget();
      if (message.method === 'notifications/progress' && !this.#calls.wantsProgress(message.params?.progressToken)) {
        return;
      }
      if (this.#listChanges.isNews(message)) this.#client.send(this.#withClientId(message));
    } else if (this.#calls.has(message.id)) {
      // The relay sends guarded calls under its own ids, so no server can answer this one.
      this.#options.log.debug(`${this.connection.name}: ignored a response to an unknown request`);
    } else {
      const method = this.#listRequests.get(message.id);
      this.#listRequests.delete(message.id);
      if (method === 'tools/list') this.#client.send(this.#withGuardedTools(message));
      else if (message.id === this.#initializeId) {
        this.#capabilities ??= message.result?.capabilities;
        this.#client.send(withVisibleLists(message));
      } else this.#client.send(method === undefined ? message : withVisibleLists(message));
    }
  }

  /** In a cancellation, replaces the server's request id by the one that the client knows. */
  #withClientId<Message extends RpcMessage>(message: Message): RpcMessage {
    if (!isNotification(message)) return message;
    const id = cancelledId(message);
    const known = id === undefined ? undefined : this.#serverRequests.clientIdOf(this.connection, id);
    if (known === undefined) return message;
    this.#serverRequests.take(known);
    return known === id ? message : { ...message, params: { ...message.params, requestId: known } };
  }

  #withGuardedTools(response: RpcResponse): RpcResponse {
    const listed = response.result?.tools;
    if (!Array.isArray(listed)) return response;
    return { ...response, result: { ...response.result, tools: this.tools.remember(listed) } };
  }

  #answerLost(request: RpcRequest, fault: ServerFault): void {
    this.#observed?.lost(request.id, fault);
    this.#listRequests.delete(request.id);
    this.#client.send(rpcErrorResponse(request.id, lostRequestMessage(request, fault)));
  }

  #handleDown(): void {
    this.tools.forget();
    for (const requestId of this.#serverRequests.dropAll(this.connection)) {
      const params = { requestId, reason: 'the server has ended' };
      this.#client.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params });
    }
  }

  #handleRenewed(): void {
    this.#isRenewed = true;
    this.tools.forget();
    for (const each of listChangedNotifications(this.#capabilities)) {
      if (this.#listChanges.isNews(each)) this.#client.send(each);
    }
  }
}
