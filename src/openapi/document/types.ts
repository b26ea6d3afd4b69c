import type { JsonSchema } from '../../core/json.ts';

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
