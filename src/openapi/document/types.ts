import type { JsonSchema } from '../../core/json.ts';

/** The HTTP methods of OpenAPI 3.2. */
export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE' | 'OPTIONS' | 'HEAD' | 'PATCH' | 'TRACE' | 'QUERY';

/** An API document. Its operations are listed without being resolved; `resolve()` resolves one. */
export interface ApiDocument {
  /** Where the document came from, for messages: a path, a URL without credentials, or `stdin`. */
  readonly source: string;
  readonly provenance: Provenance;
  /** The servers of the document's top level, as absolute URLs. No referenced document chooses them. */
  readonly ownServers: readonly string[];
  readonly title: string;
  readonly version: string;
  /** All well-formed operations, in the order of the document. */
  readonly listedOperations: readonly ListedOperation[];
  /** The malformed parts. Operations that are not named here can be served. */
  readonly problems: readonly DocumentProblem[];
  readonly securitySchemes: Readonly<Record<string, SecurityScheme>>;
  /** The specification extensions of the document: its top-level members that begin with `x-`. */
  readonly extensions?: Readonly<Record<string, unknown>>;
  /** Resolves an operation. @throws McpOnceError `tool_invalid` with pointer and reason if it cannot be served. */
  resolve(listed: ListedOperation): ApiOperation;
  /** Returns what decides the effect of an operation besides its texts, without resolving the operation. */
  factsOf(listed: ListedOperation): OperationFacts;
  /** Whether it is from the network and not trusted, so that its texts must not weaken the guard. */
  readonly isRestricted?: boolean;
  /** Returns `ApiOperation.security` without resolving the rest of the operation. */
  securityOf(listed: ListedOperation): ApiOperation['security'];
  /** Returns `ApiOperation.servers` without resolving the rest of the operation. */
  serversOf(listed: ListedOperation): ApiOperation['servers'];
}

/**
 * Who may have written a document: the user (`local`), or somebody on the network. A `mixed` document is a file that
 * refers to documents from the network.
 */
type Provenance = 'local' | 'network' | 'mixed';

/** Declarations that tell the effect of an operation. */
export interface OperationFacts {
  /** Whether a header, or a property of its body, has the name of an idempotency key. */
  readonly declaresKey: boolean;
  /** Whether it declares the response 201. */
  readonly answersCreated: boolean;
  /** Whether a parameter, or a property of its body, chooses a page of a list. */
  readonly takesPage: boolean;
}

/** An operation as listed, before its references are resolved. */
export interface ListedOperation {
  readonly method: Method;
  /** The path template, such as `/orders/{id}`. */
  readonly path: string;
  /** JSON pointer (RFC 6901) of the operation in the document. */
  readonly pointer: string;
  readonly operationId?: string;
  readonly summary?: string;
  readonly description?: string;
  readonly tags: readonly string[];
  readonly deprecated: boolean;
  /** The specification extensions of the operation and its path item: members that begin with `x-`. */
  readonly extensions: Readonly<Record<string, unknown>>;
}

/** A part of a document that cannot be served. */
export interface DocumentProblem {
  /** JSON pointer of the part. The URL of another document comes first. */
  readonly where: string;
  readonly reason: string;
}

/** An operation that is ready to be called. References are resolved, and members of the path item are merged in. */
export interface ApiOperation extends ListedOperation {
  /** Absolute URLs without a final slash, with server variables at their defaults. The first one is used. */
  readonly servers: readonly string[];
  readonly parameters: readonly ApiParameter[];
  readonly body?: ApiBody;
  /** By status: `200`, `2XX`, `default`. */
  readonly responses: Readonly<Record<string, ApiResponse>>;
  /** Returns the schema of the documented errors, for errors whose response has a status of success. */
  readonly errorSchema?: () => JsonSchema | undefined;
  /** What of the operation could not be read and is left out. */
  readonly warnings?: readonly string[];
  /** Alternatives. Each names schemes that are all needed, with their scopes. Empty: no authentication. */
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
}

/** The values of `in` (OpenAPI 3.2, 4.12.1). */
export type ParameterLocation = 'path' | 'query' | 'querystring' | 'header' | 'cookie';

/** A parameter, with the defaults of OpenAPI filled in. */
export interface ApiParameter {
  /** The name in the API. */
  readonly name: string;
  readonly in: ParameterLocation;
  readonly required: boolean;
  readonly description?: string;
  readonly style: 'matrix' | 'label' | 'form' | 'simple' | 'spaceDelimited' | 'pipeDelimited' | 'deepObject';
  readonly explode: boolean;
  readonly allowReserved: boolean;
  readonly allowEmptyValue: boolean;
  readonly deprecated: boolean;
  /** May refer to `#/$defs/...` of `ToolSchemas.input`, and to nothing else. */
  readonly schema: JsonSchema;
  /** The media type of a parameter with `content`. It replaces the style. */
  readonly contentType?: string;
}

/** A request body in the media type that was chosen for it. */
export interface ApiBody {
  readonly required: boolean;
  readonly description?: string;
  readonly contentType: string;
  readonly schema: JsonSchema;
  /** How each property of a form is written. */
  readonly encoding: Readonly<Record<string, BodyEncoding>>;
}

/** The Encoding Object of one property of a form (OpenAPI 3.2, 4.15). */
export interface BodyEncoding {
  readonly contentType?: string;
  readonly style?: ApiParameter['style'];
  readonly explode?: boolean;
  readonly allowReserved?: boolean;
}

/** A documented response. */
export interface ApiResponse {
  readonly description?: string;
  /** The first JSON media type, or else the first one. */
  readonly contentType?: string;
  /** Only the first successful response in JSON has its schema. */
  readonly schema?: JsonSchema;
}

/** A security scheme by what the client has to send. */
export type SecurityScheme =
  | { readonly type: 'bearer' | 'basic' }
  | { readonly type: 'apiKey'; readonly in: 'header' | 'query' | 'cookie'; readonly name: string }
  | { readonly type: 'oauth2'; readonly tokenUrl: string; readonly scopes: readonly string[] }
  /** A known scheme that this client cannot use, such as mutual TLS. */
  | { readonly type: 'unsupported'; readonly what: string };
