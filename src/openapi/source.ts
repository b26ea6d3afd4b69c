import type { OperationOverride } from './policy/extensions.ts';

/** One API to serve, as configured. Paths are absolute, durations in ms. */
export interface OpenApiSource {
  /** A path, a URL, or `-` for stdin. */
  readonly document: string;
  /** Overrides the document's servers. */
  readonly baseUrl?: string;
  /** Tells two accounts of one API apart, since no credential is part of a key. Default `default`. */
  readonly account: string;
  /** Put before each tool's name, with an underscore. */
  readonly prefix?: string;
  /** Patterns: `tag:orders`, `GET /orders/*`, `operationId`, `tool_name`; `*` stands for any characters. Empty: all. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** Three tools (search, describe, call) instead of one for each operation. */
  readonly dynamic: boolean;
  /** Hosts that external `$ref`s may point to. */
  readonly refHosts: readonly string[];
  /** The operator wants servers on private addresses, although the document came from the network. */
  readonly allowPrivate: boolean;
  /** Provider profile by name; else chosen by the server's host. */
  readonly profile?: string;
  /** Sent with every request. `${NAME}` in a value is a variable, and the header then a credential. */
  readonly headers: Readonly<Record<string, string>>;
  /** The longest answer that a model gets, in characters. */
  readonly answerCharsMax: number;
  /** How long one request may stay without an answer, in ms. */
  readonly timeoutMs: number;
  /** By `operationId`, `METHOD /path` or the tool's name; a pattern may hold `*`. Later ones win. */
  readonly operations: Readonly<Record<string, OperationOverride>>;
}
