import { randomUUID } from 'node:crypto';
import { Asked } from './asked.ts';
import { ClientSide } from './client-side.ts';
import { GuardedCalls, sendCall } from './guarded-calls.ts';
import { joinedPage, type ListKind, listKinds } from './joined-lists.ts';
import { classifyUpstreamFault, UpstreamFault } from './link.ts';
import {
  cancelledId,
  errorAnswer,
  isNotification,
  isObject,
  isRequest,
  type RpcId,
  type RpcMessage,
  type RpcNotification,
  type RpcRequest,
  type RpcResponse,
} from './message.ts';
import type { Relay, RelayOptions, WrappedServer } from './relay.ts';
import { ResourceRoutes } from './resource-routes.ts';
import { ShownNames } from './shown-names.ts';
import { lostMessage } from './single.ts';
import { ToolMemory } from './tool-memory.ts';
import { uniteIntroductions } from './united.ts';
import { Upstream } from './upstream.ts';

const methodNotFound = -32_601;
const invalidParams = -32_602;
const resourceNotFound = -32_002;

/** One of several servers. */
interface Member {
  readonly name: string;
  readonly upstream: Upstream;
  readonly tools: ToolMemory;
  /** What it declared; undefined for one that has not come up. */
  capabilities?: Readonly<Record<string, unknown>>;
}

/**
 * Puts the engine between a client and several servers, which look like one: tools and prompts have their
 * server's name before their own, lists are joined, and requests go where what they speak of was listed.
 */
export function relayToSeveral(servers: readonly WrappedServer[], options: RelayOptions, version: string): Relay {
  const relay = new SeveralRelay(servers, options, version);
  return {
    catalog: {
      get tools() {
        return relay.members.flatMap(({ tools }) => [...tools.tools()]);
      },
      find: (shown) => {
        const origin = relay.toolNames.find(shown);
        return origin?.server.tools.find(origin.name);
      },
    },
    start: () => relay.start(),
    close: async () => {
      await Promise.all(relay.members.map(({ upstream }) => upstream.close()));
    },
  };
}

class SeveralRelay {
  readonly members: readonly Member[];
  readonly toolNames: ShownNames<Member>;
  readonly #promptNames: ShownNames<Member>;
  readonly #resources: ResourceRoutes<Member>;
  readonly #options: RelayOptions;
  readonly #version: string;
  readonly #client: ClientSide;
  readonly #calls: GuardedCalls;
  readonly #asked = new Asked<Member>();
  /** The progress tokens of what servers have asked, as the client knows them. */
  readonly #tokens = new Map<string, { readonly member: Member; readonly token: unknown }>();
  /** Where the client's requests have gone that have no answer yet; undefined for what is answered here. */
  readonly #routed = new Map<RpcId, Member | undefined>();

  constructor(servers: readonly WrappedServer[], options: RelayOptions, version: string) {
    const { transport, handle, scope, log } = options;
    const warn = (message: string): void => log.warn(message);
    this.#options = options;
    this.#version = version;
    this.toolNames = new ShownNames(warn);
    this.#promptNames = new ShownNames(warn);
    this.#resources = new ResourceRoutes(warn);
    this.#client = new ClientSide(transport, log, (on) => {
      for (const { upstream } of this.members) upstream.reading(on);
    });
    this.#calls = new GuardedCalls({ handle, scope, log, send: this.#client.send });
    this.members = servers.map((server) => this.#member(server));
  }

  async start(): Promise<void> {
    const starting = this.members.map(({ upstream }) => upstream.start());
    await Promise.all([...starting, this.#client.start((message) => this.#fromClient(message))]);
  }

  #member({ name, identity, open }: WrappedServer): Member {
    const { guard, clock, log, initializeMs } = this.#options;
    const upstream = new Upstream(
      { name, open, clock, log, initializeMs },
      {
        message: (message) => this.#fromServer(member, message),
        lost: (request, fault) => this.#answer(errorAnswer(request.id, lostMessage(request, fault))),
        down: () => this.#down(member),
        renewed: () => {
          member.tools.forget();
          this.#changed(member);
        },
        failed: (fault) => log.warn(`left out: ${fault.message}`),
      },
    );
    const tools: ToolMemory = new ToolMemory({
      upstream,
      calls: {
        name,
        upstream: identity,
        send: (call) => sendCall(upstream, tools, call),
        classify: classifyUpstreamFault,
      },
      guard,
      shownAs: (own) => this.toolNames.show(member, own),
      clock,
      log,
    });
    const member: Member = { name, upstream, tools };
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
    const name = request.params?.name;
    if (request.method === 'tools/call' && typeof name === 'string') {
      void this.#calls.take(request, () => this.#routeCall(request, name));
      return;
    }
    this.#routed.set(request.id, undefined);
    this.#route(request).then(
      (answer) => {
        if (answer) this.#answer(answer);
      },
      (error: unknown) => {
        const fault = error instanceof UpstreamFault ? error : new UpstreamFault('not_executed', String(error));
        this.#answer(errorAnswer(request.id, lostMessage(request, fault)));
      },
    );
  }

  /** Passes a request on, or answers it here. */
  async #route(request: RpcRequest): Promise<RpcResponse | undefined> {
    const { id, method, params = {} } = request;
    const kind = listKinds.find((each) => each.method === method);
    if (kind) return this.#list(request, kind);
    switch (method) {
      case 'initialize':
        return this.#initialize(request);
      case 'ping':
        return { jsonrpc: '2.0', id, result: {} };
      case 'logging/setLevel':
        await Promise.allSettled(this.#with('logging').map(({ upstream }) => upstream.request(method, params)));
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
        return errorAnswer(
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
        if (!result) throw new UpstreamFault('not_executed', `${member.name}: ${error?.message}`);
        member.capabilities = isObject(result.capabilities) ? result.capabilities : {};
        return { name: member.name, result };
      }),
    );
    const all = answers.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    if (all.length > 0) return { jsonrpc: '2.0', id, result: uniteIntroductions(all, this.#version) };
    const reasons = answers.map((each) => (each.status === 'rejected' ? String(each.reason.message) : ''));
    const fault = new UpstreamFault('not_executed', reasons.join('; '));
    this.#options.onFailed(fault);
    return errorAnswer(id, fault.message);
  }

  async #list({ id, params = {} }: RpcRequest, kind: ListKind): Promise<RpcResponse> {
    const take = (member: Member, items: readonly unknown[]) => this.#learn(member, kind, items);
    const page = await joinedPage(this.#with(kind.capability), kind, params, take, this.#options.log);
    if (page) return { jsonrpc: '2.0', id, result: page };
    return errorAnswer(id, 'The cursor is not one of this list: begin again without one.', invalidParams);
  }

  /** What a client sees of a server's list; where each thing is to be had is remembered. */
  #learn(member: Member, { member: kind }: ListKind, items: readonly unknown[]): readonly unknown[] {
    if (kind === 'tools') return member.tools.learn(items);
    return items.map((item) => {
      if (!isObject(item)) return item;
      if (kind === 'resources') this.#resources.learnResource(member, item.uri);
      if (kind === 'resourceTemplates') this.#resources.learnTemplate(member, item.uriTemplate);
      if (kind !== 'prompts' || typeof item.name !== 'string') return item;
      return { ...item, name: this.#promptNames.show(member, item.name) };
    });
  }

  async #routeCall(request: RpcRequest, shown: string): Promise<string | undefined> {
    const origin = this.toolNames.find(shown) ?? (await this.#listed(shown));
    if (!origin) {
      const message = `There is no tool ${JSON.stringify(shown.slice(0, 64))}. Nothing was executed.`;
      if (this.#calls.release(request.id)) this.#client.send(errorAnswer(request.id, message, invalidParams));
      return undefined;
    }
    const { server: member, name } = origin;
    const { tool } = member.tools.decided(name) ?? (await member.tools.decide(name));
    if (tool) return tool.name;
    if (this.#calls.release(request.id)) this.#pass(member, { ...request, params: { ...request.params, name } });
    return undefined;
  }

  async #listed(shown: string) {
    const found = await Promise.allSettled(this.#with('tools').map(({ tools }) => tools.refresh()));
    const origin = this.toolNames.find(shown);
    const failed = found.find((each) => each.status === 'rejected');
    // It may be a tool of one that could not say so.
    if (!origin && failed) throw failed.reason;
    return origin;
  }

  async #toPrompt(request: RpcRequest, shown: unknown, renamed: (name: string) => RpcRequest['params']) {
    if (typeof shown === 'string' && !this.#promptNames.find(shown)) await this.#readLists('prompts');
    const origin = typeof shown === 'string' ? this.#promptNames.find(shown) : undefined;
    if (!origin) return errorAnswer(request.id, 'There is no prompt of this name.', invalidParams);
    const params = renamed(origin.name);
    this.#pass(origin.server, { ...request, ...(params === undefined ? {} : { params }) });
    return undefined;
  }

  /** One that is in no list is asked for at each server in turn. */
  async #toResource(request: RpcRequest, uri: unknown): Promise<RpcResponse | undefined> {
    if (typeof uri === 'string' && !this.#resources.find(uri)) await this.#readLists('resources');
    const found = typeof uri === 'string' ? this.#resources.find(uri) : undefined;
    if (found) {
      this.#pass(found, request);
      return undefined;
    }
    for (const { upstream } of this.#with('resources')) {
      const answer = await upstream.request(request.method, request.params).catch(() => undefined);
      if (answer?.result) return { ...answer, id: request.id };
    }
    return errorAnswer(request.id, 'No server has this resource.', resourceNotFound);
  }

  async #readLists(capability: string): Promise<void> {
    const kinds = listKinds.filter((kind) => kind.capability === capability);
    await Promise.allSettled(kinds.map((kind) => this.#list({ jsonrpc: '2.0', id: 0, method: kind.method }, kind)));
  }

  #pass(member: Member, request: RpcRequest): void {
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
    const token = message.method === 'notifications/progress' ? message.params?.progressToken : undefined;
    const meant = typeof token === 'string' ? this.#tokens.get(token) : undefined;
    if (meant) meant.member.upstream.forward({ ...message, params: { ...message.params, progressToken: meant.token } });
    else for (const member of this.members) if (member.capabilities) member.upstream.forward(message);
  }

  #fromServer(member: Member, message: RpcMessage): void {
    if (isRequest(message)) this.#client.send(this.#asked.add(member, this.#renamed(member, message), true));
    else if (!isNotification(message)) this.#answer(message);
    else {
      if (message.method === 'notifications/tools/list_changed') member.tools.forget();
      const cancelled = cancelledId(message);
      const token = message.params?.progressToken;
      if (message.method === 'notifications/progress' && !this.#calls.wantsProgress(token)) return;
      if (cancelled === undefined) {
        this.#client.send(message);
        return;
      }
      const requestId = this.#asked.idOf(member, cancelled);
      if (requestId === undefined) return;
      this.#asked.take(requestId);
      this.#client.send({ ...message, params: { ...message.params, requestId } });
    }
  }

  /** Two servers may use one progress token. */
  #renamed(member: Member, request: RpcRequest): RpcRequest {
    const meta = request.params?._meta;
    if (!isObject(meta) || meta.progressToken === undefined) return request;
    const progressToken = `mcp-once:${randomUUID()}`;
    if (this.#tokens.size >= tokensMax) this.#tokens.clear();
    this.#tokens.set(progressToken, { member, token: meta.progressToken });
    return { ...request, params: { ...request.params, _meta: { ...meta, progressToken } } };
  }

  #down(member: Member): void {
    member.tools.forget();
    for (const requestId of this.#asked.drop(member)) {
      const params = { requestId, reason: 'the server that asked has ended' };
      this.#client.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params });
    }
  }

  /** What another process of a server offers may be something else. */
  #changed({ capabilities }: Member): void {
    for (const kind of ['tools', 'resources', 'prompts']) {
      const declared = capabilities?.[kind];
      if (isObject(declared) && declared.listChanged === true) {
        this.#client.send({ jsonrpc: '2.0', method: `notifications/${kind}/list_changed` });
      }
    }
  }

  #with(capability: string): Member[] {
    return this.members.filter(({ capabilities }) => capabilities && capabilities[capability] !== undefined);
  }
}

/** How many progress tokens of servers are remembered. */
const tokensMax = 10_000;
