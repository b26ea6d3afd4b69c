import type { CredentialRole } from './http/credentials.ts';
import type { OperationOverride } from './policy/overrides.ts';

/** One API to serve, as configured. Paths are absolute, and durations are in ms. */
export interface OpenApiSource {
  /**
   * A path, a URL, or `-` for stdin.
   *
   * @example './openapi.yaml'
   */
  readonly document: string;
  /**
   * The URL of the API.
   *
   * @defaultValue the document's first server
   * @example 'https://api.example.com/v1'
   */
  readonly baseUrl?: string;
  /** Values of the document's server variables. @defaultValue their defaults */
  readonly serverVariables?: Readonly<Record<string, string>>;
  /** Distinguishes two accounts of one API, since keys contain no credentials. @defaultValue 'default' */
  readonly account: string;
  /** Comes before each tool's name, followed by an underscore. @example 'shop' */
  readonly prefix?: string;
  /**
   * Patterns of the operations to serve, in which `*` stands for any characters. An empty list serves all.
   *
   * @example ['tag:orders', 'GET /orders/*', 'createOrder']
   */
  readonly include: readonly string[];
  /** Patterns of operations that are not served. They take precedence over `include`. */
  readonly exclude: readonly string[];
  /** Whether three tools (search, describe, call) replace one tool for each operation. @defaultValue false */
  readonly dynamic: boolean;
  /** Hosts that external `$ref`s may point to. Files below a document's folder are always allowed. @defaultValue none */
  readonly refHosts: readonly string[];
  /** Whether a document from the network may name servers on private addresses. @defaultValue false */
  readonly allowPrivate: boolean;
  /** The name of a provider profile. @defaultValue the profile for the server's host */
  readonly profile?: string;
  /** Headers of every request. A value may contain `${NAME}`, a variable; the header then counts as a credential. */
  readonly headers: Readonly<Record<string, string>>;
  /** The longest response that a model gets, in characters. @defaultValue 50000 */
  readonly answerCharsMax: number;
  /** How long one request may wait for a response, in ms. @defaultValue 20000 */
  readonly timeoutMs: number;
  /** The variables of security schemes, by scheme and part. @defaultValue variables that are named after the schemes */
  readonly credentials: Readonly<Record<string, Readonly<Partial<Record<CredentialRole, string>>>>>;
  /** URLs of other origins that also get the API's credentials. @example ['https://files.example.com'] */
  readonly credentialOrigins: readonly string[];
  /** Whether `x-mcp-once` in a document from the network may weaken the guard. @defaultValue false */
  readonly trust: boolean;
  /** Settings by `operationId`, `METHOD /path` or tool name. A pattern may contain `*`, and later ones win. */
  readonly operations: Readonly<Record<string, OperationOverride>>;
}
