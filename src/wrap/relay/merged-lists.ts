import type { Clock } from '../../core/clock.ts';
import { isDeeperThan, resultDepthMax } from '../../core/depth.ts';
import { describeError } from '../../core/errors.ts';
import { defined, isObject } from '../../core/json.ts';
import type { ToolLog } from '../../core/tool/types.ts';
import { invalidParams } from '../../server/jsonrpc-codes.ts';
import { MergedResources } from './merged-resources.ts';
import { type RpcParams, type RpcRequest, type RpcResponse, rpcErrorResponse } from './message.ts';
import { type NameTarget, PrefixedNames } from './prefixed-names.ts';
import { type ListKind, promptKind, type RelayedServer } from './relayed-server.ts';
import { visibleItem } from './visible-lists.ts';

/** How many pages of a list are read. */
const pagesMax = 1_000;

/** Merges the lists of several servers for the client, and remembers which server each item belongs to. */
export class MergedLists {
  readonly toolNames: PrefixedNames<RelayedServer>;
  readonly #promptNames: PrefixedNames<RelayedServer>;
  /** Merges the lists of resources and templates. */
  readonly resources: MergedResources;
  readonly #servers: () => readonly RelayedServer[];
  readonly #log: ToolLog;

  constructor(servers: () => readonly RelayedServer[], clock: Clock, log: ToolLog) {
    const warn = (message: string): void => log.warn(message);
    this.toolNames = new PrefixedNames(servers, warn);
    this.#promptNames = new PrefixedNames(servers, warn);
    this.resources = new MergedResources(() => this.withCapability('resources'), servers, clock, log);
    this.#servers = servers;
    this.#log = log;
  }

  /** Returns the servers that declare a capability. */
  withCapability(capability: string): RelayedServer[] {
    return this.#servers().filter(({ capabilities }) => capabilities && capabilities[capability] !== undefined);
  }

  /** Answers a list request with one merged page. */
  async page({ id, params = {} }: RpcRequest, kind: ListKind): Promise<RpcResponse> {
    const isResources = kind.capability === 'resources';
    // The merged list of resources has one page, so no cursor for it exists.
    const cursors = isResources && params.cursor !== undefined ? undefined : decodeCursors(params.cursor);
    if (!cursors)
      return rpcErrorResponse(id, 'Invalid cursor. Request the list again without a cursor.', invalidParams);
    if (isResources) return { jsonrpc: '2.0', id, result: await this.resources.list(params, kind) };
    return { jsonrpc: '2.0', id, result: await this.#mergedPage(params, kind, cursors) };
  }

  /**
   * Finds the server of a tool.
   *
   * @throws ServerFault when the tool is not known and a server cannot list its tools.
   */
  async tool(prefixed: string): Promise<NameTarget<RelayedServer> | undefined> {
    const known = this.toolNames.find(prefixed);
    if (known) return known;
    const read = await Promise.allSettled(this.withCapability('tools').map(({ tools }) => tools.refresh()));
    const found = this.toolNames.find(prefixed);
    const failed = read.find((each) => each.status === 'rejected');
    if (!found && failed) throw failed.reason;
    return found;
  }

  /** Finds the server of a prompt. */
  async prompt(prefixed: unknown): Promise<NameTarget<RelayedServer> | undefined> {
    if (typeof prefixed !== 'string') return undefined;
    if (!this.#promptNames.find(prefixed)) await this.#readList(promptKind);
    return this.#promptNames.find(prefixed);
  }

  /**
   * Reads a page from each server that has one, and joins them.
   *
   * @param cursors each server's own cursor, by name.
   * @throws the first error where every server failed.
   */
  async #mergedPage(params: RpcParams, kind: ListKind, cursors: RpcParams): Promise<RpcParams> {
    const { method, member, capability } = kind;
    const { cursor: _merged, ...rest } = params;
    const servers = this.withCapability(capability).filter(
      ({ name }) => params.cursor === undefined || Object.hasOwn(cursors, name),
    );
    const pages = await Promise.allSettled(
      servers.map(async (server) => {
        const cursor = cursors[server.name];
        const { result, error } = await server.connection.request(
          method,
          cursor === undefined ? rest : { ...rest, cursor },
        );
        if (error) throw new Error(`${server.name}: ${error.message}`);
        const items = Array.isArray(result?.[member]) ? (result[member] as unknown[]) : [];
        return { server, items, next: result?.nextCursor };
      }),
    );
    const failures = pages.flatMap((page) => (page.status === 'rejected' ? [page.reason as unknown] : []));
    for (const failure of failures) this.#log.warn(`${method} omits a server: ${describeError(failure)}`);
    if (failures.length > 0 && failures.length === servers.length) throw failures[0];
    const read = pages.flatMap((page) => (page.status === 'fulfilled' ? [page.value] : []));
    const next = read
      .filter((page) => typeof page.next === 'string')
      .map((page) => [page.server.name, page.next] as const);
    return {
      // After all have answered, so that the order of the servers decides about equal names.
      [member]: read.flatMap(({ server, items }) => this.#remember(server, kind, items)),
      ...defined({ nextCursor: next.length === 0 ? undefined : encodeCursors(Object.fromEntries(next)) }),
    };
  }

  /** Remembers which server the items belong to. @returns the items for the client. */
  #remember(server: RelayedServer, { member }: ListKind, items: readonly unknown[]): readonly unknown[] {
    if (member === 'tools') return server.tools.remember(items);
    const shown = items.filter((each) => !isDeeperThan(resultDepthMax, each)).map(visibleItem);
    return shown.map((item) => {
      if (!isObject(item) || typeof item.name !== 'string') return item;
      return { ...item, name: this.#promptNames.prefix(server, item.name) };
    });
  }

  /** Reads all pages of a merged list. */
  async #readList(kind: ListKind): Promise<void> {
    let cursor: unknown;
    for (let page = 0; page < pagesMax; page += 1) {
      const params = defined({ cursor });
      const { result } = await this.page({ jsonrpc: '2.0', id: 0, method: kind.method, params }, kind);
      cursor = result?.nextCursor;
      if (cursor === undefined) return;
    }
  }
}

function encodeCursors(cursors: RpcParams): string {
  return Buffer.from(JSON.stringify(cursors)).toString('base64url');
}

/** Returns undefined for an invalid cursor. */
function decodeCursors(cursor: unknown): RpcParams | undefined {
  if (cursor === undefined) return {};
  if (typeof cursor !== 'string') return undefined;
  try {
    const cursors: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    return isObject(cursors) ? cursors : undefined;
  } catch {
    return undefined;
  }
}
