import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { Outcome } from '../../core/call/outcome.ts';
import type { ToolCall } from '../../core/call/types.ts';
import type { Clock } from '../../core/clock.ts';
import type { Catalog } from '../../core/tool/catalog.ts';
import type { ToolLog, Upstream as UpstreamIdentity } from '../../core/tool/types.ts';
import type { LoginPrompt } from '../login/log-in.ts';
import type { MakeGuardedTool } from './known-tools.ts';
import type { OpenLink, ServerFault } from './link.ts';
import { isObject, type RpcNotification } from './message.ts';

/** A server that is wrapped. */
export interface WrappedServer {
  /** For messages, and before its tools' names where there are several. */
  readonly name: string;
  /** Part of every key: the same in every process that means the same server. */
  readonly identity: UpstreamIdentity;
  readonly open: OpenLink;
  /** Of a server at a URL that was given no token. */
  readonly login?: ServerLogin;
}

/** How somebody logs in to a server. */
export interface ServerLogin {
  /** Whether there is one, good or not. */
  isKept(): Promise<boolean>;
  /** @returns false where the server asks for none. @throws McpOnceError `upstream_unavailable` */
  logIn(interaction: LoginPrompt): Promise<boolean>;
}

export interface RelayOptions {
  /** To the client. Not started. */
  readonly transport: Transport;
  readonly guard: MakeGuardedTool;
  /** The engine over `Relay.catalog`. Called only once a client has called a tool. */
  readonly handle: (call: ToolCall) => Promise<Outcome>;
  readonly scope: () => ToolCall['scope'];
  readonly clock: Clock;
  readonly log: ToolLog;
  /** How long a server may take to answer `initialize`, in ms. */
  readonly initializeMs: number;
  /** Told once when there is no server to relay to; the client has been told. */
  readonly onFailed: (fault: ServerFault) => void;
}

/** A client's connection to what is wrapped. */
export interface Relay {
  /** The guarded tools as they are known so far. */
  readonly catalog: Catalog;
  start(): Promise<void>;
  /** Ends the servers; a process within 4 s. */
  close(): Promise<void>;
}

/** Tells a client that what a server offers may be something else: another process has taken over. */
export function listChangedNotifications(capabilities: unknown): RpcNotification[] {
  return ['tools', 'resources', 'prompts'].flatMap((kind) => {
    const declared = isObject(capabilities) ? capabilities[kind] : undefined;
    if (!isObject(declared) || declared.listChanged !== true) return [];
    return [{ jsonrpc: '2.0' as const, method: `notifications/${kind}/list_changed` }];
  });
}
