import { ClientConnection } from './client-connection.ts';
import { GuardedCalls, sendToServer } from './guarded-calls.ts';
import { listKinds } from './joined-lists.ts';
import { KnownTools } from './known-tools.ts';
import { classifyServerFault, ServerFault } from './link.ts';
import { mergeInitializeResults } from './merged-initialize.ts';
import { MergedLists, type RelayedServer } from './merged-lists.ts';
import {
  cancelledId,
  errorResponse,
  invalidParams,
  isNotification,
  isObject,
  isRequest,
  methodNotFound,
  type RpcId,
  type RpcMessage,
  type RpcNotification,
  type RpcRequest,
  type RpcResponse,
} from './message.ts';
import { listChangedNotifications, type Relay, type RelayOptions, type WrappedServer } from './relay.ts';
import { ServerConnection } from './server-connection.ts';
import { ServerRequests } from './server-requests.ts';
import { ServerProgressTokens } from './server-tokens.ts';
import { lostRequestMessage } from './single-server-relay.ts';

const resourceNotFound = -32_002;

/**
 * Puts the engine between a client and several servers, which look like one: tools and prompts have their
 * server's name before their own, lists are joined, and requests go where what they speak of was listed.
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
        return relay.members.flatMap(({ tools }) => [...tools.tools()]);
      },
      find: (shown) => {
        const origin = relay.lists.toolNames.find(shown);
        return origin?.server.tools.find(origin.name);
      },
    },
    start: () => relay.start(),
    close: async () => {
      await Promise.all(relay.members.map(({ upstream }) => upstream.close()));
    },
  };
}

class MultiServerRelay {
  readonly members: readonly RelayedServer[];
  readonly lists: MergedLists;
  readonly #options: RelayOptions;
  readonly #version: string;
  readonly #client: ClientConnection;
  readonly #calls: GuardedCalls;
  readonly #asked = new ServerRequests<RelayedServer>();
  readonly #tokens = new ServerProgressTokens<RelayedServer>();
  /** Where the client's requests have gone that have no answer yet; undefined for what is answered here. */
  readonly #routed = new Map<RpcId, RelayedServer | undefined>();

  constructor(servers: readonly WrappedServer[], options: RelayOptions, version: string) {
    const { transport, handle, scope, log } = options;
    this.#options = options;
    this.#version = version;
    this.lists = new MergedLists(() => this.members, log);
    this.#client = new ClientConnection(transport, log, (on) => {
      for (const { upstream } of this.members) upstream.reading(on);
    });
    const isGone = (shown: string): boolean => {
      const origin = this.lists.toolNames.find(shown);
      return origin?.server.tools.isUnlisted(origin.name) === true;
    };
    this.#calls = new GuardedCalls({ handle, scope, log, isGone, send: this.#client.send });
    this.members = servers.map((server) => this.#member(server));
  }

  async start(): Promise<void> {
    const starting = this.members.map(({ upstream }) => upstream.start());
    await Promise.all([...starting, this.#client.start((message) => this.#fromClient(message))]);
  }

  #member({ name, identity, open }: WrappedServer): RelayedServer {
    const { guard, clock, log, initializeMs } = this.#options;
    const upstream = new ServerConnection(
      { name, open, clock, log, initializeMs },
      {
        message: (message) => this.#fromServer(member, message),
        lost: (request, fault) => this.#answer(errorResponse(request.id, lostRequestMessage(request, fault))),
        down: () => this.#down(member),
        renewed: () => {
          member.tools.forget();
          for (const each of listChangedNotifications(member.capabilities)) this.#client.send(each);
        },
        failed: (fault) => log.warn(`left out: ${fault.message}`),
      },
    );
    const tools: KnownTools = new KnownTools({
      upstream,
      calls: {
        name,
        upstream: identity,
        send: (call) => sendToServer(upstream, tools, call),
        classify: classifyServerFault,
      },
      guard,
      shownAs: (own) => this.lists.toolNames.prefix(member, own),
      clock,
      log,
    });
    const member: RelayedServer = { name, upstream, tools };
    return member;
  }

  #fromClient(message: RpcMessage): void {
    if (isRequest(message)) this.#request(message);
    else if (isNotification(message)) this.#notification(message);
    else {
      const asked = this.#asked.take(message.id);
      asked?.from.upstream.forward({ ...message, id: asked.id });
    }
  }

  #request(request: RpcRequest): void {
    this.#calls.noteProgress(request);
    const name = request.params?.name;
    if (request.method === 'tools/call' && typeof name === 'string') {
      void this.#calls.handle(request, () => this.#routeCall(request, name));
      return;
    }
    this.#routed.set(request.id, undefined);
    this.#route(request).then(
      (answer) => {
        if (answer) this.#answer(answer);
      },
      (error: unknown) => {
        const fault = error instanceof ServerFault ? error : new ServerFault('not_executed', String(error));
        this.#answer(errorResponse(request.id, lostRequestMessage(request, fault)));
      },
    );
  }

  /** Passes a request on, or answers it here. */
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
          this.lists.withCapability('logging').map(({ upstream }) => upstream.request(method, params)),
        );
        return { jsonrpc: '2.0', id, result: {} };
      case 'prompts/get':
        return this.#toPrompt(request, params.name, (name) => ({ ...params, name }));
      case 'resources/read':
      case 'resources/subscribe':
      case 'resources/unsubscribe':
        return this.#toResource(request, params.uri);
      case 'completion/complete': {
        const ref = isObject(params.ref) ? params.ref : {};
        if (ref.type !== 'ref/prompt') return this.#toResource(request, ref.uri);
        return this.#toPrompt(request, ref.name, (name) => ({ ...params, ref: { ...ref, name } }));
      }
      default:
        return errorResponse(
          id,
          `Of several servers none can be told to be meant by ${method.slice(0, 64)}.`,
          methodNotFound,
        );
    }
  }

  async #initialize({ id, params = {} }: RpcRequest): Promise<RpcResponse> {
    const answers = await Promise.allSettled(
      this.members.map(async (member) => {
        const { result, error } = await member.upstream.request('initialize', params);
        if (!result) throw new ServerFault('not_executed', `${member.name}: ${error?.message}`);
        member.capabilities = isObject(result.capabilities) ? result.capabilities : {};
        return { name: member.name, result };
      }),
    );
    const all = answers.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    if (all.length > 0) return { jsonrpc: '2.0', id, result: mergeInitializeResults(all, this.#version) };
    const reasons = answers.map((each) => (each.status === 'rejected' ? String(each.reason.message) : ''));
    const fault = new ServerFault('not_executed', reasons.join('; '));
    this.#options.onFailed(fault);
    return errorResponse(id, fault.message);
  }

  async #routeCall(request: RpcRequest, shown: string): Promise<string | undefined> {
    const origin = await this.lists.tool(shown);
    if (!origin) {
      const message = `There is no tool ${JSON.stringify(shown.slice(0, 64))}. Nothing was executed. What an earlier call of one did is in the ledger: mcp-once ledger list.`;
      if (this.#calls.release(request.id)) this.#client.send(errorResponse(request.id, message, invalidParams));
      return undefined;
    }
    const { server: member, name } = origin;
    const { tool } = member.tools.known(name) ?? (await member.tools.decide(name));
    if (tool) return tool.name;
    if (this.#calls.release(request.id)) this.#pass(member, { ...request, params: { ...request.params, name } });
    return undefined;
  }

  async #toPrompt(request: RpcRequest, shown: unknown, renamed: (name: string) => RpcRequest['params']) {
    const origin = await this.lists.prompt(shown);
    if (!origin) return errorResponse(request.id, 'There is no prompt of this name.', invalidParams);
    const params = renamed(origin.name);
    this.#pass(origin.server, { ...request, ...(params === undefined ? {} : { params }) });
    return undefined;
  }

  /** One that is in no list is asked for at each server in turn. */
  async #toResource(request: RpcRequest, uri: unknown): Promise<RpcResponse | undefined> {
    const found = await this.lists.resource(uri);
    if (found) {
      this.#pass(found, request);
      return undefined;
    }
    for (const { upstream } of this.lists.withCapability('resources')) {
      const answer = await upstream.request(request.method, request.params).catch(() => undefined);
      if (answer?.result) return { ...answer, id: request.id };
    }
    return errorResponse(request.id, 'No server has this resource.', resourceNotFound);
  }

  #pass(member: RelayedServer, request: RpcRequest): void {
    this.#routed.set(request.id, member);
    member.upstream.forward(request);
  }

  /** An answer to the client, if it still waits for one. */
  #answer(response: RpcResponse): void {
    if (this.#routed.delete(response.id)) this.#client.send(response);
  }

  #notification(message: RpcNotification): void {
    const cancelled = cancelledId(message);
    if (cancelled !== undefined) {
      if (this.#calls.cancel(cancelled)) return;
      const member = this.#routed.get(cancelled);
      this.#routed.delete(cancelled);
      member?.upstream.forward(message);
      return;
    }
    const meant = message.method === 'notifications/progress' && this.#tokens.find(message.params?.progressToken);
    if (meant) meant.server.upstream.forward({ ...message, params: { ...message.params, progressToken: meant.token } });
    else for (const member of this.members) if (member.capabilities) member.upstream.forward(message);
  }

  #fromServer(member: RelayedServer, message: RpcMessage): void {
    if (isRequest(message)) this.#client.send(this.#asked.add(member, this.#tokens.rename(member, message), true));
    else if (!isNotification(message)) {
      // What was asked of one server no other may answer.
      if (this.#routed.get(message.id) === member) this.#answer(message);
    } else {
      if (message.method === 'notifications/tools/list_changed') member.tools.forget();
      const cancelled = cancelledId(message);
      const token = message.params?.progressToken;
      if (message.method === 'notifications/progress' && !this.#calls.wantsProgress(token)) return;
      if (cancelled === undefined) {
        this.#client.send(message);
        return;
      }
      const requestId = this.#asked.clientIdOf(member, cancelled);
      if (requestId === undefined) return;
      this.#asked.take(requestId);
      this.#client.send({ ...message, params: { ...message.params, requestId } });
    }
  }

  #down(member: RelayedServer): void {
    member.tools.forget();
    for (const requestId of this.#asked.dropAll(member)) {
      const params = { requestId, reason: 'the server that asked has ended' };
      this.#client.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params });
    }
  }
}
