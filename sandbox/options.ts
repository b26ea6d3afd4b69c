import type { FaultRule } from './faults.ts';

/** The options of a sandbox. */
export interface SandboxOptions {
  /** TCP port on 127.0.0.1, 0 to 65535. @defaultValue 0: a free port */
  port?: number;
  /** SQLite file that holds its data, shared by every sandbox started on it; `:memory:` keeps nothing. */
  dataFile: string;
  /** Whether a missing folder of the data file is created. @defaultValue false */
  createFolder?: boolean;
  /** Milliseconds since 1970. `POST /_sandbox/clock` adds to it. @defaultValue `Date.now` */
  now?: () => number;
  /** Whether `/_sandbox` may set faults and clock; a list also sets rules from the start. @defaultValue false */
  faults?: boolean | readonly FaultRule[];
  /** Called with one line per request: method, path and status, without parameters and keys. */
  log?: (line: string) => void;
}

/** The options of a sandbox that opens with the first request. */
export interface LazySandboxOptions extends Pick<SandboxOptions, 'dataFile' | 'createFolder' | 'log'> {
  /** Called when the sandbox is open. */
  onOpen?: (url: string) => void;
}

/** A running sandbox. */
export interface Sandbox {
  /** Origin without a trailing slash, such as `http://127.0.0.1:12111`. */
  readonly url: string;
  readonly port: number;
  /** Ends every connection, ends held requests without their effect, and closes the data file. */
  close(): Promise<void>;
}
