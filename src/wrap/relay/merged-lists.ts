import type { ToolLog } from '../../core/tool/types.ts';
import { joinedPage, type ListKind, listKinds } from './joined-lists.ts';
import { errorAnswer, invalidParams, isObject, type RpcRequest, type RpcResponse } from './message.ts';
import { ResourceRoutes } from './resource-routes.ts';
import { type Origin, ShownNames } from './prefixed-names.ts';
import type { ToolMemory } from './known-tools.ts';
import type { Upstream } from './server-connection.ts';

/** One of several servers. */
export interface Member {
  readonly name: string;
  readonly upstream: Upstream;
  readonly tools: ToolMemory;
  /** What it declared; undefined for one that has not come up. */
  capabilities?: Readonly<Record<string, unknown>>;
}

/** What several servers have listed, as one list to the client, and whose each thing is. */
export class MemberLists {
  readonly toolNames: ShownNames<Member>;
  readonly #promptNames: ShownNames<Member>;
  readonly #resources: ResourceRoutes<Member>;
  readonly #members: () => readonly Member[];
  readonly #log: ToolLog;

  constructor(members: () => readonly Member[], log: ToolLog) {
    const warn = (message: string): void => log.warn(message);
    this.toolNames = new ShownNames(members, warn);
    this.#promptNames = new ShownNames(members, warn);
    this.#resources = new ResourceRoutes(warn);
    this.#members = members;
    this.#log = log;
  }

  /** The servers that declare a capability. */
  having(capability: string): Member[] {
    return this.#members().filter(({ capabilities }) => capabilities && capabilities[capability] !== undefined);
  }

  /** One page of all. */
  async page({ id, params = {} }: RpcRequest, kind: ListKind): Promise<RpcResponse> {
    const take = (member: Member, items: readonly unknown[]) => this.#learn(member, kind, items);
    const page = await joinedPage(this.having(kind.capability), kind, params, take, this.#log);
    if (page) return { jsonrpc: '2.0', id, result: page };
    return errorAnswer(id, 'The cursor is not one of this list: begin again without one.', invalidParams);
  }

  /** Whose tool it is. @throws UpstreamFault when it may be that of a server which cannot list its tools now. */
  async tool(shown: string): Promise<Origin<Member> | undefined> {
    const known = this.toolNames.find(shown);
    if (known) return known;
    const read = await Promise.allSettled(this.having('tools').map(({ tools }) => tools.refresh()));
    const found = this.toolNames.find(shown);
    const failed = read.find((each) => each.status === 'rejected');
    if (!found && failed) throw failed.reason;
    return found;
  }

  async prompt(shown: unknown): Promise<Origin<Member> | undefined> {
    if (typeof shown !== 'string') return undefined;
    if (!this.#promptNames.find(shown)) await this.#read('prompts');
    return this.#promptNames.find(shown);
  }

  async resource(uri: unknown): Promise<Member | undefined> {
    if (typeof uri !== 'string') return undefined;
    if (!this.#resources.find(uri)) await this.#read('resources');
    return this.#resources.find(uri);
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
