import { defined, objectOf } from '../../core/json.ts';
import { invalidParams, methodNotFound, resourceNotFound } from '../../server/jsonrpc-codes.ts';
import { ClientConnection } from './client-connection.ts';
import { GuardedCalls, sendToServer } from './guarded-calls.ts';
import { KnownTools } from './known-tools.ts';
import { classifyServerFault, ServerFault } from './link.ts';
import { mergeInitializeResults } from './merged-initialize.ts';
import { listKinds, MergedLists, type RelayedServer } from './merged-lists.ts';
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
} from './message.ts';
import {
  listChangedNotifications,
  lostRequestMessage,
  type Relay,
  type RelayOptions,
  type WrappedServer,
} from './relay.ts';
import { ServerConnection } from './server-connection.ts';
import { ServerProgressTokens, ServerRequests } from './server-requests.ts';

/**
 * Creates a relay that shows a client several servers as one. Names of tools and prompts begin with their server's
 * name, lists are merged, and a request goes to the server that listed its tool, prompt or resource.
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
  readonly #serverRequests = new ServerRequests<RelayedServer>();
  readonly #progressTokens = new ServerProgressTokens<RelayedServer>();
  /** The servers of the client's open requests; undefined for a request that the relay answers itself. */
  readonly #openRequests = new Map<RpcId, RelayedServer | undefined>();

  constructor(servers: readonly WrappedServer[], options: RelayOptions, version: string) {
    const { transport, handle, scope, log } = options;
    this.#options = options;
    this.#version = version;
    this.lists = new MergedLists(() => this.servers, log);
    this.#client = new ClientConnection(transport, log, (isOn) => {
      for (const { connection } of this.servers) connection.setReading(isOn);
    });
    const isUnlisted = (prefixed: string): boolean => {
      const target = this.lists.toolNames.find(prefixed);
      return target?.server.tools.isUnlisted(target.name) === true;
    };
    this.#calls = new GuardedCalls({ handle, scope, log, isUnlisted, send: this.#client.send });
    this.servers = servers.map((server) => this.#relayedServer(server));
  }

  async start(): Promise<void> {
    const starting = this.servers.map(({ connection }) => connection.start());
    await Promise.all([...starting, this.#client.start((message) => this.#fromClient(message))]);
  }

  #relayedServer({ name, identity, open }: WrappedServer): RelayedServer {
    const { guard, clock, log, initializeMs } = this.#options;
    const connection = new ServerConnection(
      { name, open, clock, log, initializeMs },
      {
        message: (message) => this.#fromServer(server, message),
        lost: (request, fault) => this.#answer(rpcErrorResponse(request.id, lostRequestMessage(request, fault))),
        down: () => this.#handleDown(server),
        renewed: () => {
          server.tools.forget();
          for (const each of listChangedNotifications(server.capabilities)) this.#client.send(each);
        },
        failed: (fault) => log.warn(`server not available: ${fault.message}`),
      },
    );
    const tools: KnownTools = new KnownTools({
      connection,
      calls: {
        name,
        upstream: identity,
        send: (call) => sendToServer(connection, tools, call),
        classify: classifyServerFault,
      },
      guard,
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
      case 'resources/subscribe':
      case 'resources/unsubscribe':
        return this.#toResource(request, params.uri);
      case 'completion/complete': {
        const ref = objectOf(params.ref);
        if (ref.type !== 'ref/prompt') return this.#toResource(request, ref.uri);
        return this.#toPrompt(request, ref.name, (name) => ({ ...params, ref: { ...ref, name } }));
      }
      default:
        return rpcErrorResponse(
          id,
          `${method.slice(0, 64)} names no server, and mcp-once wraps several. Nothing was executed.`,
          methodNotFound,
        );
    }
  }

  async #initialize({ id, params = {} }: RpcRequest): Promise<RpcResponse> {
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
    const { tool } = server.tools.known(name) ?? (await server.tools.decide(name));
    if (tool) return tool.name;
    if (this.#calls.release(request.id)) this.#pass(server, { ...request, params: { ...request.params, name } });
    return undefined;
  }

  async #toPrompt(request: RpcRequest, prefixed: unknown, renamed: (name: string) => RpcRequest['params']) {
    const target = await this.lists.prompt(prefixed);
    if (!target) return rpcErrorResponse(request.id, 'Unknown prompt.', invalidParams);
    const params = renamed(target.name);
    this.#pass(target.server, { ...request, ...defined({ params }) });
    return undefined;
  }

  /** Tries every server in turn for a resource that none has listed. */
  async #toResource(request: RpcRequest, uri: unknown): Promise<RpcResponse | undefined> {
    const found = await this.lists.resource(uri);
    if (found) {
      this.#pass(found, request);
      return undefined;
    }
    for (const { connection } of this.lists.withCapability('resources')) {
      const answer = await connection.request(request.method, request.params).catch(() => undefined);
      if (answer?.result) return { ...answer, id: request.id };
    }
    return rpcErrorResponse(request.id, 'No server has this resource.', resourceNotFound);
  }

  #pass(server: RelayedServer, request: RpcRequest): void {
    this.#openRequests.set(request.id, server);
    server.connection.forward(request);
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
    const meant =
      message.method === 'notifications/progress' && this.#progressTokens.find(message.params?.progressToken);
    if (meant)
      meant.server.connection.forward({ ...message, params: { ...message.params, progressToken: meant.token } });
    else for (const server of this.servers) if (server.capabilities) server.connection.forward(message);
  }

  #fromServer(server: RelayedServer, message: RpcMessage): void {
    if (isRequest(message))
      this.#client.send(this.#serverRequests.add(server, this.#progressTokens.rename(server, message), true));
    else if (!isNotification(message)) {
      // Another server must not answer this request.
      if (this.#openRequests.get(message.id) === server) this.#answer(message);
    } else {
      if (message.method === 'notifications/tools/list_changed') server.tools.forget();
      const cancelled = cancelledId(message);
      const token = message.params?.progressToken;
      if (message.method === 'notifications/progress' && !this.#calls.wantsProgress(token)) return;
      if (cancelled === undefined) {
        this.#client.send(message);
        return;
      }
      const requestId = this.#serverRequests.clientIdOf(server, cancelled);
      if (requestId === undefined) return;
      this.#serverRequests.take(requestId);
      this.#client.send({ ...message, params: { ...message.params, requestId } });
    }
  }

  #handleDown(server: RelayedServer): void {
    server.tools.forget();
    for (const requestId of this.#serverRequests.dropAll(server)) {
      const params = { requestId, reason: 'the server has ended' };
      this.#client.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params });
    }
  }
}
