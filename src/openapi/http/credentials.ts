import type { Environment } from '../../config/config.ts';
import type { SecurityScheme } from '../document/types.ts';

type Schemes = Readonly<Record<string, SecurityScheme>>;
type Headers = Readonly<Record<string, string>>;

/** The variables of each security scheme, by the scheme's name. */
export type SchemeVariables = ReadonlyMap<string, readonly string[]>;

/** Where the credentials of one API come from, and where they may be sent. */
export interface CredentialSettings {
  readonly schemes: Schemes;
  readonly variables: SchemeVariables;
  /** Why a scheme has no variables, by its name, without a full stop. @defaultValue each supported scheme has variables */
  readonly refusals?: ReadonlyMap<string, string>;
  readonly environment: Environment;
  /** The origin of the requests. Credentials are sent to this origin only. */
  readonly origin: string;
  /** Why this origin must not get credentials, without a full stop. @defaultValue it may get them */
  readonly withheld?: string | undefined;
}

/**
 * Returns the names of the environment variables that hold a scheme's credentials, if the configuration names none. A
 * name is the prefix and the scheme's name in upper snake case. Basic adds `_USERNAME` and `_PASSWORD`, OAuth 2
 * `_CLIENT_ID` and `_CLIENT_SECRET`.
 *
 * @example
 * schemeVariables('apiKeyAuth', { type: 'apiKey', in: 'header', name: 'X-Key' }, 'shop') // ['SHOP_API_KEY_AUTH']
 */
export function schemeVariables(name: string, scheme: SecurityScheme, prefix: string | undefined): readonly string[] {
  const words = [...(prefix === undefined ? [] : [prefix]), name];
  const stem =
    words
      .map(upperSnake)
      .filter((word) => word !== '')
      .join('_') || 'API';
  // A variable's name must not begin with a digit. Those that begin with MCP_ONCE_ belong to this server.
  const variable = /^(?:\d|MCP_ONCE(?:_|$))/.test(stem) ? `API_${stem}` : stem;
  return credentialRoles(scheme).map((role) => (role === 'value' ? variable : `${variable}_${upperSnake(role)}`));
}

/** The parts of a credential, each in its own variable. */
export type CredentialRole = 'value' | 'username' | 'password' | 'clientId' | 'clientSecret';

/** Returns the parts of a scheme's credential, in the order of its variables. */
export function credentialRoles({ type }: SecurityScheme): readonly CredentialRole[] {
  switch (type) {
    case 'bearer':
    case 'apiKey':
      return ['value'];
    case 'basic':
      return ['username', 'password'];
    case 'oauth2':
      return ['clientId', 'clientSecret'];
    case 'unsupported':
      return [];
  }
}

/** Turns `apiKeyAuth`, `api-key.auth` and `APIKeyAuth` into `API_KEY_AUTH`. `OAuth2` is one word. */
export function upperSnake(name: string): string {
  return name
    .replace(/OAuth/g, 'Oauth')
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .toUpperCase();
}

/** Returns whether a header can carry this value: visible Latin-1 characters, spaces and tabs (RFC 9110, 5.5). */
export function isHeaderText(value: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value);
}

/**
 * Reads variables. Returns undefined if one is not set. An empty value counts as not set, because clients pass the empty
 * fields of their settings forms like that.
 */
export function readVariables(variables: readonly string[], environment: Environment): readonly string[] | undefined {
  const values = variables.map((name) => environment[name]?.trim() ?? '');
  return values.includes('') ? undefined : values;
}

/** `${GITHUB_TOKEN}`: a reference to an environment variable in a configured header. */
const reference = /\$\{([A-Za-z_][A-Za-z0-9_]{0,99})\}/g;

/** Separates plain headers from headers that contain variables, which count as credentials. */
export function splitHeaders(headers: Headers): { readonly plain: Headers; readonly fromVariables: Headers } {
  const entries = Object.entries(headers);
  const fromVariables = entries.filter(([, value]) => variablesIn(value).length > 0);
  const plain = entries.filter(([, value]) => variablesIn(value).length === 0);
  return { plain: Object.fromEntries(plain), fromVariables: Object.fromEntries(fromVariables) };
}

/** Returns the variables that headers contain, without duplicates. */
export function headerVariables(headers: Headers): readonly string[] {
  return [...new Set(Object.values(headers).flatMap(variablesIn))];
}

/** Fills in the variables of a header's value, and returns their values as secrets. Returns undefined if one is not set. */
export function fillHeader(template: string, environment: Environment) {
  const secrets = readVariables(variablesIn(template), environment);
  if (secrets === undefined) return undefined;
  const value = template.replace(reference, (_, name: string) => environment[name]?.trim() ?? '');
  return { value, secrets };
}

function variablesIn(value: string): string[] {
  return [...value.matchAll(reference)].map(([, name = '']) => name);
}
