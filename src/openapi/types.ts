import type { JsonSchema } from '../core/json.ts';
import type { Classification, Effect, Match, Recovery } from '../core/tool/types.ts';

export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE' | 'OPTIONS' | 'HEAD' | 'PATCH' | 'TRACE' | 'QUERY';

/** A document that was read. Nothing of an operation but its head is looked at before somebody asks. */
export interface ApiDocument {
  /** Where it came from, for messages: a path, a URL without credentials, `stdin`. */
  readonly source: string;
  readonly title: string;
  readonly version: string;
  /** In the order of the document. */
  readonly heads: readonly OperationHead[];
  /** What is wrong with it; the operations that are not named here are served. */
  readonly problems: readonly DocumentProblem[];
  readonly securitySchemes: Readonly<Record<string, SecurityScheme>>;
  /** Every member of the document's root that begins with `x-`. */
  readonly extensions?: Readonly<Record<string, unknown>>;
  /** @throws McpOnceError `tool_invalid` naming pointer and reason when the operation cannot be served. */
  operation(head: OperationHead): ApiOperation;
  /** As `ApiOperation.security`, without resolving anything else of the operation. */
  securityOf(head: OperationHead): ApiOperation['security'];
}

/** What is known of an operation without resolving anything. */
export interface OperationHead {
  readonly method: Method;
  /** The template, such as `/orders/{id}`. */
  readonly path: string;
  /** JSON pointer (RFC 6901) of the operation in the document. */
  readonly pointer: string;
  readonly operationId?: string;
  readonly summary?: string;
  readonly description?: string;
  readonly tags: readonly string[];
  readonly deprecated: boolean;
  /** Every member that begins with `x-`. */
  readonly extensions: Readonly<Record<string, unknown>>;
}

export interface DocumentProblem {
  /** JSON pointer, or `file:line:column` where the text does not parse. */
  readonly where: string;
  readonly reason: string;
}

/** An operation with everything that is needed to call it: references resolved, path-level members merged in. */
export interface ApiOperation extends OperationHead {
  /** Absolute URLs without a final slash, server variables at their defaults; the first one is used. */
  readonly servers: readonly string[];
  readonly parameters: readonly ApiParameter[];
  readonly body?: ApiBody;
  /** By status: `200`, `2XX`, `default`. */
  readonly responses: Readonly<Record<string, ApiResponse>>;
  /** Alternatives; each names the schemes that are all needed. Empty: no authentication. */
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
}

export type ParameterPlace = 'path' | 'query' | 'querystring' | 'header' | 'cookie';

export interface ApiParameter {
  /** As the API knows it. */
  readonly name: string;
  readonly in: ParameterPlace;
  readonly required: boolean;
  readonly description?: string;
  readonly style: 'matrix' | 'label' | 'form' | 'simple' | 'spaceDelimited' | 'pipeDelimited' | 'deepObject';
  readonly explode: boolean;
  readonly allowReserved: boolean;
  readonly allowEmptyValue: boolean;
  readonly deprecated: boolean;
  /** Self-contained but for `#/$defs/...` of `ToolSchemas.input`. */
  readonly schema: JsonSchema;
  /** A parameter with `content` is written as this media type (`application/json`), whatever its style. */
  readonly contentType?: string;
}

/** A request body, in the one media type that was chosen. */
export interface ApiBody {
  readonly required: boolean;
  readonly description?: string;
  readonly contentType: string;
  readonly schema: JsonSchema;
  /** Of form bodies, by property: how it is written. */
  readonly encoding: Readonly<Record<string, BodyEncoding>>;
}

export interface BodyEncoding {
  readonly contentType?: string;
  readonly style?: ApiParameter['style'];
  readonly explode?: boolean;
  readonly allowReserved?: boolean;
}

export interface ApiResponse {
  readonly description?: string;
  /** The first JSON media type that it declares, or the first of all. */
  readonly contentType?: string;
  readonly schema?: JsonSchema;
}

export type SecurityScheme =
  | { readonly type: 'bearer' | 'basic' }
  | { readonly type: 'apiKey'; readonly in: 'header' | 'query' | 'cookie'; readonly name: string }
  | { readonly type: 'oauth2'; readonly tokenUrl: string; readonly scopes: readonly string[] }
  /** Known, and nothing that can be used without a person or a certificate. */
  | { readonly type: 'unsupported'; readonly what: string };

/** Where one argument of the tool goes. */
export type ArgumentPlace =
  | { readonly in: 'parameter'; readonly parameter: ApiParameter }
  /** A property of a body that is an object. */
  | { readonly in: 'body'; readonly property: string }
  /** The whole body, where it is no plain object. */
  | { readonly in: 'whole-body' };

/** The flat input of a tool, and where each of its arguments goes. */
export interface ToolSchemas {
  /** An object schema, self-contained: what it shares lies in its `$defs`. */
  readonly input: JsonSchema;
  /** By argument name, in the order of the schema. */
  readonly places: Readonly<Record<string, ArgumentPlace>>;
  /** Of the successful answer, where the document gives one in JSON; self-contained. */
  readonly answer?: JsonSchema;
}

/** An argument that the model never sees and the derived key fills. */
export interface HiddenKey {
  readonly in: 'header' | 'body';
  /** The header's name, or the property of the body. */
  readonly name: string;
}

/** How a provider takes and remembers idempotency keys. */
export interface ProviderProfile {
  readonly name: string;
  /** Hosts that it is for, `*.` standing for any subdomain. */
  readonly hosts: readonly string[];
  /** The header that carries the key; undefined where it goes into the body. */
  readonly header?: string;
  readonly bodyField?: string;
  /** `quoted`: a structured-field string, as the IETF draft has it. */
  readonly quoting: 'bare' | 'quoted';
  /** Characters. */
  readonly keyCharsMax: number;
  /** How long it remembers a key, in ms. */
  readonly memoryMs: number;
  /** Statuses that say "this key is in use" or "this key came with other parameters": never a failure. */
  readonly inUseStatuses: readonly number[];
  /** Methods whose operations all take the key, although documents do not declare it; undefined: none. */
  readonly undeclared?: readonly Method[];
  /** Where the figures come from. */
  readonly source: string;
}

/** What an operation is for the engine: by its method, its document, its provider and the configuration. */
export interface OperationPolicy {
  readonly effect: Effect;
  readonly match: Match;
  readonly windowMs: number;
  readonly recovery: readonly Recovery[];
  readonly key?: HiddenKey & Pick<ProviderProfile, 'quoting' | 'keyCharsMax' | 'memoryMs' | 'inUseStatuses'>;
  /** Names of the arguments that make two calls the same operation; undefined: all of them. */
  readonly identity?: readonly string[];
  readonly lookup?: LookupRule;
  /** The parameter of the path that the client makes up, of a creation by PUT; it is derived from the key. */
  readonly clientId?: string;
  /** The argument that carries the entity tag (`If-Match`), where the operation takes one. */
  readonly etag?: { readonly argument: string; readonly read: OperationHead };
  /** Why it was decided so, for people: `POST`, `document`, `configuration`, `profile stripe`. */
  readonly why: readonly string[];
}

/** How an effect is found by another operation. */
export interface LookupRule {
  /** The `operationId`, or `METHOD /path`, of a read. */
  readonly operation: string;
  /** Its arguments: a text, or `$name` for the call's own argument, `$marker` for the marker. */
  readonly arguments: Readonly<Record<string, string>>;
  /** JSON pointer to the list in its answer; '' for the answer itself. */
  readonly items: string;
  /** The argument or property of the call that carries the marker, and the field of an item that shows it. */
  readonly marker: { readonly argument: string; readonly field: string };
}

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

/** What configuration or `x-mcp-once` says of an operation. */
export interface OperationOverride {
  readonly enabled?: boolean;
  readonly name?: string;
  readonly effect?: Effect;
  readonly match?: Match;
  readonly windowMs?: number;
  readonly identity?: readonly string[];
  readonly recovery?: readonly Recovery[];
  readonly lookup?: LookupRule;
  readonly clientId?: string;
  /** JSON pointers of what is kept of an answer. */
  readonly fields?: readonly string[];
}

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
