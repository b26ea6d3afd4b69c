import type { ErrorFacts } from '../../core/error-answers/classify.ts';
import type { Classification } from '../../core/tool/types.ts';
import type { ApiOperation, Method } from '../document/types.ts';

/** A request without credentials. Header names are in lower case. No part of it contains a line break. */
export interface HttpRequest {
  readonly method: Method;
  /** An absolute URL with a normalised path, below the server's own path. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** A response of the API. */
export interface HttpResponse {
  readonly status: number;
  /** Names in lower case, without `set-cookie`. A repeated header has its last value. */
  readonly headers: Readonly<Record<string, string>>;
  /** The decompressed body. */
  readonly body: Buffer;
  /** True if the body is incomplete: longer than the limit, broken off, or not decompressible. */
  readonly truncated: boolean;
  /** True if the connection broke within the body. */
  readonly isBroken?: boolean;
  /** True if a redirect led to another origin, which sent this response. */
  readonly fromOtherOrigin?: boolean;
  /** How many requests were sent to get this response. */
  readonly sends: number;
}

/** The rules for sending one request. */
export interface SendOptions {
  /**
   * True if sending twice has no second effect: for reads, for the recovery `natural`, and with a key that the upstream
   * remembers. Other requests are not retried.
   */
  readonly retryable: boolean;
  /** Statuses that mean that the key is in use or came with other parameters. They leave the outcome unknown. */
  readonly inUseStatuses: readonly number[];
  /** The alternatives of `ApiOperation.security`. */
  readonly security: ApiOperation['security'];
  /** Called just before each send, including retries. False stops the request. @defaultValue always true */
  readonly maySend?: () => boolean;
  /** Renews the claim of a request that has waited. Resolves with whether the request may still be sent. */
  readonly readyToSend?: () => Promise<boolean>;
  /** Whether the request may change something. @defaultValue by its method */
  readonly hasEffect?: boolean;
  readonly signal: AbortSignal;
}

/** Sends requests to one API, with credentials, redirects, retries and limits. */
export interface ApiSender {
  /** @throws ApiFailure for every result except 2xx, and 304 of a read */
  send(request: HttpRequest, options: SendOptions): Promise<HttpResponse>;
  close(): Promise<void>;
}

/** The facts about a failed request after all its sends. */
export interface ApiFailureDetails {
  /** What is known about the effect. */
  readonly classification: Classification;
  /** The status of the last response, if there is one. */
  readonly status?: number;
  readonly response?: HttpResponse;
  /** What the last response says, and how long it asks to wait. */
  readonly facts?: ErrorFacts;
  /** Whether every request that may have taken effect got a response. @defaultValue false */
  readonly answered?: boolean;
}
