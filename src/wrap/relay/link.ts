import type { Classification } from '../../core/tool/types.ts';
import type { RpcError, RpcId, RpcMessage } from './message.ts';

/** Whether a message may still be sent: asked right before its first byte leaves, however long it waited until then. */
export type MaySend = () => boolean;

/** One connection to an upstream: a process, or an HTTP session. It is opened once and never again. */
export interface Link {
  /** @throws UpstreamFault when there is no connection; nothing was sent. */
  start(): Promise<void>;
  /** Resolves when the message is on its way. @throws UpstreamFault that says what became of the message. */
  send(message: RpcMessage, maySend?: MaySend): Promise<void>;
  /** Told the version that `initialize` agreed on. */
  agreed(protocolVersion: string): void;
  /** Reads on, or reads no more for now, where that can be chosen. */
  setReading(on: boolean): void;
  /** Ends the connection; a process within 4 s. Tells `closed` no more. */
  close(): Promise<void>;
}

/** What a link tells. */
export interface LinkEvents {
  message(message: RpcMessage): void;
  /** One request, written before, gets no answer any more; the connection lives on. */
  lost(id: RpcId, fault: ServerFault): void;
  /** The connection has ended by itself: told once. */
  closed(reason: string): void;
  /** Something is not as it should be and does not matter to any request. */
  warning(what: string): void;
}

export type OpenLink = (events: LinkEvents) => Link;

/** A request to an upstream has no result, and what is known of its effect. */
export class ServerFault extends Error {
  readonly effect: Classification;
  /** The upstream's own error response, where there is one. */
  readonly response: RpcError | undefined;
  /** True when the session that the message was sent in is over, so that another one may take it. */
  readonly sessionGone: boolean;

  constructor(
    effect: Classification,
    message: string,
    more: { readonly response?: RpcError; readonly sessionGone?: boolean; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: more.cause });
    this.name = 'UpstreamFault';
    this.effect = effect;
    this.response = more.response;
    this.sessionGone = more.sessionGone ?? false;
  }
}

/** What an error of a request to an upstream says about the request's effect. */
export function classifyServerFault(error: unknown): Classification | undefined {
  return error instanceof ServerFault ? error.effect : undefined;
}

/** The run that a call belongs to has ended, or its claim is no longer fresh, while the call waited to be sent. */
export function claimLost(name: string): ServerFault {
  return new ServerFault('not_executed', `the claim on the operation was lost before ${name} was sent it`);
}
