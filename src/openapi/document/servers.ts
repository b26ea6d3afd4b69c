import { appendToPointer, isObject, type JsonObject, objectOf } from '../../core/json.ts';
import { DocumentFault } from './document-fault.ts';
import type { DocumentProblem } from './types.ts';

/**
 * Returns the servers of the innermost level that declares any (OpenAPI 3.1, 4.8.10) as absolute URLs without a final
 * slash. If no level does, that is the root of the server that the document came from. Servers that cannot be called
 * over HTTP are left out, and `serverProblems` reports them.
 * @param documentUrl undefined for a document that did not come over HTTP.
 */
export function serversOf(levels: readonly unknown[], documentUrl: string | undefined): string[] {
  const declared = levels.find((level) => Array.isArray(level) && level.length > 0);
  const servers = Array.isArray(declared) ? declared : documentUrl === undefined ? [] : [{ url: '/' }];
  return servers.flatMap((server) => {
    try {
      return [serverUrl(server, documentUrl)];
    } catch (error) {
      if (error instanceof DocumentFault) return [];
      throw error;
    }
  });
}

/** Reports the servers of the document's top level that cannot be called. */
export function serverProblems(root: JsonObject, documentUrl: string | undefined): DocumentProblem[] {
  const problems: DocumentProblem[] = [];
  for (const [index, server] of (Array.isArray(root.servers) ? root.servers : []).entries()) {
    try {
      serverUrl(server, documentUrl);
    } catch (error) {
      if (!(error instanceof DocumentFault)) throw error;
      problems.push({ where: appendToPointer('/servers', String(index)), reason: error.message });
    }
  }
  return problems;
}

function serverUrl(server: unknown, documentUrl: string | undefined): string {
  if (!isObject(server) || typeof server.url !== 'string') throw new DocumentFault('it has no "url"');
  const address = withVariables(server.url, objectOf(server.variables));
  if (!URL.canParse(address, documentUrl)) {
    throw new DocumentFault('its "url" is relative, and the document did not come from a server: give the base URL');
  }
  const url = new URL(address, documentUrl);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new DocumentFault(`its scheme "${url.protocol.slice(0, 20)}" is not supported: use http or https`);
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}

function withVariables(template: string, variables: JsonObject): string {
  return template.replace(/\{([^{}]*)\}/g, (_, name: string) => {
    const variable = Object.hasOwn(variables, name) ? variables[name] : undefined;
    const value = isObject(variable) ? variable.default : undefined;
    // YAML parses a port without quotes as a number.
    if (typeof value !== 'string' && typeof value !== 'number') {
      throw new DocumentFault(`its variable ${JSON.stringify(name.slice(0, 60))} has no default`);
    }
    const allowed = isObject(variable) && Array.isArray(variable.enum) ? variable.enum.map(String) : undefined;
    if (allowed && !allowed.includes(String(value))) {
      throw new DocumentFault(`the default of its variable ${JSON.stringify(name.slice(0, 60))} is not in its enum`);
    }
    return String(value);
  });
}
