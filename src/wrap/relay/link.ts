import type { ErrorFacts } from '../../core/error-answers/classify.ts';
import type { Classification } from '../../core/tool/types.ts';
import type { RpcError, RpcId, RpcMessage } from './message.ts';

/** Whether a message may still be sent. Called right before its first byte is written. */
export type MaySend = () => boolean;

/** One process or HTTP session of a wrapped server. A link is opened once; a restart makes a new one. */
export interface Link {
  /** Opens the link. @throws ServerFault when that fails; nothing was sent. */
  start(): Promise<void>;
  /** Resolves when the message was written. @throws ServerFault that says whether the message took effect. */
  send(message: RpcMessage, maySend?: MaySend): Promise<void>;
  /** Sets the protocol version that the response to `initialize` named. */
  setProtocolVersion(protocolVersion: string): void;
  /** Pauses or resumes reading, where the transport allows it. */
  setReading(isOn: boolean): void;
  /** Closes the link; a process ends within 4 s. Does not call `closed`. */
  close(): Promise<void>;
}

/** Called by a link. */
export interface LinkEvents {
  message(message: RpcMessage): void;
  /** A request that was written gets no response. The link stays open. */
  lost(id: RpcId, fault: ServerFault): void;
  /** The link has ended by itself. Called once. */
  closed(reason: string): void;
  /** The server did something wrong that affects no request. */
  warning(what: string): void;
}

export type OpenLink = (events: LinkEvents) => Link;

/** A request to a wrapped server failed; `effect` says whether it took effect. */
export class ServerFault extends Error {
  readonly effect: Classification;
  /** The server's error response, where it sent one. */
  readonly response: RpcError | undefined;
  /** What the server's answer said, where it sent one. */
  readonly facts: ErrorFacts | undefined;
  /** Whether the server answered. */
  readonly answered: boolean;
  /** True when the server rejected the message because its session has ended. A new session can accept it. */
  readonly sessionGone: boolean;
  /** True when the message was not sent because the claim on its operation was no longer fresh. */
  readonly isWithdrawn: boolean;

  constructor(
    effect: Classification,
    message: string,
    more: {
      readonly response?: RpcError;
      readonly facts?: ErrorFacts;
      readonly sessionGone?: boolean;
      readonly isWithdrawn?: boolean;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, { cause: more.cause });
    this.name = 'ServerFault';
    this.effect = effect;
    this.response = more.response;
    this.facts = more.facts;
    this.answered = more.facts !== undefined;
    this.sessionGone = more.sessionGone ?? false;
    this.isWithdrawn = more.isWithdrawn ?? false;
  }
}

/** Says whether a failed request took effect; undefined for errors of another kind. */
export function classifyServerFault(error: unknown): Classification | undefined {
  return error instanceof ServerFault ? error.effect : undefined;
}

/** The call's claim was lost, or its run ended, while the call waited to be sent. */
export function claimLost(name: string): ServerFault {
  return new ServerFault('not_executed', `the claim on the operation was lost before the call was sent to ${name}`, {
    isWithdrawn: true,
  });
}
