import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { describeError } from '../core/errors.ts';

/** MCP 2026-07-28, `_meta`: what a request of that era carries, and none of an earlier one does. */
const versionMeta = 'io.modelcontextprotocol/protocolVersion';

type Era = 'earlier' | 'modern';
type Connect = (transport: Transport) => Promise<void>;

export interface EraOptions {
  /** Connects the server of MCP 2025-11-25 and earlier. */
  readonly connect2025: Connect;
  /** Loads and connects that of MCP 2026-07-28, when the first message of that era comes. */
  readonly connect2026: Connect;
  readonly onFault: (message: string) => void;
}

/**
 * Two servers on one connection: how the client opens it decides which one it has. `server/discover` alone
 * decides nothing: a client may ask, and then begin with `initialize`.
 */
export async function connectEras(transport: Transport, options: EraOptions): Promise<void> {
  const sides = { earlier: new Side(transport), modern: new Side(transport) };
  let chosen: Era | undefined;
  let modern: Promise<void> | undefined;
  transport.onmessage = (message) => {
    const era = chosen ?? eraOf(message);
    if (!isDiscovery(message)) chosen = era;
    if (era === 'earlier') {
      sides.earlier.onmessage?.(message);
      return;
    }
    modern ??= options.connect2026(sides.modern);
    // In the order of their arrival, also while the server is being loaded.
    modern.then(
      () => sides.modern.onmessage?.(message),
      (error: unknown) => options.onFault(`the server of MCP 2026-07-28 did not start: ${describeError(error)}`),
    );
  };
  transport.onclose = () => {
    sides.earlier.onclose?.();
    sides.modern.onclose?.();
  };
  transport.onerror = (error) => (chosen === 'modern' ? sides.modern : sides.earlier).onerror?.(error);
  await options.connect2025(sides.earlier);
  await transport.start();
}

/** What one of the two servers sees of the connection. */
class Side implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: NonNullable<Transport['onmessage']>;
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async start(): Promise<void> {}

  send(message: JSONRPCMessage): Promise<void> {
    return this.#transport.send(message);
  }

  close(): Promise<void> {
    return this.#transport.close();
  }
}

function eraOf(message: JSONRPCMessage): Era {
  const meta = 'method' in message ? message.params?._meta : undefined;
  return meta !== undefined && Object.hasOwn(meta, versionMeta) ? 'modern' : 'earlier';
}

function isDiscovery(message: JSONRPCMessage): boolean {
  return 'method' in message && message.method === 'server/discover';
}
