import type { ApiDocument, ListedOperation } from '../document/types.ts';
import type { OperationOverride } from '../policy/overrides.ts';
import type { ProviderProfile } from '../policy/profiles.ts';
import type { OpenApiSource } from '../source.ts';
import type { SchemaCompiler } from './schema-compiler.ts';

/** The parts of one API that all its operations share. */
export interface ApiContext {
  readonly document: ApiDocument;
  readonly source: OpenApiSource;
  readonly profile: ProviderProfile;
  readonly compiler: SchemaCompiler;
  /** The server of operations that declare none. */
  readonly baseUrl: string;
  /** Returns the configuration of an operation. */
  overrideOf(listed: ListedOperation): OperationOverride | undefined;
}

/** Returns whether the document came from the network. Its author is not trusted, and it may name any server. */
export function isFromNetwork({ document }: Pick<OpenApiSource, 'document'>): boolean {
  return /^https?:/i.test(document);
}

/** Returns whether a document from the network names a server other than the API's own. Such a server gets no secrets. */
export function isForeignServer(source: OpenApiSource, apiUrl: string, server: string): boolean {
  return isFromNetwork(source) && new URL(server).origin !== new URL(apiUrl).origin;
}
