import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Clock, within } from '../../core/clock.ts';
import { isDeeperThan, resultDepthMax } from '../../core/depth.ts';
import { describeError } from '../../core/errors.ts';
import { isObject } from '../../core/json.ts';
import type { ToolLog } from '../../core/tool/types.ts';
import { methodNotFound } from '../../server/jsonrpc-codes.ts';
import type { RpcParams } from './message.ts';
import { type ListKind, type RelayedServer, resourceKind, templateKind } from './relayed-server.ts';
import { ResourceRoutes } from './resource-routes.ts';
import { visibleItem } from './visible-lists.ts';

/** How many pages of a list are read. */
const pagesMax = 1_000;
/** How many resources, or templates, of one server are listed. */
const itemsMax = 10_000;
/** The time limit for one server's list, in ms. */
const listMs = 30_000;
/** How many items are compared with the other servers' lists before other work gets its turn. */
const comparedPerTurn = 100;

/** The two lists of one server, as far as they could be read. */
interface ReadLists {
  readonly server: RelayedServer;
  readonly resources: PromiseSettledResult<readonly unknown[]>;
  readonly templates: PromiseSettledResult<readonly unknown[]>;
}

/**
 * Merges the resources and templates of several servers, and finds the server of each. Where two servers list the same
 * one, it belongs to the first server in the configuration, and the list for the client omits the other one. That needs
 * all pages of both lists of all servers, so a merged list has one page.
 */
export class MergedResources {
  readonly #servers: () => readonly RelayedServer[];
  readonly #routes: ResourceRoutes<RelayedServer>;
  readonly #clock: Clock;
  readonly #log: ToolLog;
  #reading: Promise<unknown> | undefined;
  /** Counts the changes of the servers' lists, and the value of the count that the last reading began with. */
  #changes = 0;
  #readAtChange = -1;

  /**
   * @param servers returns the servers with resources.
   * @param all returns all servers, in the order of the configuration.
   */
  constructor(
    servers: () => readonly RelayedServer[],
    all: () => readonly RelayedServer[],
    clock: Clock,
    log: ToolLog,
  ) {
    this.#servers = servers;
    this.#routes = new ResourceRoutes(all);
    this.#clock = clock;
    this.#log = log;
  }

  /** Answers a list request. @throws the first error where no server could list anything. */
  async list({ cursor: _none, ...params }: RpcParams, { method, member }: ListKind): Promise<RpcParams> {
    const read = await this.#readAll(params);
    const isResources = member === 'resources';
    const lists = read.map(({ server, resources, templates }) => ({
      server,
      list: isResources ? resources : templates,
    }));
    const faults = lists.flatMap(({ list }) => (list.status === 'rejected' ? [list.reason as unknown] : []));
    for (const fault of faults) this.#log.warn(`${method} omits a server: ${describeError(fault)}`);
    if (faults.length > 0 && faults.length === lists.length) throw faults[0];
    const kept: unknown[] = [];
    for (const { server, list } of lists) {
      if (list.status === 'fulfilled') kept.push(...(await this.#ownOf(server, list.value, isResources)));
    }
    return { [member]: kept };
  }

  /** Marks the lists as outdated. */
  forget(): void {
    this.#changes += 1;
  }

  /** Finds the server that a resource is read from. */
  async ownerOf(uri: unknown): Promise<RelayedServer | undefined> {
    if (typeof uri !== 'string') return undefined;
    if (!this.#isRead || this.#routes.ownerOf(uri) === undefined) await this.#readAgain();
    return this.#routes.ownerOf(uri);
  }

  /** Finds the server of a template, or of a resource where no template has this text. */
  async ownerOfTemplate(text: unknown): Promise<RelayedServer | undefined> {
    if (typeof text !== 'string') return undefined;
    if (!this.#isRead || this.#routes.ownerOfTemplate(text) === undefined) await this.#readAgain();
    return this.#routes.ownerOfTemplate(text) ?? this.#routes.ownerOf(text);
  }

  /** Returns the server of a resource, as far as it is known now. */
  knownOwnerOf(uri: string): RelayedServer | undefined {
    return this.#routes.ownerOf(uri);
  }

  /** Remembers the resources that a tool result names: the server need not list them (MCP 2025-11-25, tools). */
  noteLinks(server: RelayedServer, result: unknown): void {
    const content = isObject(result) && Array.isArray(result.content) ? (result.content as unknown[]) : [];
    for (const item of content) {
      if (!isObject(item)) continue;
      const { uri } = item.type === 'resource' && isObject(item.resource) ? item.resource : item;
      if (typeof uri === 'string') this.#routes.addLink(server, uri);
    }
  }

  get #isRead(): boolean {
    return this.#readAtChange === this.#changes;
  }

  async #readAgain(): Promise<void> {
    this.#reading ??= this.#readAll({}).finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
  }

  /** Reads both lists of all servers, and only then decides which server each resource belongs to. */
  async #readAll(params: RpcParams): Promise<readonly ReadLists[]> {
    const changes = this.#changes;
    const read = await Promise.all(
      this.#servers().map(async (server): Promise<ReadLists> => {
        const [resources, templates] = await Promise.allSettled([
          this.#readList(server, resourceKind, params),
          this.#readList(server, templateKind, params),
        ]);
        return { server, resources, templates };
      }),
    );
    for (const { server, resources, templates } of read) {
      // A list that cannot be read keeps its earlier items, so that no other server gets them.
      if (resources.status === 'fulfilled') this.#routes.setResources(server, keysOf(resources.value, 'uri'));
      if (templates.status === 'fulfilled') this.#routes.setTemplates(server, keysOf(templates.value, 'uriTemplate'));
    }
    this.#readAtChange = changes;
    return read;
  }

  /** Reads all pages of a server's list, within the bounds. A server without the method has no items. */
  async #readList(server: RelayedServer, { method, member }: ListKind, params: RpcParams): Promise<unknown[]> {
    const items: unknown[] = [];
    const endMs = this.#clock.monotonicMs() + listMs;
    const late = (): never => {
      throw new Error(`${server.name}: ${method} took longer than ${listMs / 1_000} s`);
    };
    let cursor: unknown;
    for (let page = 0; page < pagesMax && items.length <= itemsMax; page += 1) {
      const asking = server.connection.request(method, cursor === undefined ? params : { ...params, cursor });
      const leftMs = Math.max(endMs - this.#clock.monotonicMs(), 0);
      const { result, error } = await within(this.#clock, asking, leftMs, late);
      if (error?.code === methodNotFound) return items;
      if (error) throw new Error(`${server.name}: ${error.message}`);
      const listed = result?.[member];
      for (const item of Array.isArray(listed) ? (listed as unknown[]) : []) {
        if (!isDeeperThan(resultDepthMax, item)) items.push(visibleItem(item));
      }
      cursor = result?.nextCursor;
      if (typeof cursor !== 'string' && items.length <= itemsMax) return items;
    }
    this.#log.warn(`${server.name}: ${method} has more than ${itemsMax} items; the rest are left out`);
    return items.slice(0, itemsMax);
  }

  /** Returns the items that belong to the server that lists them, and warns about the others. */
  async #ownOf(server: RelayedServer, items: readonly unknown[], isResources: boolean): Promise<readonly unknown[]> {
    const kept: unknown[] = [];
    const lost = new Map<RelayedServer, string[]>();
    for (const [index, item] of items.entries()) {
      if (index % comparedPerTurn === comparedPerTurn - 1) await nextTurn();
      const key = keyOf(item, isResources ? 'uri' : 'uriTemplate');
      if (key === undefined) continue;
      const owner = isResources ? this.#routes.listedOwnerOf(key) : this.#routes.ownerOfTemplate(key);
      if (owner === server) kept.push(item);
      else if (owner) lost.set(owner, [...(lost.get(owner) ?? []), key].slice(0, 3));
    }
    for (const [owner, keys] of lost) {
      const named = keys.map((key) => JSON.stringify(key.slice(0, 100))).join(', ');
      this.#log.warn(
        `${server.name} lists resources that belong to ${owner.name}, which comes before it in the configuration: ${named}. They are left out, and ${owner.name} answers for them.`,
      );
    }
    return kept;
  }
}

/** The URI, or the template, of an item; undefined for an item that has none. */
function keyOf(item: unknown, member: 'uri' | 'uriTemplate'): string | undefined {
  const key = isObject(item) ? item[member] : undefined;
  return typeof key === 'string' ? key : undefined;
}

function keysOf(items: readonly unknown[], member: 'uri' | 'uriTemplate'): string[] {
  return items.map((item) => keyOf(item, member)).filter((key) => key !== undefined);
}
