import type { Environment } from '../../config/config.ts';
import type { ApiOperation, SecurityScheme } from '../document/types.ts';
import { type CredentialSettings, headerVariables, isHeaderText, type SchemeVariables } from './credentials.ts';

/** Describes configured headers whose variables are not set. Has no full stop, because the engine continues the sentence. */
export function describeMissingHeaderVariables({ origin }: CredentialSettings, names: readonly string[]): string {
  return `the configured headers for ${origin} need variables that are not set: ${names.join(' and ')}; set them and start the server again`;
}

/**
 * Describes the credentials that an operation needs and that are missing. Has no full stop either.
 * @param security the alternatives that need credentials
 */
export function describeMissingCredentials(options: CredentialSettings, security: ApiOperation['security']): string {
  const { withheld, schemes } = options;
  if (withheld !== undefined) return withheld;
  const usable = security.filter((alternative) =>
    Object.keys(alternative).every((name) => (schemes[name]?.type ?? 'unsupported') !== 'unsupported'),
  );
  if (usable.length === 0) {
    const names = security.flatMap((alternative) => Object.keys(alternative));
    const kinds = [...new Set(names.flatMap((name) => describeUnsupported(options, name)))].join(', or ');
    return `the operation needs credentials that are not supported: ${kinds}; if the API also accepts a header, configure it (headers)`;
  }
  const refused = usable.map((alternative) => refusalsOf(options, Object.keys(alternative)));
  if (refused.every((reasons) => reasons.length > 0)) return [...new Set(refused.flat())].join('; or: ');
  const permitted = usable.filter((_, index) => refused[index]?.length === 0);
  const lacking = permitted.map((alternative) =>
    Object.keys(alternative).flatMap((name) => lackingVariables(options, name)),
  );
  const bad = [...new Set(lacking.flat())].filter((name) => options.environment[name]?.trim());
  const reason =
    bad.length === 0 ? '' : ` (${bad.join(', ')}: the value contains characters that a header cannot carry)`;
  const variables = [...new Set(lacking.map((names) => names.join(' and ')))].join(', or ');
  return `the operation needs credentials that are not set: ${variables}${reason}; set the environment variables and start the server again`;
}

function refusalsOf({ refusals }: CredentialSettings, schemes: readonly string[]): readonly string[] {
  return schemes.flatMap((name) => refusals?.get(name) ?? []);
}

function lackingVariables({ variables, environment }: CredentialSettings, name: string): readonly string[] {
  return (variables.get(name) ?? []).filter((variable) => {
    const value = environment[variable]?.trim() ?? '';
    return value === '' || !isHeaderText(value);
  });
}

function describeUnsupported({ schemes }: CredentialSettings, name: string): string[] {
  const scheme = schemes[name];
  if (scheme === undefined) return [`the scheme "${name}", which the document does not declare`];
  return scheme.type === 'unsupported' ? [`the scheme "${name}" (${scheme.what})`] : [];
}

/** The parts of an API that may need credentials. */
export interface CredentialNeeds {
  readonly schemes: Readonly<Record<string, SecurityScheme>>;
  readonly variables: SchemeVariables;
  /** The configured headers. */
  readonly headers: Readonly<Record<string, string>>;
  /** The security alternatives of every served operation. */
  readonly securities: readonly ApiOperation['security'][];
}

/**
 * Returns the variables that some operation may need and that are not set, without duplicates. They come from configured
 * headers, and from operations none of whose alternatives has all its variables.
 */
export function unsetVariables(
  { schemes, variables, headers, securities }: CredentialNeeds,
  environment: Environment,
): readonly string[] {
  const isUnset = (name: string): boolean => (environment[name]?.trim() ?? '') === '';
  const unsetOf = (name: string): readonly string[] | undefined => {
    const scheme = Object.hasOwn(schemes, name) ? schemes[name] : undefined;
    if (scheme === undefined || scheme.type === 'unsupported') return undefined;
    return hasConfiguredHeader(scheme, headers) ? [] : variables.get(name)?.filter(isUnset);
  };
  const needed = securities.flatMap((security) => {
    const alternatives = security.map((alternative) => Object.keys(alternative).map(unsetOf));
    if (alternatives.some((each) => each.every((names) => names?.length === 0))) return [];
    // No variable helps where a scheme is not supported or has no variable.
    return alternatives
      .filter((each) => !each.includes(undefined))
      .flatMap((each) => each.flatMap((names) => names ?? []));
  });
  return [...new Set([...headerVariables(headers).filter(isUnset), ...needed])];
}

/** Returns whether a configured header carries the credentials of a scheme. */
export function hasConfiguredHeader(scheme: SecurityScheme, headers: Readonly<Record<string, string>>): boolean {
  const header = scheme.type !== 'apiKey' ? 'authorization' : scheme.in === 'header' ? scheme.name.toLowerCase() : '';
  return Object.keys(headers).some((name) => name.toLowerCase() === header);
}
