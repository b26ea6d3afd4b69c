import { appendToPointer, arrayOf, isObject, type JsonObject, objectOf } from '../../core/json.ts';
import { DocumentFault } from './document-fault.ts';
import type { References } from './references.ts';
import type { ApiOperation, DocumentProblem, SecurityScheme } from './types.ts';

/** Reads the security schemes of the document by name. A malformed scheme becomes a problem. */
export function readSecuritySchemes(
  references: References,
  documentUrl: string | undefined,
): { schemes: Readonly<Record<string, SecurityScheme>>; problems: readonly DocumentProblem[] } {
  const declared = objectOf(objectOf((references.main.root as JsonObject).components).securitySchemes);
  const schemes: [string, SecurityScheme][] = [];
  const problems: DocumentProblem[] = [];
  for (const [name, value] of Object.entries(declared)) {
    try {
      const reference = objectOf(value).$ref;
      const found = typeof reference === 'string' ? references.follow(reference, references.main).value : value;
      schemes.push([name, schemeOf(found, documentUrl)]);
    } catch (error) {
      if (!(error instanceof DocumentFault)) throw error;
      problems.push({ where: appendToPointer('/components/securitySchemes', name), reason: error.message });
    }
  }
  return { schemes: Object.fromEntries(schemes), problems };
}

/** Reads one scheme. Schemes that need a person to sign in become bearer tokens, which the operator provides. */
function schemeOf(scheme: unknown, documentUrl: string | undefined): SecurityScheme {
  if (!isObject(scheme)) throw new DocumentFault('it is not an object');
  switch (scheme.type) {
    case 'http':
      return httpScheme(String(scheme.scheme).toLowerCase());
    // In Swagger 2.0 `basic` is a type of its own.
    case 'basic':
      return { type: 'basic' };
    case 'apiKey':
      return apiKeyScheme(scheme);
    case 'oauth2':
      return oauth2Scheme(objectOf(scheme.flows), documentUrl);
    case 'openIdConnect':
      return { type: 'bearer' };
    case 'mutualTLS':
      return { type: 'unsupported', what: 'mutual TLS' };
    default:
      throw new DocumentFault('OpenAPI does not define its type');
  }
}

function httpScheme(scheme: string): SecurityScheme {
  if (scheme === 'bearer' || scheme === 'basic') return { type: scheme };
  return { type: 'unsupported', what: `HTTP authentication "${scheme.slice(0, 40)}"` };
}

function apiKeyScheme(scheme: JsonObject): SecurityScheme {
  const place = scheme.in;
  if (place !== 'header' && place !== 'query' && place !== 'cookie') throw new DocumentFault('its "in" is unknown');
  if (typeof scheme.name !== 'string' || scheme.name === '') throw new DocumentFault('it has no name');
  return { type: 'apiKey', in: place, name: scheme.name };
}

function oauth2Scheme(flows: JsonObject, documentUrl: string | undefined): SecurityScheme {
  const flow = flows.clientCredentials;
  if (!isObject(flow)) {
    if (Object.keys(flows).some((name) => !name.startsWith('x-'))) return { type: 'bearer' };
    throw new DocumentFault('it has no flows');
  }
  const given = String(flow.tokenUrl);
  const url = URL.canParse(given, documentUrl) ? new URL(given, documentUrl) : undefined;
  if (typeof flow.tokenUrl !== 'string' || (url?.protocol !== 'https:' && url?.protocol !== 'http:')) {
    return { type: 'unsupported', what: 'OAuth 2 client credentials without an absolute token URL' };
  }
  return { type: 'oauth2', tokenUrl: url.href, scopes: Object.keys(objectOf(flow.scopes)) };
}

/**
 * Returns the security alternatives of the innermost level that has any: the operation's or else the document's.
 * Alternatives with an undeclared scheme cannot be satisfied and are left out.
 */
export function securityOf(
  levels: readonly unknown[],
  schemes: Readonly<Record<string, SecurityScheme>>,
): ApiOperation['security'] {
  const declared = arrayOf(levels.find((level) => Array.isArray(level))).filter(isObject);
  const known = declared.filter((each) => Object.keys(each).every((name) => Object.hasOwn(schemes, name)));
  return known.map((each) =>
    Object.fromEntries(
      Object.entries(each).map(([name, scopes]) => [
        name,
        arrayOf(scopes).filter((scope) => typeof scope === 'string'),
      ]),
    ),
  );
}

/** Reports each scheme that is required but not declared. */
export function undeclaredSchemes(
  requirements: readonly unknown[],
  schemes: Readonly<Record<string, SecurityScheme>>,
): DocumentProblem[] {
  const names = requirements.flatMap(arrayOf).flatMap((each) => Object.keys(objectOf(each)));
  const unknown = [...new Set(names)].filter((name) => !Object.hasOwn(schemes, name));
  return unknown.map((name) => ({
    where: appendToPointer('/components/securitySchemes', name),
    reason: 'operations require it, but it is not declared: no credentials are sent for it',
  }));
}
