import { appendToPointer, isObject, type JsonObject, objectOf } from '../../core/json.ts';
import { DocumentFault } from './document-fault.ts';
import type { DocumentProblem } from './types.ts';

/** What the addresses of servers depend on. */
export interface ServerContext {
  /** Undefined for a document that did not come over HTTP. */
  readonly documentUrl: string | undefined;
  /** The URL of the API, as the operator gave it. */
  readonly baseUrl?: string;
  /** Values of server variables, as the operator gave them. */
  readonly variables?: Readonly<Record<string, string>>;
}

/**
 * Returns the servers of the innermost level that declares any (OpenAPI 3.1, 4.8.10) as absolute URLs without a final
 * slash. If no level does, that is the root of the server that the document came from. Servers that cannot be called
 * over HTTP are left out, and `serverProblems` reports them.
 */
export function serversOf(levels: readonly unknown[], context: ServerContext): string[] {
  const declared = levels.find((level) => Array.isArray(level) && level.length > 0);
  const servers = Array.isArray(declared) ? declared : context.documentUrl === undefined ? [] : [{ url: '/' }];
  return servers.flatMap((server) => {
    try {
      return [serverUrl(server, context)];
    } catch (error) {
      if (error instanceof DocumentFault) return [];
      throw error;
    }
  });
}

/** Reports the servers of the document's top level that cannot be called. */
export function serverProblems(root: JsonObject, context: ServerContext): DocumentProblem[] {
  const problems: DocumentProblem[] = [];
  for (const [index, server] of (Array.isArray(root.servers) ? root.servers : []).entries()) {
    try {
      serverUrl(server, context);
    } catch (error) {
      if (!(error instanceof DocumentFault)) throw error;
      problems.push({ where: appendToPointer('/servers', String(index)), reason: error.message });
    }
  }
  return problems;
}

function serverUrl(server: unknown, { documentUrl, baseUrl, variables = {} }: ServerContext): string {
  if (!isObject(server) || typeof server.url !== 'string') throw new DocumentFault('it has no "url"');
  // With a base URL only the path of a server counts.
  const takesPlaceholders = baseUrl !== undefined;
  const address = withVariables(server.url, objectOf(server.variables), variables, takesPlaceholders);
  const base = documentUrl ?? (baseUrl !== undefined && URL.canParse(baseUrl) ? new URL(baseUrl).origin : undefined);
  if (!URL.canParse(address, base)) {
    throw new DocumentFault('its "url" is relative, and the document did not come from a server: give the base URL');
  }
  const url = new URL(address, base);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new DocumentFault(`its scheme "${url.protocol.slice(0, 20)}" is not supported: use http or https`);
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}

/** Values that stand for the user's own: `your-domain`, `example`, `<tenant>`. */
const placeholder =
  /^(?:<.*>|\{.*\}|x{3,}|(?:your|my)[-_ ]?\w*|\w*[-_]?example|example[-_.]?\w*|.*\bexample\.(?:com|org|net)|change-?me|placeholder|sub-?domain|tenant|domain|company|account|workspace|instance)$/i;

function withVariables(
  template: string,
  variables: JsonObject,
  given: Readonly<Record<string, string>>,
  takesPlaceholders: boolean,
): string {
  return template.replace(/\{([^{}]*)\}/g, (_, name: string) => {
    const quoted = JSON.stringify(name.slice(0, 60));
    const variable = Object.hasOwn(variables, name) ? variables[name] : undefined;
    const own = Object.hasOwn(given, name) ? given[name] : undefined;
    const value = own ?? (isObject(variable) ? variable.default : undefined);
    // YAML parses a port without quotes as a number.
    if (typeof value !== 'string' && typeof value !== 'number') {
      throw new DocumentFault(`its variable ${quoted} has no default: ${variableAdvice(name)}`);
    }
    const allowed = isObject(variable) && Array.isArray(variable.enum) ? variable.enum.map(String) : undefined;
    if (allowed && !allowed.includes(String(value))) {
      const what = own === undefined ? 'the default of its variable' : 'the given value of its variable';
      throw new DocumentFault(`${what} ${quoted} is not in its enum`);
    }
    if (own === undefined && !takesPlaceholders && allowed === undefined && placeholder.test(String(value))) {
      throw new DocumentFault(`the default of its variable ${quoted} is a placeholder: ${variableAdvice(name)}`);
    }
    return String(value);
  });
}

function variableAdvice(name: string): string {
  return `give it with --server-variable ${name.slice(0, 60)}=... (serverVariables), or give the base URL`;
}
