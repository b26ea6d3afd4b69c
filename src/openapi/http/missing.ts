import type { ApiOperation } from '../document/types.ts';
import { type CredentialSettings, isHeaderText, variablesOf } from './credentials.ts';

/** What to do about headers of the configuration whose variables are not set. The engine's sentence goes on from it. */
export function missingHeaderVariables({ origin }: CredentialSettings, names: readonly string[]): string {
  return `the configured headers for ${origin} need variables that are not set: ${names.join(' and ')}; set them and start the server again`;
}

/** What to do about credentials that an operation needs. Likewise. @param security alternatives that each ask for something */
export function missingCredentials(options: CredentialSettings, security: ApiOperation['security']): string {
  const { withheld, origin, schemes } = options;
  if (withheld) {
    return `the document, which came from the network, names another server (${origin}) for this operation, and no credentials are sent there; if that server is meant, give it as baseUrl, or serve the document from a file`;
  }
  const ways = security.filter((way) =>
    Object.keys(way).every((name) => (schemes[name]?.type ?? 'unsupported') !== 'unsupported'),
  );
  if (ways.length === 0) {
    const kinds = security.flatMap((way) => Object.keys(way)).flatMap((name) => unsupported(options, name));
    const told = [...new Set(kinds)].join(', or ');
    return `the operation needs credentials of a kind that is not supported: ${told}; where a header does for it, configure that (headers)`;
  }
  const lacking = ways.map((way) => Object.keys(way).flatMap((name) => lackingVariables(options, name)));
  const bad = [...new Set(lacking.flat())].filter((name) => options.environment[name]?.trim());
  const reason = bad.length === 0 ? '' : ` (${bad.join(', ')}: set to characters that a header cannot carry)`;
  const told = [...new Set(lacking.map((names) => names.join(' and ')))].join(', or ');
  return `the operation needs credentials that are not set: ${told}${reason}; set the environment variables and start the server again`;
}

function lackingVariables({ schemes, prefix, environment }: CredentialSettings, name: string): readonly string[] {
  const scheme = schemes[name];
  if (scheme === undefined) return [];
  return variablesOf(name, scheme, prefix).filter((variable) => {
    const value = environment[variable]?.trim() ?? '';
    return value === '' || !isHeaderText(value);
  });
}

function unsupported({ schemes }: CredentialSettings, name: string): string[] {
  const scheme = schemes[name];
  if (scheme === undefined) return [`the scheme "${name}", which the document does not declare`];
  return scheme.type === 'unsupported' ? [`the scheme "${name}" (${scheme.what})`] : [];
}
