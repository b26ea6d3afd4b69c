import { McpOnceError } from '../core/errors.ts';
import { sentence, suggestion } from '../core/suggest.ts';
import type { CredentialDestination } from '../core/tool/types.ts';
import type { ApiDocument, ListedOperation, SecurityScheme } from './document/types.ts';
import {
  credentialRoles,
  headerVariables,
  type SchemeVariables,
  schemeVariables,
  upperSnake,
} from './http/credentials.ts';
import { hasConfiguredHeader } from './http/missing-credentials.ts';
import type { OpenApiSource } from './source.ts';

/** Which variables hold the credentials of one API, and where they may be sent. */
export interface CredentialPlan {
  /** Names the document in messages. */
  readonly source: string;
  readonly variables: SchemeVariables;
  /** Why a scheme has no variables, by its name, without a full stop. */
  readonly refusals: ReadonlyMap<string, string>;
  /** The origins that the operator wrote: the API's own, and the configured `credentialOrigins`. */
  readonly origins: ReadonlySet<string>;
  /** Where served operations send the variables. */
  readonly destinations: readonly PlannedDestination[];
  /** Notes for the operator about credentials that are not sent. */
  readonly warnings: readonly string[];
  /** Returns why a server gets no credentials, without a full stop; undefined if it gets them. */
  withheldFrom(server: string): string | undefined;
}

/** A destination, and how to choose another variable for it. */
interface PlannedDestination extends CredentialDestination {
  readonly advice: string;
}

/** What a plan is made from. */
export interface CredentialPlanParts {
  readonly source: OpenApiSource;
  readonly document: ApiDocument;
  /** The API's base URL. */
  readonly baseUrl: string;
  /** The operations that become tools. */
  readonly served: readonly ListedOperation[];
}

/** How many operations a warning names one by one. */
const namedOperationsMax = 3;

/**
 * Decides which variables hold the credentials of an API, and where they may be sent: to the API's own origin and to
 * those that the operator adds. The names that a document from the network gives its schemes never choose a variable
 * alone: the operator's prefix comes first, or the operator maps the scheme to a variable.
 * @throws McpOnceError `configuration_invalid` for a mapping that does not fit the document's schemes
 */
export function planCredentials(parts: CredentialPlanParts): CredentialPlan {
  const { source, document, baseUrl, served } = parts;
  checkMapping(source, document);
  const home = new URL(baseUrl).origin;
  const origins = new Set([...ownOrigins(parts), ...source.credentialOrigins].map((url) => new URL(url).origin));
  const variables = new Map<string, readonly string[]>();
  const refusals = new Map<string, string>();
  for (const [name, scheme] of Object.entries(document.securitySchemes)) {
    const found = variablesOf(name, scheme, { ...parts, origins, home });
    if ('refusal' in found) refusals.set(name, found.refusal);
    else if (found.variables.length > 0) variables.set(name, found.variables);
  }
  const withheldFrom = (server: string): string | undefined => {
    const { origin } = new URL(server);
    if (origins.has(origin)) return undefined;
    if (origin === home) {
      return `the document comes from the network and chose the server ${origin} itself, so no credentials are sent there; if you trust that server, set it as baseUrl (--base-url), or add "${origin}" to credentialOrigins (--credential-origin)`;
    }
    return `the document names another server (${origin}) for this operation than that of the API (${home}), so no credentials are sent there; if you trust that server, add "${origin}" to credentialOrigins (--credential-origin), or set it as baseUrl`;
  };
  const operations = served.map((listed) => ({
    listed,
    origin: new URL(source.baseUrl ?? document.serversOf(listed)[0] ?? baseUrl).origin,
    security: document.securityOf(listed),
  }));
  const plan = { source: document.source, variables, refusals, origins, withheldFrom };
  return Object.freeze({
    ...plan,
    destinations: destinationsOf(parts, operations, plan),
    warnings: warningsOf(parts, operations, plan),
  });
}

/**
 * Returns URLs of the origins that get the credentials without a word of the operator. They are in what the operator
 * wrote: the base URL, a file, or the address of the document. A document from the network could change its servers.
 */
function ownOrigins({ source, document, baseUrl }: Omit<CredentialPlanParts, 'served'>): readonly string[] {
  if (source.baseUrl !== undefined) return [baseUrl];
  switch (document.provenance) {
    case 'local':
      return [baseUrl];
    case 'mixed':
      return document.ownServers;
    case 'network':
      return [source.document];
  }
}

/** A served operation, where it is sent, and the schemes that it may use. */
interface PlannedOperation {
  readonly listed: ListedOperation;
  readonly origin: string;
  readonly security: readonly Readonly<Record<string, unknown>>[];
}

type PlanBasis = Omit<CredentialPlan, 'destinations' | 'warnings'>;

/** Refuses a mapping of an unknown scheme, and one with other parts than the scheme has. */
function checkMapping({ credentials }: OpenApiSource, { securitySchemes, source }: ApiDocument): void {
  for (const [name, parts] of Object.entries(credentials)) {
    const refuse = (why: string): never => {
      throw new McpOnceError('configuration_invalid', sentence(`${source}: credentials: ${why}`));
    };
    const scheme = Object.hasOwn(securitySchemes, name) ? securitySchemes[name] : undefined;
    if (scheme === undefined) {
      const known = Object.keys(securitySchemes);
      const none = 'the document declares none that can be used, so write the credentials in headers';
      const advice = known.length === 0 ? none : `its schemes are ${known.slice(0, 20).join(', ')}`;
      refuse(`there is no security scheme ${quoted(name)}${suggestion(name, known) || `; ${advice}`}`);
    } else if (scheme.type === 'unsupported') {
      refuse(`the scheme ${quoted(name)} is not supported (${scheme.what}); if the API accepts a header, use headers`);
    } else if (credentialRoles(scheme).toSorted().join() !== Object.keys(parts).sort().join()) {
      refuse(
        `the scheme ${quoted(name)} is ${kindOf(scheme)}: write ${mappingFor(name, scheme, 'NAME')} (${optionFor(name, scheme)})`,
      );
    }
  }
}

interface SchemeContext extends CredentialPlanParts {
  readonly home: string;
  readonly origins: ReadonlySet<string>;
}

function variablesOf(
  name: string,
  scheme: SecurityScheme,
  { source, document, home, origins }: SchemeContext,
): { readonly variables: readonly string[] } | { readonly refusal: string } {
  const isLocal = document.provenance === 'local';
  const mapped = Object.hasOwn(source.credentials, name) ? source.credentials[name] : undefined;
  // A configured header replaces the variables that are only named after the scheme.
  if (mapped === undefined && hasConfiguredHeader(scheme, source.headers)) return { variables: [] };
  if (scheme.type === 'oauth2') {
    const { origin } = new URL(scheme.tokenUrl, home);
    if (!isLocal && !origins.has(origin)) {
      return {
        refusal: `the document comes from the network and names another server (${origin}) that would get the client's id and secret of the scheme ${quoted(name)}; if you trust that server, add "${origin}" to credentialOrigins (--credential-origin)`,
      };
    }
  }
  if (mapped !== undefined) return { variables: credentialRoles(scheme).flatMap((role) => mapped[role] ?? []) };
  if (isLocal || source.prefix !== undefined || scheme.type === 'unsupported') {
    return { variables: schemeVariables(name, scheme, source.prefix) };
  }
  return {
    refusal: `the document comes from the network, so the name of its scheme ${quoted(name)} does not choose a variable; write ${mappingFor(name, scheme, ownVariable(home, name))} in the entry (${optionFor(name, scheme)}), or set prefix (--prefix), which also begins the tools' names`,
  };
}

/** Returns each variable with the origins that served operations send it to. */
function destinationsOf(
  { source, document }: CredentialPlanParts,
  operations: readonly PlannedOperation[],
  { variables, origins }: PlanBasis,
): readonly PlannedDestination[] {
  const found = new Map<string, PlannedDestination>();
  const add = (destination: PlannedDestination): void => {
    const key = `${destination.variable} ${destination.origin}`;
    if (!found.has(key)) found.set(key, destination);
  };
  const inHeaders = headerVariables(source.headers);
  const headerAdvice = 'write another variable into the headers of one entry';
  for (const { origin, security } of operations.filter((each) => origins.has(each.origin))) {
    for (const variable of inHeaders) add({ variable, origin, isConfigured: true, advice: headerAdvice });
    for (const name of security.flatMap((alternative) => Object.keys(alternative))) {
      const scheme = document.securitySchemes[name];
      if (scheme === undefined) continue;
      const to = scheme.type === 'oauth2' ? new URL(scheme.tokenUrl, origin).origin : origin;
      const isConfigured = Object.hasOwn(source.credentials, name);
      const advice = `write ${mappingFor(name, scheme, ownVariable(to, name))} in the entry (${optionFor(name, scheme)}), or give one entry a prefix (--prefix), which also begins the tools' names`;
      for (const variable of variables.get(name) ?? []) add({ variable, origin: to, isConfigured, advice });
    }
  }
  return [...found.values()];
}

/** Describes credentials that operations need and that are not sent. */
function warningsOf(
  { source }: CredentialPlanParts,
  operations: readonly PlannedOperation[],
  { refusals, withheldFrom }: PlanBasis,
): readonly string[] {
  const hasHeaders = headerVariables(source.headers).length > 0;
  const refused = new Set<string>();
  const elsewhere = new Map<string, string[]>();
  for (const { listed, origin, security } of operations) {
    const needsCredentials = security.length > 0 && security.every((each) => Object.keys(each).length > 0);
    const withheld = withheldFrom(origin);
    if (withheld !== undefined) {
      if (!needsCredentials && !hasHeaders) continue;
      elsewhere.set(withheld, [...(elsewhere.get(withheld) ?? []), `${listed.method} ${listed.path}`]);
      continue;
    }
    const isUsable = security.some((each) => !Object.keys(each).some((name) => refusals.has(name)));
    if (!needsCredentials || isUsable) continue;
    for (const name of security.flatMap((each) => Object.keys(each))) if (refusals.has(name)) refused.add(name);
  }
  const others = [...elsewhere].map(([withheld, names]) => {
    const more = names.length > namedOperationsMax ? ` and ${names.length - namedOperationsMax} more` : '';
    return `${names.slice(0, namedOperationsMax).join(', ')}${more}: ${withheld}`;
  });
  return [...[...refused].map((name) => refusals.get(name) ?? ''), ...others];
}

/**
 * Refuses APIs of which one would get a credential of another: a variable that would be sent to two origins, unless each
 * API trusts both.
 * @throws McpOnceError `configuration_invalid`
 */
export function refuseSharedVariables(plans: readonly CredentialPlan[]): void {
  const known = new Map<string, { readonly plan: CredentialPlan; readonly origin: string }[]>();
  for (const plan of plans) {
    for (const { variable, origin, advice } of plan.destinations) {
      const before = known.get(variable) ?? [];
      const conflict = before.find((each) => {
        const isTrusted = each.plan.origins.has(origin) && plan.origins.has(each.origin);
        return each.origin !== origin && !isTrusted;
      });
      if (conflict !== undefined) {
        throw new McpOnceError(
          'configuration_invalid',
          `Configuration: openapi: the variable ${variable} would be sent to two origins: ${conflict.origin} (${conflict.plan.source}) and ${origin} (${plan.source}). Give each origin a variable of its own: ${advice}. If one credential is meant for both, list both origins in credentialOrigins of each entry.`,
        );
      }
      known.set(variable, [...before, { plan, origin }]);
    }
  }
}

/** Returns a variable that names its origin, for advice. */
function ownVariable(origin: string, name: string): string {
  const variable = `${upperSnake(new URL(origin).hostname)}_${upperSnake(name)}`;
  return /^\d/.test(variable) ? `API_${variable}` : variable;
}

/** Writes the mapping of a scheme as the configuration file does. */
function mappingFor(name: string, scheme: SecurityScheme, variable: string): string {
  const roles = credentialRoles(scheme);
  const members = roles.map((role) => `${quoted(role)}: "${reference(`${variable}_${upperSnake(role)}`)}"`);
  const value = roles[0] === 'value' ? `"${reference(variable)}"` : `{ ${members.join(', ')} }`;
  return `credentials: { ${quoted(name)}: ${value} }`;
}

/** Writes the mapping of a scheme as the command line does. */
function optionFor(name: string, scheme: SecurityScheme): string {
  const parts = credentialRoles(scheme).map((role) => (role === 'value' ? name : `${name}.${role}`));
  return parts.map((part) => `--credential ${part.slice(0, 100)}=VARIABLE`).join(' ');
}

function kindOf({ type }: SecurityScheme): string {
  if (type === 'basic') return 'HTTP basic authentication, which has two variables';
  if (type === 'oauth2') return 'OAuth 2 client credentials, which have two variables';
  return 'one text, which has one variable';
}

function reference(variable: string): string {
  return `$\{${variable}}`;
}

function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 100));
}
