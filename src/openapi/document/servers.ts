import { appendToPointer, isObject, type JsonObject, objectOf } from '../../core/json.ts';
import { DocumentFault } from './document-fault.ts';
import type { DocumentProblem } from './types.ts';

/**
 * The servers of an operation, by the innermost level that declares any (OpenAPI 3.1, 4.8.10), absolute and without
 * a final slash. None declared means the root of the server that the document came from. What cannot be
 * called over HTTP is left out; `serverProblems` tells why.
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

/** What is wrong with the servers of the whole document. */
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
  if (!isObject(server) || typeof server.url !== 'string') throw new DocumentFault('it is no server with a "url"');
  const address = withVariables(server.url, objectOf(server.variables));
  if (!URL.canParse(address, documentUrl)) {
    throw new DocumentFault('its "url" is relative, and the document did not come from a server: give the base URL');
  }
  const url = new URL(address, documentUrl);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new DocumentFault(`its scheme "${url.protocol.slice(0, 20)}" is not supported: http and https are`);
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}

function withVariables(template: string, variables: JsonObject): string {
  return template.replace(/\{([^{}]*)\}/g, (_, name: string) => {
    const variable = Object.hasOwn(variables, name) ? variables[name] : undefined;
    const value = isObject(variable) ? variable.default : undefined;
    // YAML makes a number of a port without quotes.
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
