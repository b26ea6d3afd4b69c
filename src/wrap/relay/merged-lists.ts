import type { ToolLog } from '../../core/tool/types.ts';
import { type ListKind, listKinds, mergedPage } from './joined-lists.ts';
import type { KnownTools } from './known-tools.ts';
import { errorResponse, invalidParams, isObject, type RpcRequest, type RpcResponse } from './message.ts';
import { type NameTarget, PrefixedNames } from './prefixed-names.ts';
import { ResourceRoutes } from './resource-routes.ts';
import type { ServerConnection } from './server-connection.ts';

/** One of several servers. */
export interface RelayedServer {
  readonly name: string;
  readonly upstream: ServerConnection;
  readonly tools: KnownTools;
  /** What it declared; undefined for one that has not come up. */
  capabilities?: Readonly<Record<string, unknown>>;
}

/** What several servers have listed, as one list to the client, and whose each thing is. */
export class MergedLists {
  readonly toolNames: PrefixedNames<RelayedServer>;
  readonly #promptNames: PrefixedNames<RelayedServer>;
  readonly #resources: ResourceRoutes<RelayedServer>;
  readonly #members: () => readonly RelayedServer[];
  readonly #log: ToolLog;

  constructor(members: () => readonly RelayedServer[], log: ToolLog) {
    const warn = (message: string): void => log.warn(message);
    this.toolNames = new PrefixedNames(members, warn);
    this.#promptNames = new PrefixedNames(members, warn);
    this.#resources = new ResourceRoutes(warn);
    this.#members = members;
    this.#log = log;
  }

  /** The servers that declare a capability. */
  withCapability(capability: string): RelayedServer[] {
    return this.#members().filter(({ capabilities }) => capabilities && capabilities[capability] !== undefined);
  }

  /** One page of all. */
  async page({ id, params = {} }: RpcRequest, kind: ListKind): Promise<RpcResponse> {
    const take = (member: RelayedServer, items: readonly unknown[]) => this.#learn(member, kind, items);
    const page = await mergedPage(this.withCapability(kind.capability), kind, params, take, this.#log);
    if (page) return { jsonrpc: '2.0', id, result: page };
    return errorResponse(id, 'The cursor is not one of this list: begin again without one.', invalidParams);
  }

  /** Whose tool it is. @throws UpstreamFault when it may be that of a server which cannot list its tools now. */
  async tool(shown: string): Promise<NameTarget<RelayedServer> | undefined> {
    const known = this.toolNames.find(shown);
    if (known) return known;
    const read = await Promise.allSettled(this.withCapability('tools').map(({ tools }) => tools.refresh()));
    const found = this.toolNames.find(shown);
    const failed = read.find((each) => each.status === 'rejected');
    if (!found && failed) throw failed.reason;
    return found;
  }

  async prompt(shown: unknown): Promise<NameTarget<RelayedServer> | undefined> {
    if (typeof shown !== 'string') return undefined;
    if (!this.#promptNames.find(shown)) await this.#read('prompts');
    return this.#promptNames.find(shown);
  }

  async resource(uri: unknown): Promise<RelayedServer | undefined> {
    if (typeof uri !== 'string') return undefined;
    if (!this.#resources.find(uri)) await this.#read('resources');
    return this.#resources.find(uri);
  }

  /** What a client sees of a server's list; where each thing is to be had is remembered. */
  #learn(member: RelayedServer, { member: kind }: ListKind, items: readonly unknown[]): readonly unknown[] {
    if (kind === 'tools') return member.tools.remember(items);
    return items.map((item) => {
      if (!isObject(item)) return item;
      if (kind === 'resources') this.#resources.learnResource(member, item.uri);
      if (kind === 'resourceTemplates') this.#resources.learnTemplate(member, item.uriTemplate);
      if (kind !== 'prompts' || typeof item.name !== 'string') return item;
      return { ...item, name: this.#promptNames.prefix(member, item.name) };
    });
  }

  /** The lists of a capability, each to its end. */
  async #read(capability: string): Promise<void> {
    const kinds = listKinds.filter((kind) => kind.capability === capability);
    await Promise.allSettled(kinds.map((kind) => this.#readAll(kind)));
  }

  async #readAll(kind: ListKind): Promise<void> {
    let cursor: unknown;
    for (let page = 0; page < pagesMax; page += 1) {
      const params = cursor === undefined ? {} : { cursor };
      const { result } = await this.page({ jsonrpc: '2.0', id: 0, method: kind.method, params }, kind);
      cursor = result?.nextCursor;
      if (cursor === undefined) return;
    }
  }
}

/** How many pages of a list are read. */
const pagesMax = 1_000;
