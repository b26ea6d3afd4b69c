import { EventEmitter, once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import type { Environment } from '../../src/config/config.ts';
import { type AdmitParts, createAdmit } from '../../src/http/access/admit.ts';
import { accessSchema, accessSettings } from '../../src/http/access/config.ts';
import { serving } from '../wrap/support/http.ts';
import type { ManualClock } from './manual-clock.ts';

export const resource = 'https://mcp.example.com/mcp';

/** The responses of an issuer. Tests may change them while it runs. */
export interface IssuerBehaviour {
  jwks: 'ok' | 'down' | 'hangs' | 'garbage' | 'redirects' | 'huge';
  /** `slow` keeps each response until `release` is called with its token. */
  introspection: 'ok' | 'down' | 'hangs' | 'garbage' | 'unauthorized' | 'slow';
  /** The introspection response for a token. */
  tokens: Map<string, Record<string, unknown>>;
}

/** A real authorization server over HTTP with its own key. */
export async function issuer() {
  const pair = await generateKeyPair('ES256', { extractable: true });
  const jwk: JWK = { ...(await exportJWK(pair.publicKey)), kid: 'key-1', alg: 'ES256', use: 'sig' };
  const keys: JWK[] = [jwk];
  const behaviour: IssuerBehaviour = { jwks: 'ok', introspection: 'ok', tokens: new Map() };
  const seen = { jwks: 0, introspections: [] as { authorization: string | undefined; form: URLSearchParams }[] };

  const held = new Map<string, () => void>();
  const isHeld = new EventEmitter();

  const jwks = (response: ServerResponse): void => {
    seen.jwks += 1;
    if (behaviour.jwks === 'hangs') return;
    if (behaviour.jwks === 'down') return void response.writeHead(500).end();
    if (behaviour.jwks === 'garbage') return void response.end('<html>');
    if (behaviour.jwks === 'redirects') return void response.writeHead(302, { location: '/elsewhere' }).end();
    if (behaviour.jwks === 'huge') return void response.end(JSON.stringify({ keys, padding: 'x'.repeat(1_000_000) }));
    response.end(JSON.stringify({ keys }));
  };
  const introspect = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const form = new URLSearchParams(body);
    seen.introspections.push({ authorization: request.headers.authorization, form });
    if (behaviour.introspection === 'hangs') return;
    if (behaviour.introspection === 'down') return void response.writeHead(500).end();
    if (behaviour.introspection === 'unauthorized') return void response.writeHead(401).end();
    if (behaviour.introspection === 'garbage') return void response.end('{"active":"yes"}');
    const token = form.get('token') ?? '';
    const answer = () => void response.end(JSON.stringify(behaviour.tokens.get(token) ?? { active: false }));
    if (behaviour.introspection !== 'slow') return answer();
    held.set(token, answer);
    isHeld.emit(token);
  };
  const { origin, server } = await serving((request, response) => {
    if (request.url === '/jwks') return jwks(response);
    if (request.url === '/introspect') return void introspect(request, response);
    // The target of a redirect. Its keys must not be used.
    response.end(JSON.stringify({ keys }));
  });
  return {
    origin,
    server,
    pair,
    jwk,
    keys,
    behaviour,
    seen,
    /** Sends the response about a token that `slow` keeps, once it has been asked for. */
    release: async (token: string): Promise<void> => {
      if (!held.has(token)) await once(isHeld, token);
      held.get(token)?.();
      held.delete(token);
    },
    /** Issues a token that is valid for five minutes, with the given changes. */
    sign: (clock: ManualClock, claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}) => {
      const nowS = Math.floor(clock.wallMs() / 1_000);
      const payload = { iss: origin, aud: resource, sub: 'alice', iat: nowS, exp: nowS + 300, ...claims };
      return new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid: 'key-1', ...header }).sign(pair.privateKey);
    },
  };
}

/** Creates the access check of a configuration file, and collects its log lines. */
export function admission(
  access: unknown,
  clock: ManualClock,
  environment: Environment = {},
  more: Pick<AdmitParts, 'slots'> = {},
) {
  const logged: string[] = [];
  const log = { warn: (message: string, fields?: unknown) => logged.push(`${message} ${JSON.stringify(fields)}`) };
  const settings = accessSettings(accessSchema.parse(access), environment);
  const admit = createAdmit(settings, { clock, log, ...more });
  return { admit, logged, bearer: (token: string) => admit({ authorization: `Bearer ${token}` }) };
}
