import type { ToolCall } from '../core/call/types.ts';
import { describeError } from '../core/errors.ts';
import type { ToolLog } from '../core/tool/types.ts';
import { hostKeyOf, progressNotifier } from '../server/tool-requests.ts';
import { signalOf } from './operations.ts';

/** A `tools/call` or `tools/list` request as an SDK hands it to a handler. */
export interface RawRequest {
  readonly method: string;
  readonly params?: Readonly<Record<string, unknown>> | undefined;
}

export type RequestHandler = (request: RawRequest, extra: object) => Promise<unknown>;

type Notify = (notification: object) => Promise<void>;
type Fields = Readonly<Record<string, unknown>>;

/** What the two SDKs tell of a request besides itself: v1 in `extra`, v2 in `ctx.mcpReq` and `ctx.http`. */
interface SdkExtra {
  readonly _meta?: unknown;
  readonly sendNotification?: Notify;
  readonly requestInfo?: { readonly headers?: Fields };
  readonly mcpReq?: Fields & { readonly _meta?: unknown; readonly notify?: Notify };
  readonly http?: { readonly req?: { readonly headers?: { get?(name: string): string | null } } };
}

const neverAborts = new AbortController().signal;

/** What the engine takes from an MCP request. */
export function callDetails(
  params: Fields,
  extra: object,
  log: ToolLog,
): Pick<ToolCall, 'meta' | 'signal' | 'hostKey' | 'onWait'> {
  const meta = metaOf(params, extra);
  const hostKey = hostKeyOf(meta, params) ?? headerKey(extra);
  const onWait = progressOf(meta, extra, log);
  return {
    meta,
    signal: signalOf(extra) ?? neverAborts,
    ...(hostKey === undefined ? {} : { hostKey }),
    ...(onWait ? { onWait } : {}),
  };
}

function metaOf(params: Fields, extra: object): Fields {
  const { _meta, mcpReq } = extra as SdkExtra;
  const meta = _meta ?? mcpReq?._meta ?? params._meta;
  return typeof meta === 'object' && meta !== null ? (meta as Fields) : {};
}

/** The HTTP header `Idempotency-Key` of a request that came over HTTP. */
function headerKey(extra: object): unknown {
  const { requestInfo, http } = extra as SdkExtra;
  return requestInfo?.headers?.['idempotency-key'] ?? http?.req?.headers?.get?.('idempotency-key') ?? undefined;
}

/** Progress while the call waits for another one; undefined when the caller did not ask for it. */
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
 * What a handler gets instead of the caller's own: a signal that lives as long as the operation, and
 * notifications that cannot fail, since a caller that left must not make an effect's outcome unknown.
 */
export function extraOfOperation(extra: object, signal: AbortSignal, log: ToolLog): object {
  const { sendNotification, mcpReq } = extra as SdkExtra;
  const softly =
    (notify: Notify): Notify =>
    (notification) =>
      Promise.resolve(notify(notification)).catch((error: unknown) =>
        log.debug(`notification: ${describeError(error)}`),
      );
  if (mcpReq) {
    const notify = mcpReq.notify ? { notify: softly(mcpReq.notify) } : {};
    return { ...extra, mcpReq: { ...mcpReq, ...notify, signal } };
  }
  return { ...extra, signal, ...(sendNotification ? { sendNotification: softly(sendNotification) } : {}) };
}
