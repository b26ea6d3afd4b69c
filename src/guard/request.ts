import type { RequestId } from '@modelcontextprotocol/sdk/types.js';
import type { ToolCall } from '../core/call/types.ts';
import { describeError } from '../core/errors.ts';
import { defined, objectOf } from '../core/json.ts';
import type { ToolLog } from '../core/tool/types.ts';
import { hostKeyOf, progressNotifier } from '../server/tool-requests.ts';
import { neverAborts, signalOf } from './operations.ts';

/** A `tools/call` or `tools/list` request, as either SDK passes it to a handler. */
export interface RawRequest {
  readonly method: string;
  readonly params?: Readonly<Record<string, unknown>> | undefined;
}

export type RequestHandler = (request: RawRequest, extra: object) => Promise<unknown>;

type Notify = (notification: object) => Promise<void>;
type Fields = Readonly<Record<string, unknown>>;

/** The context of a request. SDK v1 has it in `extra`, v2 in `ctx.mcpReq` and `ctx.http`. */
interface SdkExtra {
  readonly _meta?: unknown;
  readonly sendNotification?: Notify;
  readonly requestInfo?: { readonly headers?: Fields };
  readonly mcpReq?: Fields & { readonly _meta?: unknown; readonly notify?: Notify };
  readonly http?: { readonly req?: { readonly headers?: { get?(name: string): string | null } } };
}

/** Returns the JSON-RPC id of a request. SDK v1 has it in `extra`, v2 in `ctx.mcpReq`. */
export function requestIdOf(extra: object): RequestId | undefined {
  const { requestId, mcpReq } = extra as { requestId?: unknown; mcpReq?: { id?: unknown } };
  const id = requestId ?? mcpReq?.id;
  return typeof id === 'string' || typeof id === 'number' ? id : undefined;
}

/** Reads the parts of an MCP request that the engine needs. */
export function callDetails(
  params: Fields,
  extra: object,
  log: ToolLog,
): Pick<ToolCall, 'meta' | 'signal' | 'hostKey' | 'onWait'> {
  const meta = metaOf(params, extra);
  const hostKey = hostKeyOf(meta, params) ?? headerKey(extra);
  const onWait = progressOf(meta, extra, log);
  return { meta, signal: signalOf(extra) ?? neverAborts, ...defined({ hostKey, onWait }) };
}

function metaOf(params: Fields, extra: object): Fields {
  const { _meta, mcpReq } = extra as SdkExtra;
  const meta = _meta ?? mcpReq?._meta ?? params._meta;
  return objectOf(meta);
}

/** Reads the header `Idempotency-Key` of a request over HTTP. */
function headerKey(extra: object): unknown {
  const { requestInfo, http } = extra as SdkExtra;
  return requestInfo?.headers?.['idempotency-key'] ?? http?.req?.headers?.get?.('idempotency-key') ?? undefined;
}

/** Reports progress while the call waits for another one. Undefined when the caller did not ask for progress. */
function progressOf(meta: Fields, extra: object, log: ToolLog): ((waitedMs: number) => void) | undefined {
  const { progressToken } = meta;
  const { sendNotification, mcpReq } = extra as SdkExtra;
  const notify = sendNotification ?? mcpReq?.notify;
  if (progressToken === undefined || typeof notify !== 'function') return undefined;
  return progressNotifier(progressToken as string | number, (notification) => {
    notify(notification).catch((error: unknown) => log.debug(`progress: ${describeError(error)}`));
  });
}

/**
 * Returns the handler's last argument with the operation's signal and with notifications that never reject. Otherwise a
 * caller that leaves could make the outcome of an effect unknown.
 */
export function operationExtra(extra: object, signal: AbortSignal, log: ToolLog): object {
  const { sendNotification, mcpReq } = extra as SdkExtra;
  const neverRejecting =
    (notify: Notify): Notify =>
    (notification) =>
      Promise.resolve(notify(notification)).catch((error: unknown) =>
        log.debug(`notification: ${describeError(error)}`),
      );
  if (mcpReq) {
    const notify = defined({ notify: mcpReq.notify && neverRejecting(mcpReq.notify) });
    return { ...extra, mcpReq: { ...mcpReq, ...notify, signal } };
  }
  return { ...extra, signal, ...defined({ sendNotification: sendNotification && neverRejecting(sendNotification) }) };
}
