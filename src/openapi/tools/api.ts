import type { CredentialPlan } from '../credential-plan.ts';
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
  readonly credentials: CredentialPlan;
  /** Returns the configuration of an operation. */
  overrideOf(listed: ListedOperation): OperationOverride | undefined;
}

/** Returns whether the document may have been written by somebody on the network. It may name any server. */
export function isFromNetwork({ provenance }: Pick<ApiDocument, 'provenance'>): boolean {
  return provenance !== 'local';
}

/** Returns whether a document from the network names a server that the operator did not confirm. It gets no headers. */
export function isForeignServer({ document, credentials }: ApiContext, server: string): boolean {
  return isFromNetwork(document) && !credentials.origins.has(new URL(server).origin);
}
