import type { FaultRule } from './faults.ts';

/** What a sandbox is started with. */
export interface SandboxOptions {
  /** TCP port on 127.0.0.1, 0 to 65535. Default 0: a free one. */
  port?: number;
  /** SQLite file that holds its data, shared by every sandbox started on it; `:memory:` keeps nothing. */
  dataFile: string;
  /** Milliseconds since 1970. Default `Date.now`. `POST /_sandbox/clock` adds to it. */
  now?: () => number;
  /** Whether faults and clock may be set through `/_sandbox`; a list sets rules from the start. Default false. */
  faults?: boolean | readonly FaultRule[];
  /** Told one line a request: method, path, status; no parameters, no keys. */
  log?: (line: string) => void;
}

/** A running sandbox. */
export interface Sandbox {
  /** Origin without a trailing slash, such as `http://127.0.0.1:12111`. */
  readonly url: string;
  readonly port: number;
  /** Ends every connection, releases what hangs (without its effect), and closes the data file. */
  close(): Promise<void>;
}

/** Bounds of the sandbox. */
export const limits = Object.freeze({
  bodyBytesMax: 1024 * 1024,
  urlBytesMax: 16 * 1024,
  parametersMax: 1_000,
  nestingMax: 6,
  idempotencyKeyMax: 255,
  idempotencyWindowMs: 24 * 3_600_000,
  connectionsMax: 1_000,
  faultRulesMax: 100,
  heldMax: 1_000,
  faultDelayMsMax: 600_000,
  awaitMsMax: 60_000,
  requestsKeptMax: 100_000,
  listMax: 100,
  clockAdvanceMsMax: 10 * 366 * 24 * 3_600_000,
});
