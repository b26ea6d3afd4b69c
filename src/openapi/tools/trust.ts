import type { OpenApiSource } from '../source.ts';

/** What somebody else wrote may name any server. */
export function isFromNetwork({ document }: Pick<OpenApiSource, 'document'>): boolean {
  return /^https?:/i.test(document);
}

/** A server that a document from the network names besides the API's own: nothing that may be a secret goes there. */
export function isStranger(source: OpenApiSource, apiUrl: string, server: string): boolean {
  return isFromNetwork(source) && new URL(server).origin !== new URL(apiUrl).origin;
}
