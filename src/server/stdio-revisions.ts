import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage, JSONRPCNotification, RequestId } from '@modelcontextprotocol/sdk/types.js';
import { describeError } from '../core/errors.ts';
import type { Deliveries } from './deliveries.ts';

/** A member of `_meta` that only requests of MCP 2026-07-28 have. */
const versionMeta = 'io.modelcontextprotocol/protocolVersion';

type Revision = '2025' | '2026';
type Connect = (transport: Transport) => Promise<void>;

export interface RevisionOptions {
  /** Connects the server of MCP 2025-11-25 and earlier. */
  readonly connect2025: Connect;
  /** Loads and connects the server of MCP 2026-07-28. Called with the first message of that revision. */
  readonly connect2026: Connect;
  readonly onFault: (message: string) => void;
  /** Learns which answers the client has received. */
  readonly deliveries?: Deliveries;
}

/**
 * Serves both protocol revisions on one connection. The client's first message decides which server it gets.
 * `server/discover` alone does not decide: a client may send it first and then `initialize`.
 */
export async function connectRevisions(transport: Transport, options: RevisionOptions): Promise<void> {
  const sides = {
    '2025': new ServerSide(transport, options.deliveries),
    '2026': new ServerSide(transport, options.deliveries),
  };
  let chosen: Revision | undefined;
  let connected2026: Promise<void> | undefined;
  transport.onmessage = (message) => {
    if (isCancellation(message)) options.deliveries?.forget(message.params?.requestId as RequestId | undefined);
    const revision = chosen ?? revisionOf(message);
    if (!isDiscovery(message)) chosen = revision;
    if (revision === '2025') {
      sides['2025'].onmessage?.(message);
      return;
    }
    connected2026 ??= options.connect2026(sides['2026']);
    // Messages keep their order while the server is being loaded.
    connected2026.then(
      () => sides['2026'].onmessage?.(message),
      (error: unknown) => options.onFault(`the server of MCP 2026-07-28 did not start: ${describeError(error)}`),
    );
  };
  transport.onclose = () => {
    sides['2025'].onclose?.();
    sides['2026'].onclose?.();
  };
  transport.onerror = (error) => (chosen === '2026' ? sides['2026'] : sides['2025']).onerror?.(error);
  await options.connect2025(sides['2025']);
  await transport.start();
}

/** The connection as one of the two servers sees it. */
class ServerSide implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: NonNullable<Transport['onmessage']>;
  readonly #transport: Transport;
  readonly #deliveries: Deliveries | undefined;

  constructor(transport: Transport, deliveries: Deliveries | undefined) {
    this.#transport = transport;
    this.#deliveries = deliveries;
  }

  async start(): Promise<void> {}

  async send(message: JSONRPCMessage): Promise<void> {
    await this.#transport.send(message);
    if (!('method' in message)) this.#deliveries?.written(message.id);
  }

  close(): Promise<void> {
    return this.#transport.close();
  }
}

function revisionOf(message: JSONRPCMessage): Revision {
  const meta = 'method' in message ? message.params?._meta : undefined;
  return meta !== undefined && Object.hasOwn(meta, versionMeta) ? '2026' : '2025';
}

function isCancellation(message: JSONRPCMessage): message is JSONRPCNotification {
  return 'method' in message && message.method === 'notifications/cancelled';
}

function isDiscovery(message: JSONRPCMessage): boolean {
  return 'method' in message && message.method === 'server/discover';
}
