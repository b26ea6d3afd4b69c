import type { FaultRule } from './faults.ts';

/** What a sandbox is started with. */
export interface SandboxOptions {
  /** TCP port on 127.0.0.1, 0 to 65535. Default 0: a free one. */
  port?: number;
  /** SQLite file that holds its data, shared by every sandbox started on it; `:memory:` keeps nothing. */
  dataFile: string;
  /** Whether a missing folder of the data file is made. Default false. */
  createFolder?: boolean;
  /** Milliseconds since 1970. Default `Date.now`. `POST /_sandbox/clock` adds to it. */
  now?: () => number;
  /** Whether faults and clock may be set through `/_sandbox`; a list sets rules from the start. Default false. */
  faults?: boolean | readonly FaultRule[];
  /** Told one line a request: method, path, status; no parameters, no keys. */
  log?: (line: string) => void;
}

/** What a sandbox is started with that opens with the first request. */
export interface LazySandboxOptions extends Pick<SandboxOptions, 'dataFile' | 'createFolder' | 'log'> {
  /** Called when it has been opened. */
  onOpen?: (url: string) => void;
}

/** A running sandbox. */
export interface Sandbox {
  /** Origin without a trailing slash, such as `http://127.0.0.1:12111`. */
  readonly url: string;
  readonly port: number;
  /** Ends every connection, releases what hangs (without its effect), and closes the data file. */
  close(): Promise<void>;
}
