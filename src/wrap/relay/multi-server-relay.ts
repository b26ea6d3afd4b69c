import { BoundedMap } from '../../core/bounded-map.ts';
import { defined, objectOf } from '../../core/json.ts';
import { invalidParams, methodNotFound, resourceNotFound } from '../../server/jsonrpc-codes.ts';
import { ClientCapabilities } from './client-capabilities.ts';
import { ClientConnection } from './client-connection.ts';
import { GuardedCalls, sendToServer } from './guarded-calls.ts';
import { KnownTools, onlyReads } from './known-tools.ts';
import { classifyServerFault, ServerFault } from './link.ts';
import { ListChanges } from './list-changes.ts';
import { mergeInitializeResults } from './merged-initialize.ts';
import { MergedLists } from './merged-lists.ts';
import {
  cancelledId,
  isNotification,
  isRequest,
  type RpcId,
  type RpcMessage,
  type RpcNotification,
  type RpcRequest,
  type RpcResponse,
  rpcErrorResponse,
  withoutForgedResult,
  withoutOwnMeta,
} from './message.ts';
import { awaitObserved, ObservedCalls } from './observed-calls.ts';
import { progressTokenOf } from './pending-requests.ts';
import {
  listChangedNotifications,
  lostRequestMessage,
  type Relay,
  type RelayOptions,
  type WrappedServer,
} from './relay.ts';
import { listKinds, type RelayedServer } from './relayed-server.ts';
import { ServerConnection } from './server-connection.ts';
import { Elicitations, ServerProgressTokens, ServerRequests } from './server-requests.ts';

const progressTokensMax = 10_000;
const subscriptionsMax = 10_000;

/**
 * Creates a relay that shows a client several servers as one. Names of tools and prompts begin with their server's
 * name, lists are merged, and a request goes to the server that its tool, prompt or resource belongs to. No server can
 * speak for another: its responses, progress, cancellations, updates and log messages count for itself only.
 */
export function createMultiServerRelay(
  servers: readonly WrappedServer[],
  options: RelayOptions,
  version: string,
): Relay {
  const relay = new MultiServerRelay(servers, options, version);
  return {
    catalog: {
      hidden: [],
      get tools() {
        return relay.servers.flatMap(({ tools }) => [...tools.tools()]);
      },
      find: (prefixed) => {
        const target = relay.lists.toolNames.find(prefixed);
        return target?.server.tools.find(target.name);
      },
    },
    start: () => relay.start(),
    close: async () => {
      await Promise.all(relay.servers.map(({ connection }) => connection.close()));
    },
  };
}

class MultiServerRelay {
  readonly servers: readonly RelayedServer[];
  readonly lists: MergedLists;
  readonly #options: RelayOptions;
  readonly #version: string;
  readonly #client: ClientConnection;
  readonly #calls: GuardedCalls;
  /** Present where guarded calls are only observed. */
  readonly #observed: ObservedCalls | undefined;
  readonly #serverRequests = new ServerRequests<RelayedServer>();
  readonly #listChanges = new ListChanges();
  readonly #progressTokens = new ServerProgressTokens<RelayedServer>();
  readonly #elicitations = new Elicitations<RelayedServer>();
  readonly #clientCapabilities = new ClientCapabilities();
  /** The server of the last request with each of the client's progress tokens. */
  readonly #progressServers = new BoundedMap<string, RelayedServer>(progressTokensMax);
  /** The servers that the client subscribed at, by URI. */
  readonly #subscriptions = new BoundedMap<string, RelayedServer>(subscriptionsMax);
  /** The servers of the client's open requests; undefined for a request that the relay answers itself. */
  readonly #openRequests = new Map<RpcId, RelayedServer | undefined>();

  constructor(servers: readonly WrappedServer[], options: RelayOptions, version: string) {
    const { transport, handle, scope, clock, log, observe = false } = options;
    this.#options = options;
    this.#version = version;
    this.lists = new MergedLists(() => this.servers, clock, log);
    this.#client = new ClientConnection(transport, log, (isOn) => {
      for (const { connection } of this.servers) connection.setReading(isOn);
    });
    const isUnlisted = (prefixed: string): boolean => {
      const target = this.lists.toolNames.find(prefixed);
      return target?.server.tools.isUnlisted(target.name) === true;
    };
    this.#calls = new GuardedCalls({ handle, scope, log, isUnlisted, send: this.#client.send, clock });
    if (observe) this.#observed = new ObservedCalls({ handle, scope, log, clock });
    this.servers = servers.map((server) => this.#relayedServer(server));
  }

  async start(): Promise<void> {
    const starting = this.servers.map(({ connection }) => connection.start());
    await Promise.all([...starting, this.#client.start((message) => this.#fromClient(message))]);
  }

  #relayedServer({ name, identity, open, environment }: WrappedServer): RelayedServer {
    const { guard, clock, log, initializeMs, observe = false } = this.#options;
    const connection = new ServerConnection(
      { name, open, clock, log, initializeMs, startHint: environment?.startHint },
      {
        message: (message, request) => {
          if (request?.method === 'tools/call' && !('method' in message)) this.#observed?.answered(message);
          const outputSchema = server.tools.outputSchemaOf(request?.params?.name);
          this.#fromServer(server, withoutForgedResult(withoutOwnMeta(message), outputSchema));
        },
        lost: (request, fault) => {
          this.#observed?.lost(request.id, fault);
          this.#answer(rpcErrorResponse(request.id, lostRequestMessage(request, fault)));
        },
        down: () => this.#handleDown(server),
        renewed: () => {
          server.tools.forget();
          this.lists.resources.forget();
          for (const each of listChangedNotifications(server.capabilities)) {
            if (this.#listChanges.isNews(each)) this.#client.send(each);
          }
        },
        failed: (fault) => log.warn(`server not available: ${fault.message}`),
      },
    );
    const tools: KnownTools = new KnownTools({
      connection,
      calls: {
        name,
        upstream: identity,
        send: async (call) => {
          if (observe) return awaitObserved(tools, call);
          const result = await sendToServer(connection, tools, call);
          this.lists.resources.noteLinks(server, result);
          return result;
        },
        classify: classifyServerFault,
        readers: () => tools.readers(),
      },
      guard,
      observe,
      prefix: (own) => this.lists.toolNames.prefix(server, own),
      clock,
      log,
    });
    const server: RelayedServer = { name, connection, tools };
    return server;
  }

  #fromClient(message: RpcMessage): void {
    if (isRequest(message)) this.#handleRequest(message);
    else if (isNotification(message)) this.#handleNotification(message);
    else {
      const request = this.#serverRequests.take(message.id);
      request?.from.connection.forward({ ...message, id: request.id });
    }
  }

  #handleRequest(request: RpcRequest): void {
    this.#calls.noteProgress(request);
    const name = request.params?.name;
    if (request.method === 'tools/call' && typeof name === 'string') {
      void this.#calls.handle(request, () => this.#routeCall(request, name));
      return;
    }
    this.#listChanges.noteRequest(request);
    this.#openRequests.set(request.id, undefined);
    this.#route(request).then(
      (answer) => {
        if (answer) this.#answer(answer);
      },
      (error: unknown) => {
        const fault = error instanceof ServerFault ? error : new ServerFault('not_executed', String(error));
        this.#answer(rpcErrorResponse(request.id, lostRequestMessage(request, fault)));
      },
    );
  }

  /** Passes a request on, or returns the response to it. */
  async #route(request: RpcRequest): Promise<RpcResponse | undefined> {
    const { id, method, params = {} } = request;
    const kind = listKinds.find((each) => each.method === method);
    if (kind) return this.lists.page(request, kind);
    switch (method) {
      case 'initialize':
        return this.#initialize(request);
      case 'ping':
        return { jsonrpc: '2.0', id, result: {} };
      case 'logging/setLevel':
        await Promise.allSettled(
          this.lists.withCapability('logging').map(({ connection }) => connection.request(method, params)),
        );
        return { jsonrpc: '2.0', id, result: {} };
      case 'prompts/get':
        return this.#toPrompt(request, params.name, (name) => ({ ...params, name }));
      case 'resources/read':
        return this.#toResource(request, await this.lists.resources.ownerOf(params.uri));
      case 'resources/subscribe':
      case 'resources/unsubscribe':
        return this.#toSubscription(request, String(params.uri));
      case 'completion/complete': {
        const ref = objectOf(params.ref);
        if (ref.type === 'ref/prompt')
          return this.#toPrompt(request, ref.name, (name) => ({ ...params, ref: { ...ref, name } }));
        return this.#toResource(request, await this.lists.resources.ownerOfTemplate(ref.uri));
      }
      default:
        return rpcErrorResponse(
          id,
          `${method.slice(0, 64)} names no server, and mcp-once wraps several. Nothing was executed.`,
          methodNotFound,
        );
    }
  }

  async #initialize(request: RpcRequest): Promise<RpcResponse> {
    const { id, params = {} } = request;
    this.#clientCapabilities.note(request);
    const answers = await Promise.allSettled(
      this.servers.map(async (server) => {
        const { result, error } = await server.connection.request('initialize', params);
        if (!result) throw new ServerFault('not_executed', `${server.name}: ${error?.message}`);
        server.capabilities = objectOf(result.capabilities);
        return { name: server.name, result };
      }),
    );
    const all = answers.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    if (all.length > 0) return { jsonrpc: '2.0', id, result: mergeInitializeResults(all, this.#version) };
    const reasons = answers.map((each) => (each.status === 'rejected' ? String(each.reason.message) : ''));
    const fault = new ServerFault('not_executed', reasons.join('; '));
    this.#options.onFailed(fault);
    return rpcErrorResponse(id, fault.message);
  }

  async #routeCall(request: RpcRequest, prefixed: string): Promise<string | undefined> {
    const target = await this.lists.tool(prefixed);
    if (!target) {
      const message = `Unknown tool ${JSON.stringify(prefixed.slice(0, 64))}. Nothing was executed. For the outcomes of earlier calls, run: mcp-once ledger list`;
      if (this.#calls.release(request.id)) this.#client.send(rpcErrorResponse(request.id, message, invalidParams));
      return undefined;
    }
    const { server, name } = target;
    this.#noteProgressServer(server, request);
    const { tool } = server.tools.known(name) ?? (await server.tools.decide(name));
    const isGuarded = tool !== undefined && !onlyReads(tool, request);
    if (isGuarded && this.#observed === undefined) return tool.name;
    if (!this.#calls.release(request.id)) return undefined;
    if (isGuarded) this.#observed?.begin(request, tool.name, server.connection);
    this.#pass(server, { ...request, params: { ...request.params, name } });
    return undefined;
  }

  async #toPrompt(request: RpcRequest, prefixed: unknown, renamed: (name: string) => RpcRequest['params']) {
    const target = await this.lists.prompt(prefixed);
    if (!target) return rpcErrorResponse(request.id, 'Unknown prompt.', invalidParams);
    const params = renamed(target.name);
    this.#pass(target.server, { ...request, ...defined({ params }) });
    return undefined;
  }

  #toResource(request: RpcRequest, server: RelayedServer | undefined): RpcResponse | undefined {
    if (server) {
      this.#pass(server, request);
      return undefined;
    }
    const message =
      'No server lists this resource, or a template that matches its URI. The request was sent to none of them. Request resources/list and resources/templates/list for the URIs that can be read.';
    return rpcErrorResponse(request.id, message, resourceNotFound);
  }

  /** A subscription stays at its server until it ends, whichever server the resource belongs to by then. */
  async #toSubscription(request: RpcRequest, uri: string): Promise<RpcResponse | undefined> {
    const isNew = request.method === 'resources/subscribe';
    const known = isNew ? undefined : this.#subscriptions.get(uri);
    const server = known ?? (await this.lists.resources.ownerOf(uri));
    if (isNew && server) this.#subscriptions.set(uri, server);
    if (!isNew) this.#subscriptions.delete(uri);
    return this.#toResource(request, server);
  }

  #pass(server: RelayedServer, request: RpcRequest): void {
    this.#openRequests.set(request.id, server);
    this.#noteProgressServer(server, request);
    server.connection.forward(request);
  }

  #noteProgressServer(server: RelayedServer, request: RpcRequest): void {
    const token = progressTokenOf(request);
    if (token !== undefined) this.#progressServers.set(token, server);
  }

  /** An answer to the client, if it still waits for one. */
  #answer(response: RpcResponse): void {
    if (this.#openRequests.delete(response.id)) this.#client.send(response);
  }

  #handleNotification(message: RpcNotification): void {
    const cancelled = cancelledId(message);
    if (cancelled !== undefined) {
      if (this.#calls.cancel(cancelled)) return;
      const server = this.#openRequests.get(cancelled);
      this.#openRequests.delete(cancelled);
      server?.connection.forward(message);
      return;
    }
    if (message.method === 'notifications/progress') {
      const meant = this.#progressTokens.find(message.params?.progressToken);
      const params = { ...message.params, progressToken: meant?.token };
      meant?.server.connection.forward({ ...message, params });
      return;
    }
    for (const server of this.servers) if (server.capabilities) server.connection.forward(message);
  }

  #fromServer(server: RelayedServer, message: RpcMessage): void {
    if (isRequest(message)) this.#handleServerRequest(server, message);
    else if (isNotification(message)) this.#handleServerNotification(server, message);
    // Another server must not answer this request.
    else if (this.#openRequests.get(message.id) === server) {
      this.lists.resources.noteLinks(server, message.result);
      this.#elicitations.note(server, message);
      this.#answer(message);
    }
  }

  #handleServerRequest(server: RelayedServer, request: RpcRequest): void {
    const refusal = this.#clientCapabilities.refusalOf(request);
    if (refusal) {
      server.connection.forward(refusal);
      return;
    }
    this.#elicitations.note(server, request);
    const renamed = this.#progressTokens.rename(server, withoutForeignContext(request));
    this.#client.send(this.#serverRequests.add(server, renamed, true));
  }

  /** Passes on a notification about the server itself or about its own requests, and no other. */
  #handleServerNotification(server: RelayedServer, message: RpcNotification): void {
    const { method, params = {} } = message;
    switch (method) {
      case 'notifications/cancelled':
        this.#cancelServerRequest(server, message);
        return;
      case 'notifications/progress': {
        const isOwn = this.#progressServers.get(String(params.progressToken)) === server;
        if (isOwn && this.#calls.wantsProgress(params.progressToken)) this.#client.send(message);
        return;
      }
      case 'notifications/resources/updated':
        if (this.#mayUpdate(server, params.uri)) this.#client.send(message);
        return;
      case 'notifications/elicitation/complete':
        if (this.#elicitations.has(server, params.elicitationId)) this.#client.send(message);
        return;
      case 'notifications/tasks/status':
        // The client was offered no tasks: two servers may use the same task id.
        return;
      case 'notifications/message': {
        const logger = typeof params.logger === 'string' ? `${server.name}/${params.logger}` : server.name;
        this.#client.send({ ...message, params: { ...params, logger } });
        return;
      }
      case 'notifications/tools/list_changed':
        server.tools.forget();
        break;
      case 'notifications/resources/list_changed':
        this.lists.resources.forget();
        break;
      default:
    }
    if (this.#listChanges.isNews(message)) this.#client.send(message);
  }

  #cancelServerRequest(server: RelayedServer, message: RpcNotification): void {
    const cancelled = cancelledId(message);
    const requestId = cancelled === undefined ? undefined : this.#serverRequests.clientIdOf(server, cancelled);
    if (requestId === undefined) return;
    this.#serverRequests.take(requestId);
    this.#client.send({ ...message, params: { ...message.params, requestId } });
  }

  /** Whether a server may say that a resource has changed: one of its own, or part of one that the client subscribed. */
  #mayUpdate(server: RelayedServer, uri: unknown): boolean {
    if (typeof uri !== 'string') return false;
    const owner = this.#subscriptions.get(uri) ?? this.lists.resources.knownOwnerOf(uri);
    if (owner) return owner === server;
    for (const [subscribed, at] of this.#subscriptions) if (at === server && uri.startsWith(subscribed)) return true;
    return false;
  }

  #handleDown(server: RelayedServer): void {
    server.tools.forget();
    for (const requestId of this.#serverRequests.dropAll(server)) {
      const params = { requestId, reason: 'the server has ended' };
      this.#client.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params });
    }
  }
}

/** Asks the client for no context of other servers: to the client, all servers here are one. */
function withoutForeignContext(request: RpcRequest): RpcRequest {
  if (request.method !== 'sampling/createMessage' || request.params?.includeContext === undefined) return request;
  return { ...request, params: { ...request.params, includeContext: 'none' } };
}
