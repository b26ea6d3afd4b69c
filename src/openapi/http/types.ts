import type { Classification } from '../../core/tool/types.ts';
import type { ApiOperation, Method } from '../document/types.ts';

/** One request, without authentication. Header names are in lower case; nothing in it can break a line. */
export interface HttpRequest {
  readonly method: Method;
  /** Absolute; the path is normalised, and below the server's own path. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** An answer that came, whole. */
export interface HttpResponse {
  readonly status: number;
  /** Names in lower case; of several of one name the last, but for `set-cookie`, which is left out. */
  readonly headers: Readonly<Record<string, string>>;
  /** Decompressed. */
  readonly body: Buffer;
  /** True where the body is longer than may be read: the rest was not. */
  readonly truncated: boolean;
  /** True where a redirect led to another origin, and the answer is that one's. */
  readonly fromOtherOrigin?: boolean;
  /** How many requests were sent for it. */
  readonly sends: number;
}

/** How one request may be sent. */
export interface SendOptions {
  /**
   * True where a second sending has no second effect: reads, `natural`, and what carries a key that the
   * upstream remembers. Only then is anything sent again.
   */
  readonly retryable: boolean;
  /** Statuses that say that the key is in use or came with other parameters: the outcome is not known. */
  readonly inUseStatuses: readonly number[];
  /** Alternatives of schemes, as `ApiOperation.security`. */
  readonly security: ApiOperation['security'];
  /** Asked just before each send, repeats included; by default always true. */
  readonly maySend?: () => boolean;
  /** Whether it may change something; by default what its method says. */
  readonly hasEffect?: boolean;
  readonly signal: AbortSignal;
}

/** Sends requests to one API: authentication, redirects, repeats, bounds. */
export interface ApiSender {
  /** @throws ApiFailure for everything but a 2xx (and a 304, of a read). */
  send(request: HttpRequest, options: SendOptions): Promise<HttpResponse>;
  close(): Promise<void>;
}

/** What went wrong with one request (all its sends together), and what that says about its effect. */
export interface ApiFailureDetails {
  readonly classification: Classification;
  /** Of the last answer, if one came. */
  readonly status?: number;
  readonly response?: HttpResponse;
}
