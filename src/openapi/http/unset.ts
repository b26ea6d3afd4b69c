import type { ApiOperation, SecurityScheme } from '../document/types.ts';
import { variablesOf } from './credentials.ts';
import { headerVariables } from './header-variables.ts';

/** What may have to be set. */
export interface CredentialNeeds {
  readonly schemes: Readonly<Record<string, SecurityScheme>>;
  readonly prefix: string | undefined;
  /** The configuration's own. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of every operation that is served. */
  readonly securities: readonly ApiOperation['security'][];
}

/**
 * The variables that are not set and that some operation may need, each once: of the configuration's headers, and of
 * the alternatives of an operation of which none can be met.
 */
export function unsetVariables(
  { schemes, prefix, headers, securities }: CredentialNeeds,
  environment: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const isUnset = (name: string): boolean => (environment[name]?.trim() ?? '') === '';
  const given = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  const lacking = (name: string): readonly string[] | undefined => {
    const scheme = Object.hasOwn(schemes, name) ? schemes[name] : undefined;
    if (scheme === undefined || scheme.type === 'unsupported') return undefined;
    const header = scheme.type !== 'apiKey' ? 'authorization' : scheme.in === 'header' ? scheme.name.toLowerCase() : '';
    return given.has(header) ? [] : variablesOf(name, scheme, prefix).filter(isUnset);
  };
  const needed = securities.flatMap((security) => {
    const ways = security.map((alternative) => Object.keys(alternative).map(lacking));
    if (ways.some((way) => way.every((variables) => variables?.length === 0))) return [];
    // What cannot be met by any variable is none to be set.
    return ways.filter((way) => !way.includes(undefined)).flatMap((way) => way.flatMap((each) => each ?? []));
  });
  return [...new Set([...headerVariables(headers).filter(isUnset), ...needed])];
}
