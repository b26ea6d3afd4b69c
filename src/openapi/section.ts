import { resolve } from 'node:path';
import { defineSection } from '../config/section.ts';
import type { OpenApiConfig } from './config.ts';

/** The HTTP APIs whose operations become tools. */
export const openApiSection = defineSection<readonly OpenApiConfig[]>({
  key: 'openapi',
  description: 'APIs whose operations become tools.',
  defaults: Object.freeze([]),
  loadSchema: async () => {
    const { openApiSchema, openApisSchema, operationSchema } = await import('./config.ts');
    const keysAt = ([, member]: readonly PropertyKey[]) =>
      Object.keys((member === 'operations' ? operationSchema : openApiSchema).shape);
    return { schema: openApisSchema, keysAt };
  },
  resolve: (apis, folder) => apis.map((api) => ({ ...api, document: absoluteDocument(api.document, folder) })),
  shown: (apis) => apis.map((api) => ({ ...api, headers: shownHeaders(api.headers) })),
});

/** Makes a path absolute. A URL, and `-` for stdin, stay as they are. */
export function absoluteDocument(document: string, folder: string): string {
  return document === '-' || /^https?:\/\//i.test(document) ? document : resolve(folder, document);
}

/** Shows a header's value where it is harmless: it names a variable, or the header is not known to carry secrets. */
function shownHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const isSecret = (name: string, value: string) => /auth|key|token|secret|cookie/i.test(name) && !value.includes('${');
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, isSecret(name, value) ? '***' : value]),
  );
}
