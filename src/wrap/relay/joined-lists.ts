import { describeError } from '../../core/errors.ts';
import type { ToolLog } from '../../core/tool/types.ts';
import { isObject, type RpcParams } from './message.ts';
import type { ServerConnection } from './server-connection.ts';

/** A list that servers have, and the capability under which they declare it. */
export interface ListKind {
  readonly method: string;
  readonly member: string;
  readonly capability: string;
}

export const listKinds: readonly ListKind[] = Object.freeze([
  { method: 'tools/list', member: 'tools', capability: 'tools' },
  { method: 'resources/list', member: 'resources', capability: 'resources' },
  { method: 'resources/templates/list', member: 'resourceTemplates', capability: 'resources' },
  { method: 'prompts/list', member: 'prompts', capability: 'prompts' },
]);

interface ListingServer {
  readonly name: string;
  readonly upstream: ServerConnection;
}

/**
 * One page of several servers' lists: a page of each that has one. The cursor holds each server's own, by name.
 * @param take makes of a server's items what the client sees.
 * @returns undefined for a cursor that is none. @throws what the servers threw, if none has answered.
 */
export async function mergedPage<Server extends ListingServer>(
  servers: readonly Server[],
  { method, member }: ListKind,
  params: RpcParams,
  take: (server: Server, items: readonly unknown[]) => readonly unknown[],
  log: ToolLog,
): Promise<RpcParams | undefined> {
  const cursors = cursorsIn(params.cursor);
  if (!cursors) return undefined;
  const asked = params.cursor === undefined ? servers : servers.filter(({ name }) => Object.hasOwn(cursors, name));
  const pages = await Promise.allSettled(
    asked.map(async (server) => {
      const cursor = cursors[server.name];
      const { cursor: _ours, ...rest } = params;
      const { result, error } = await server.upstream.request(
        method,
        cursor === undefined ? rest : { ...rest, cursor },
      );
      if (error) throw new Error(`${server.name}: ${error.message}`);
      const items = Array.isArray(result?.[member]) ? (result[member] as unknown[]) : [];
      return { items: take(server, items), name: server.name, next: result?.nextCursor };
    }),
  );
  const failed = pages.flatMap((page) => (page.status === 'rejected' ? [page.reason as unknown] : []));
  for (const reason of failed) log.warn(`left out of ${method}: ${describeError(reason)}`);
  if (failed.length > 0 && failed.length === asked.length) throw failed[0];
  const had = pages.flatMap((page) => (page.status === 'fulfilled' ? [page.value] : []));
  const next = had.filter((page) => typeof page.next === 'string').map((page) => [page.name, page.next] as const);
  return {
    [member]: had.flatMap(({ items }) => items),
    ...(next.length === 0 ? {} : { nextCursor: encode(Object.fromEntries(next)) }),
  };
}

function encode(cursors: RpcParams): string {
  return Buffer.from(JSON.stringify(cursors)).toString('base64url');
}

function cursorsIn(cursor: unknown): RpcParams | undefined {
  if (cursor === undefined) return {};
  if (typeof cursor !== 'string') return undefined;
  try {
    const cursors: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    return isObject(cursors) ? cursors : undefined;
  } catch {
    return undefined;
  }
}
