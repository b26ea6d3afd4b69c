import type { Environment } from '../../config/config.ts';
import { McpOnceError } from '../../core/errors.ts';
import type { ApiOperation, SecurityScheme } from '../document/types.ts';
import { type CredentialSettings, fillHeader, headerVariables, isHeaderText, readVariables } from './credentials.ts';
import { cookieEncode, percentEncode } from './encode.ts';
import { describeMissingCredentials, describeMissingHeaderVariables } from './missing-credentials.ts';
import { type OAuthToken, type SendTokenRequest, TokenSource } from './oauth-token.ts';
import type { HttpRequest } from './types.ts';

export interface AuthenticatorOptions extends CredentialSettings {
  /** Headers that contain variables. They are sent with every request, like credentials. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Returns the wall-clock time in ms. @defaultValue `Date.now` */
  readonly now?: () => number;
}

/** Adds credentials to the requests to one API. */
export interface Authenticator {
  /**
   * Returns the credentials of the first alternative whose variables are all set. An alternative without credentials is
   * the last choice. @throws McpOnceError `upstream_unavailable` naming the variables if no alternative can be used.
   */
  authorize(
    request: HttpRequest,
    security: ApiOperation['security'],
    sendTokenRequest: SendTokenRequest,
    signal: AbortSignal,
  ): Promise<CredentialSet>;
  /** Drops the tokens that the API refused with a 401. @returns whether `authorize` can fetch other tokens */
  discardTokens(credentials: CredentialSet): boolean;
  /** Returns the secrets that must not appear in messages, logs or responses. */
  secrets(): readonly string[];
}

/** The credentials for one operation. */
export interface CredentialSet {
  /** Adds the credentials to a request. Requests to another origin stay unchanged. */
  readonly apply: (request: HttpRequest) => HttpRequest;
  readonly tokens: readonly { readonly source: TokenSource; readonly token: OAuthToken }[];
}

/** The credential of one scheme whose variables are set. */
type Credential =
  | { readonly type: 'header'; readonly name: string; readonly value: string }
  | { readonly type: 'query' | 'cookie'; readonly name: string; readonly value: string }
  | { readonly type: 'token'; readonly source: TokenSource }
  /** A configured header already contains it. */
  | { readonly type: 'configured' };

/** Creates an authenticator, which reads the environment once. Missing variables throw on `authorize` only. */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { schemes, variables, now = Date.now } = options;
  const environment = options.withheld === undefined ? options.environment : {};
  const home = new URL(options.origin).origin;
  const credentials = new Map<string, Credential>();
  const fixedSecrets: string[] = [];
  for (const [name, scheme] of Object.entries(schemes)) {
    const values = readVariables(variables.get(name) ?? [], environment);
    const [first = '', second = ''] = values ?? [];
    if (!values || first === '' || !values.every(isHeaderText)) continue;
    credentials.set(name, createCredential(name, scheme, first, second, home, now));
    fixedSecrets.push(...secretForms(scheme, first, second));
  }
  const configured = configuredHeaders(options, environment);
  fixedSecrets.push(...configured.secrets);
  const sources = [...credentials.values()].flatMap((each) => (each.type === 'token' ? [each.source] : []));
  return {
    async authorize(request, security, sendTokenRequest, signal) {
      if (configured.missing.length > 0)
        throw new McpOnceError('upstream_unavailable', describeMissingHeaderVariables(options, configured.missing));
      const withHeaders = { ...request, headers: { ...request.headers, ...configured.headers } };
      const chosen = chooseCredentials(options, credentials, withHeaders, security);
      const tokens: { source: TokenSource; token: OAuthToken }[] = [];
      for (const credential of chosen) {
        if (credential.type !== 'token') continue;
        tokens.push({
          source: credential.source,
          token: await untilAborted(credential.source.get(sendTokenRequest), signal),
        });
      }
      const apply = (plain: HttpRequest): HttpRequest =>
        new URL(plain.url).origin === home
          ? applyCredentials(plain, chosen, tokens[0]?.token, configured.headers)
          : plain;
      return { apply, tokens };
    },
    discardTokens({ tokens }) {
      for (const { source, token } of tokens) source.discard(token);
      return tokens.length > 0;
    },
    secrets: () => [...fixedSecrets, ...sources.flatMap((source) => source.secrets)],
  };
}

/** Fills in the configured headers that contain variables. Returns nothing for a server that must not get credentials. */
function configuredHeaders({ headers: templates = {}, withheld }: AuthenticatorOptions, environment: Environment) {
  const headers: Record<string, string> = {};
  const secrets: string[] = [];
  const missing: string[] = [];
  for (const [name, template] of withheld === undefined ? Object.entries(templates) : []) {
    const filled = fillHeader(template, environment);
    if (filled && isHeaderText(filled.value)) {
      headers[name.toLowerCase()] = filled.value;
      secrets.push(...filled.secrets);
    } else {
      missing.push(...headerVariables({ [name]: template }).filter((each) => !environment[each]?.trim()));
    }
  }
  return { headers, secrets, missing };
}

function createCredential(
  scheme: string,
  details: SecurityScheme,
  first: string,
  second: string,
  home: string,
  now: () => number,
): Credential {
  switch (details.type) {
    case 'bearer':
      return { type: 'header', name: 'authorization', value: `Bearer ${first}` };
    case 'basic':
      return { type: 'header', name: 'authorization', value: `Basic ${basicCredentials(first, second)}` };
    case 'apiKey':
      return {
        type: details.in,
        name: details.in === 'header' ? details.name.toLowerCase() : details.name,
        value: first,
      };
    case 'oauth2': {
      const { tokenUrl, scopes } = details;
      const client = { scheme, tokenUrl, home, scopes, id: first, secret: second };
      return { type: 'token', source: new TokenSource(client, now) };
    }
    case 'unsupported':
      return { type: 'configured' };
  }
}

/** Encodes credentials in UTF-8 (RFC 7617). */
function basicCredentials(username: string, password: string): string {
  return Buffer.from(`${username}:${password}`).toString('base64');
}

/** Returns a secret in each form in which an API may echo it. */
function secretForms(scheme: SecurityScheme, first: string, second: string): string[] {
  const secret = scheme.type === 'basic' || scheme.type === 'oauth2' ? second : first;
  const forms = [secret, percentEncode(secret), JSON.stringify(secret).slice(1, -1)];
  return [...new Set(scheme.type === 'basic' ? [...forms, basicCredentials(first, second)] : forms)];
}

function chooseCredentials(
  options: AuthenticatorOptions,
  credentials: ReadonlyMap<string, Credential>,
  request: HttpRequest,
  security: ApiOperation['security'],
): readonly Credential[] {
  const alternatives = security.filter((alternative) => Object.keys(alternative).length > 0);
  for (const alternative of alternatives) {
    const found = Object.keys(alternative).map(
      (name) => credentials.get(name) ?? configuredCredential(options.schemes[name], request),
    );
    if (found.every((credential) => credential !== undefined)) return found;
  }
  if (alternatives.length < security.length || security.length === 0) return [];
  throw new McpOnceError('upstream_unavailable', describeMissingCredentials(options, alternatives));
}

/** Returns a credential for a scheme whose header is already configured. */
function configuredCredential(scheme: SecurityScheme | undefined, { headers }: HttpRequest): Credential | undefined {
  if (scheme === undefined) return undefined;
  const name =
    scheme.type === 'apiKey' ? (scheme.in === 'header' ? scheme.name.toLowerCase() : undefined) : 'authorization';
  return name !== undefined && headers[name] !== undefined ? { type: 'configured' } : undefined;
}

function applyCredentials(
  request: HttpRequest,
  credentials: readonly Credential[],
  token: OAuthToken | undefined,
  configured: Readonly<Record<string, string>>,
): HttpRequest {
  const headers: Record<string, string> = { ...request.headers, ...configured };
  let { url } = request;
  for (const credential of credentials) {
    switch (credential.type) {
      case 'header':
        headers[credential.name] = credential.value;
        break;
      case 'cookie': {
        const cookie = `${percentEncode(credential.name)}=${cookieEncode(credential.value)}`;
        headers.cookie = headers.cookie ? `${headers.cookie}; ${cookie}` : cookie;
        break;
      }
      case 'query':
        url = withQuery(url, credential.name, credential.value);
        break;
      case 'token':
        if (token) headers.authorization = `Bearer ${token.value}`;
        break;
      case 'configured':
        break;
    }
  }
  return { ...request, url, headers };
}

/** Sets a query parameter. Replaces one that a redirect or an argument of the same name put there. */
function withQuery(url: string, name: string, value: string): string {
  const parsed = new URL(url);
  const encoded = percentEncode(name);
  const others = parsed.search
    .slice(1)
    .split('&')
    .filter((pair) => pair !== '' && decodeQueryName(pair) !== name);
  parsed.search = [...others, `${encoded}=${percentEncode(value)}`].join('&');
  return parsed.href;
}

function decodeQueryName(pair: string): string | undefined {
  return [...new URLSearchParams(pair).keys()][0];
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = (): void => {
      reject(new McpOnceError('upstream_unavailable', 'cancelled while waiting for a token'));
    };
    if (signal.aborted) return cancel();
    signal.addEventListener('abort', cancel, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', cancel));
  });
}
