import { McpOnceError } from '../../core/errors.ts';
import type { ApiOperation, SecurityScheme } from '../document/types.ts';
import { type CredentialSettings, isHeaderText, valuesOf, variablesOf } from './credentials.ts';
import { cookieEncode, percentEncode } from './encode.ts';
import { filledHeader, headerVariables } from './header-variables.ts';
import { missingCredentials, missingHeaderVariables } from './missing.ts';
import { type AskToken, type Token, TokenSource } from './token.ts';
import type { HttpRequest } from './types.ts';

type Environment = AuthenticatorOptions['environment'];

export { credentialVariables } from './credentials.ts';

export interface AuthenticatorOptions extends CredentialSettings {
  /** Headers that contain variables. They are sent with every request, like credentials. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Returns the wall-clock time in ms. @defaultValue `Date.now` */
  readonly now?: () => number;
}

/** Puts credentials on the requests to one API. */
export interface Authenticator {
  /**
   * The credentials of the first alternative whose variables are all set. An alternative that asks for nothing is
   * taken last. @throws McpOnceError `upstream_unavailable` naming the variables, where none can be met.
   */
  authorize(
    request: HttpRequest,
    security: ApiOperation['security'],
    ask: AskToken,
    signal: AbortSignal,
  ): Promise<Authorized>;
  /** Told of a 401. @returns whether another token may be had, by authorizing again. */
  refused(authorized: Authorized): boolean;
  /** What no message, log or answer may hold. */
  secrets(): readonly string[];
}

/** Credentials, ready to be put on requests. */
export interface Authorized {
  /** The request with credentials. One to another origin stays as it is. */
  readonly apply: (request: HttpRequest) => HttpRequest;
  readonly tokens: readonly { readonly source: TokenSource; readonly token: Token }[];
}

/** One scheme whose variables are set. */
type Credential =
  | { readonly type: 'header'; readonly name: string; readonly value: string }
  | { readonly type: 'query' | 'cookie'; readonly name: string; readonly value: string }
  | { readonly type: 'token'; readonly source: TokenSource }
  /** The configuration's own headers have it already. */
  | { readonly type: 'configured' };

/** Reads the environment it is given at once. Never throws: what is not set is told by the operation that needs it. */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { schemes, prefix, now = Date.now } = options;
  const environment = options.withheld ? {} : options.environment;
  const home = new URL(options.origin).origin;
  const credentials = new Map<string, Credential>();
  const fixed: string[] = [];
  for (const [name, scheme] of Object.entries(schemes)) {
    const values = valuesOf(variablesOf(name, scheme, prefix), environment);
    const [first = '', second = ''] = values ?? [];
    if (!values || first === '' || !values.every(isHeaderText)) continue;
    credentials.set(name, credentialOf(name, scheme, first, second, home, now));
    fixed.push(...secretForms(scheme, first, second));
  }
  const own = ownHeaders(options, environment);
  fixed.push(...own.secrets);
  const sources = [...credentials.values()].flatMap((each) => (each.type === 'token' ? [each.source] : []));
  return {
    async authorize(request, security, ask, signal) {
      if (own.missing.length > 0)
        throw new McpOnceError('upstream_unavailable', missingHeaderVariables(options, own.missing));
      const withOwn = { ...request, headers: { ...request.headers, ...own.headers } };
      const chosen = choose(options, credentials, withOwn, security);
      const tokens: { source: TokenSource; token: Token }[] = [];
      for (const credential of chosen) {
        if (credential.type !== 'token') continue;
        tokens.push({ source: credential.source, token: await cancellable(credential.source.get(ask), signal) });
      }
      const apply = (plain: HttpRequest): HttpRequest =>
        new URL(plain.url).origin === home ? put(plain, chosen, tokens[0]?.token, own.headers) : plain;
      return { apply, tokens };
    },
    refused({ tokens }) {
      for (const { source, token } of tokens) source.refused(token);
      return tokens.length > 0;
    },
    secrets: () => [...fixed, ...sources.flatMap((source) => source.secrets)],
  };
}

/** The configuration's headers that hold variables. Nothing is asked of a server that gets no credentials. */
function ownHeaders({ headers: templates = {}, withheld }: AuthenticatorOptions, environment: Environment) {
  const headers: Record<string, string> = {};
  const secrets: string[] = [];
  const missing: string[] = [];
  for (const [name, template] of withheld ? [] : Object.entries(templates)) {
    const filled = filledHeader(template, environment);
    if (filled && isHeaderText(filled.value)) {
      headers[name.toLowerCase()] = filled.value;
      secrets.push(...filled.secrets);
    } else {
      missing.push(...headerVariables({ [name]: template }).filter((each) => !environment[each]?.trim()));
    }
  }
  return { headers, secrets, missing };
}

function credentialOf(
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
      return { type: 'header', name: 'authorization', value: `Basic ${basicOf(first, second)}` };
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

/** RFC 7617: UTF-8. */
function basicOf(username: string, password: string): string {
  return Buffer.from(`${username}:${password}`).toString('base64');
}

/** A secret in each form that an API may echo it in. */
function secretForms(scheme: SecurityScheme, first: string, second: string): string[] {
  const secret = scheme.type === 'basic' || scheme.type === 'oauth2' ? second : first;
  const forms = [secret, percentEncode(secret), JSON.stringify(secret).slice(1, -1)];
  return [...new Set(scheme.type === 'basic' ? [...forms, basicOf(first, second)] : forms)];
}

function choose(
  options: AuthenticatorOptions,
  credentials: ReadonlyMap<string, Credential>,
  request: HttpRequest,
  security: ApiOperation['security'],
): readonly Credential[] {
  const demanding = security.filter((alternative) => Object.keys(alternative).length > 0);
  for (const alternative of demanding) {
    const found = Object.keys(alternative).map(
      (name) => credentials.get(name) ?? configured(options.schemes[name], request),
    );
    if (found.every((credential) => credential !== undefined)) return found;
  }
  if (demanding.length < security.length || security.length === 0) return [];
  throw new McpOnceError('upstream_unavailable', missingCredentials(options, demanding));
}

/** A header that is there already, by the configuration's own headers, is as good as a variable. */
function configured(scheme: SecurityScheme | undefined, { headers }: HttpRequest): Credential | undefined {
  if (scheme === undefined) return undefined;
  const name =
    scheme.type === 'apiKey' ? (scheme.in === 'header' ? scheme.name.toLowerCase() : undefined) : 'authorization';
  return name !== undefined && headers[name] !== undefined ? { type: 'configured' } : undefined;
}

function put(
  request: HttpRequest,
  credentials: readonly Credential[],
  token: Token | undefined,
  own: Readonly<Record<string, string>>,
): HttpRequest {
  const headers: Record<string, string> = { ...request.headers, ...own };
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

/** In place of what a redirect, or an argument of the same name, may have there. */
function withQuery(url: string, name: string, value: string): string {
  const parsed = new URL(url);
  const encoded = percentEncode(name);
  const others = parsed.search
    .slice(1)
    .split('&')
    .filter((pair) => pair !== '' && decodedName(pair) !== name);
  parsed.search = [...others, `${encoded}=${percentEncode(value)}`].join('&');
  return parsed.href;
}

function decodedName(pair: string): string | undefined {
  return [...new URLSearchParams(pair).keys()][0];
}

function cancellable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = (): void => {
      reject(new McpOnceError('upstream_unavailable', 'cancelled while waiting for a token'));
    };
    if (signal.aborted) return cancel();
    signal.addEventListener('abort', cancel, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', cancel));
  });
}
