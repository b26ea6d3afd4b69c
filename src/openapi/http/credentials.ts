import type { SecurityScheme } from '../document/types.ts';

type Schemes = Readonly<Record<string, SecurityScheme>>;
type Environment = Readonly<Record<string, string | undefined>>;

/** Where the credentials of one API come from, and where they may be sent. */
export interface CredentialSettings {
  readonly schemes: Schemes;
  /** The API's prefix. It begins the name of each variable. */
  readonly prefix?: string;
  readonly environment: Environment;
  /** The API's origin. Credentials are sent to this origin only. */
  readonly origin: string;
  /** True for a server that must not get credentials although the document names it. */
  readonly withheld?: boolean;
}

/**
 * The variables that a scheme's credentials come from, in upper snake case after the prefix: `SHOP_API_KEY_AUTH`; of
 * basic `..._USERNAME` and `..._PASSWORD`, of OAuth 2 `..._CLIENT_ID` and `..._CLIENT_SECRET`. None of what is unsupported.
 */
export function variablesOf(name: string, scheme: SecurityScheme, prefix: string | undefined): readonly string[] {
  const words = [...(prefix === undefined ? [] : [prefix]), name];
  const stem =
    words
      .map(upperSnake)
      .filter((word) => word !== '')
      .join('_') || 'API';
  // A name may begin with a letter only.
  const variable = /^\d/.test(stem) ? `API_${stem}` : stem;
  const names = endingsOf(scheme).map((ending) => variable + ending);
  if (!names.some((name) => isTaken(name, prefix !== undefined))) return names;
  return endingsOf(scheme).map((ending) => `${variable}_CREDENTIAL${ending}`);
}

function endingsOf({ type }: SecurityScheme): readonly string[] {
  switch (type) {
    case 'bearer':
    case 'apiKey':
      return [''];
    case 'basic':
      return ['_USERNAME', '_PASSWORD'];
    case 'oauth2':
      return ['_CLIENT_ID', '_CLIENT_SECRET'];
    case 'unsupported':
      return [];
  }
}

/** The variables of all schemes, each once, in the order of the document. */
export function credentialVariables(schemes: Schemes, prefix: string | undefined): readonly string[] {
  return [...new Set(Object.entries(schemes).flatMap(([name, scheme]) => variablesOf(name, scheme, prefix)))];
}

/**
 * Names that mean something else to this process or its system. A document chooses its schemes' names: one called
 * `path`, or `mcpOnceSecret`, must not have that sent to its server. A prefix is the operator's choice.
 */
function isTaken(variable: string, hasPrefix: boolean): boolean {
  if (variable.startsWith('MCP_ONCE_')) return true;
  if (hasPrefix) return false;
  const usual =
    /^(?:PATH|HOME|USER|USERNAME|LOGNAME|PWD|OLDPWD|SHELL|TERM|LANG|EDITOR|TMPDIR|TEMP|TMP|HOSTNAME|MAIL|TZ|CI)$/;
  return usual.test(variable) || /^(?:NODE|NPM|AWS|AZURE|GOOGLE|GITHUB|SSH|LC|LD|XDG|STRIPE|SMTP)_/.test(variable);
}

/** `apiKeyAuth`, `api-key.auth` and `APIKeyAuth` are all `API_KEY_AUTH`; `OAuth2` is one word. */
function upperSnake(name: string): string {
  return name
    .replace(/OAuth/g, 'Oauth')
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .toUpperCase();
}

/** RFC 9110, 5.5: visible characters of Latin-1, spaces and tabs. */
export function isHeaderText(value: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value);
}

/** The values of variables that are set; an empty one is what an empty field of a client's settings form gives: not set. */
export function valuesOf(variables: readonly string[], environment: Environment): readonly string[] | undefined {
  const values = variables.map((name) => environment[name]?.trim() ?? '');
  return values.includes('') ? undefined : values;
}
