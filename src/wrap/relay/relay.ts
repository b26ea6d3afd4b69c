import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { Outcome } from '../../core/call/outcome.ts';
import type { ToolCall } from '../../core/call/types.ts';
import type { Clock } from '../../core/clock.ts';
import { isObject } from '../../core/json.ts';
import type { Catalog } from '../../core/tool/catalog.ts';
import type { ToolLog, Upstream } from '../../core/tool/types.ts';
import type { LoginPrompt } from '../login/log-in.ts';
import type { MakeGuardedTool } from './known-tools.ts';
import type { OpenLink, ServerFault } from './link.ts';
import type { RpcNotification, RpcRequest } from './message.ts';

/** A wrapped server, and how to open a link to it. */
export interface WrappedServer {
  /** Names the server in messages, and begins its tools' names where several servers are wrapped. */
  readonly name: string;
  /** Part of every idempotency key. It is equal in all processes that wrap the same server. */
  readonly identity: Upstream;
  readonly open: OpenLink;
  /** Set for a server at a URL whose headers hold no token. */
  readonly login?: ServerLogin;
  /** Set for a server that is started as a process. */
  readonly environment?: EnvironmentNotes;
}

/** What a person should know about the environment of a server. */
export interface EnvironmentNotes {
  /** Which variables the server gets. */
  readonly summary: string;
  /** The names of the variables that the server does not get. */
  readonly withheld: readonly string[];
  /** Why the server may fail to start; undefined where it gets all variables. */
  readonly startHint?: string;
}

/** The OAuth login of a server. */
export interface ServerLogin {
  /** Whether a login is stored, valid or not. */
  isKept(): Promise<boolean>;
  /** Logs a person in. @returns false when the server asks for no login. @throws McpOnceError `upstream_unavailable` */
  logIn(prompt: LoginPrompt): Promise<boolean>;
}

export interface RelayOptions {
  /** The transport to the client, not started yet. */
  readonly transport: Transport;
  readonly guard: MakeGuardedTool;
  /** Handles a call with the engine over `Relay.catalog`. The first call comes after the engine is ready. */
  readonly handle: (call: ToolCall) => Promise<Outcome>;
  readonly scope: () => ToolCall['scope'];
  readonly clock: Clock;
  readonly log: ToolLog;
  /** Whether guarded calls pass as well, and the engine only notes what it would have done. */
  readonly observe?: boolean;
  /** The time limit for a server's response to `initialize`, in ms. */
  readonly initializeMs: number;
  /** Called once when no server is left, after the client has got an error. */
  readonly onFailed: (fault: ServerFault) => void;
}

/** Connects one client to the wrapped servers. */
export interface Relay {
  /** The guarded tools that the servers have listed so far. */
  readonly catalog: Catalog;
  start(): Promise<void>;
  /** Closes the servers' connections. A process ends within 4 s. */
  close(): Promise<void>;
}

/** Returns the `list_changed` notifications for a server that was restarted: its lists may have changed. */
export function listChangedNotifications(capabilities: unknown): RpcNotification[] {
  return ['tools', 'resources', 'prompts'].flatMap((kind) => {
    const declared = isObject(capabilities) ? capabilities[kind] : undefined;
    if (!isObject(declared) || declared.listChanged !== true) return [];
    return [{ jsonrpc: '2.0' as const, method: `notifications/${kind}/list_changed` }];
  });
}

/** Explains why a request that passed through gets no response, and what to do. */
export function lostRequestMessage({ method }: RpcRequest, { message, effect }: ServerFault): string {
  if (effect !== 'unknown') return `${message}. Nothing was executed. Send the request again later.`;
  if (method !== 'tools/call')
    return `${message}. The server did not answer ${method}. It is safe to send the request again.`;
  return `${message}. It is unknown whether the call was executed. Check before you call the tool again.`;
}
