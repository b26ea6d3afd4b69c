import { createHash } from 'node:crypto';
import type { ClientAuth } from 'oauth4webapi';
import { BoundedMap } from '../../core/bounded-map.ts';
import type { Clock } from '../../core/clock.ts';
import { boundedFetch, FetchFault, type FetchFunction } from './bounded-fetch.ts';
import { type IntrospectionSlotSettings, IntrospectionSlots } from './introspection-slots.ts';
import type { AccessLog, IntrospectionSettings, IssuerSettings, TokenVerdict } from './settings.ts';

type Claims = Readonly<Record<string, unknown>>;

/** How many verdicts are cached. Good and bad ones are apart, so that a flood of bad tokens evicts no good one. */
const cachedMax = 10_000;
/** How long a bad verdict is cached at least and at most, in ms. The issuer may learn of a token late. */
const [invalidMinMs, invalidMaxMs] = [1_000, 5_000];
const warnEveryMs = 10_000;

/** Loaded with the first token, so that a server without introspection does not wait for it. */
const loadLibrary = () => import('oauth4webapi');

interface CachedVerdict {
  readonly verdict: TokenVerdict;
  readonly untilMs: number;
}

/**
 * Asks an issuer about tokens (RFC 7662). Caches each verdict briefly under the token's hash, never beyond the token's
 * own expiry. One token causes one request at a time.
 */
export class Introspection {
  readonly #issuer: IssuerSettings;
  readonly #settings: IntrospectionSettings;
  readonly #clock: Clock;
  readonly #fetch: FetchFunction;
  readonly #log: AccessLog;
  readonly #good = new BoundedMap<string, CachedVerdict>(cachedMax);
  readonly #bad = new BoundedMap<string, CachedVerdict>(cachedMax);
  /** The subjects of tokens that were good at the last request, by the token's hash. */
  readonly #known = new BoundedMap<string, string>(cachedMax);
  readonly #open = new Map<string, Promise<TokenVerdict>>();
  readonly #slots: IntrospectionSlots;
  readonly #warnedAtMs = { fault: Number.NEGATIVE_INFINITY, flood: Number.NEGATIVE_INFINITY };

  constructor(
    issuer: IssuerSettings,
    settings: IntrospectionSettings,
    parts: { clock: Clock; fetch: FetchFunction; log: AccessLog; slots: IntrospectionSlotSettings },
  ) {
    this.#issuer = issuer;
    this.#settings = settings;
    this.#clock = parts.clock;
    this.#fetch = boundedFetch(issuer.timeoutMs, parts);
    this.#log = parts.log;
    this.#slots = new IntrospectionSlots(parts.slots);
  }

  /** @param peer the caller's address, as `peerGroup` returns it */
  async verify(token: string, peer: string): Promise<TokenVerdict> {
    const hash = createHash('sha256').update(token).digest('base64');
    const cached = this.#cached(this.#good, hash) ?? this.#cached(this.#bad, hash);
    if (cached !== undefined) return cached;
    const open = this.#open.get(hash);
    if (open !== undefined) return open;
    const release = this.#slots.take(peer, this.#known.get(hash));
    if (release === undefined) return this.#flooded();
    const asking = this.#ask(token, hash).finally(() => {
      this.#open.delete(hash);
      release();
    });
    this.#open.set(hash, asking);
    return asking;
  }

  async #ask(token: string, hash: string): Promise<TokenVerdict> {
    try {
      const verdict = verdictOf(await this.#introspect(token), this.#issuer, this.#clock.wallMs());
      this.#cache(hash, verdict);
      if (verdict.type === 'verified') this.#known.set(hash, String(verdict.claims[this.#issuer.subjectClaim]));
      else this.#known.delete(hash);
      return verdict;
    } catch (error) {
      const why = error instanceof FetchFault ? error.message : 'its response does not follow RFC 7662';
      return this.#unavailable(why);
    }
  }

  async #introspect(token: string): Promise<Claims> {
    const oauth = await loadLibrary();
    const { url, clientId, clientSecret, authentication } = this.#settings;
    const server = { issuer: this.#issuer.issuer, introspection_endpoint: url };
    const client = { client_id: clientId };
    const clientAuth = authentication === 'post' ? oauth.ClientSecretPost(clientSecret) : basicAuth(clientSecret);
    const response = await oauth.introspectionRequest(server, client, clientAuth, token, {
      additionalParameters: { token_type_hint: 'access_token' },
      // The configuration has checked the URL: https, or http on a loopback address.
      [oauth.allowInsecureRequests]: true,
      [oauth.customFetch]: this.#fetch,
    });
    return oauth.processIntrospectionResponse(server, client, response);
  }

  /** Returns a cached verdict until its time is over or its token has expired. */
  #cached(cache: BoundedMap<string, CachedVerdict>, hash: string): TokenVerdict | undefined {
    const entry = cache.get(hash);
    if (entry === undefined) return undefined;
    const { verdict, untilMs } = entry;
    const isOver = verdict.type === 'verified' && timeProblem(verdict.claims, this.#issuer, this.#clock.wallMs());
    if (this.#clock.monotonicMs() < untilMs && !isOver) return verdict;
    cache.delete(hash);
    return undefined;
  }

  #cache(hash: string, verdict: TokenVerdict): void {
    const cache = verdict.type === 'verified' ? this.#good : this.#bad;
    const { cacheMs } = this.#settings;
    const forMs = verdict.type === 'verified' ? cacheMs : Math.min(Math.max(cacheMs, invalidMinMs), invalidMaxMs);
    if (forMs > 0) cache.set(hash, { verdict, untilMs: this.#clock.monotonicMs() + forMs });
  }

  #unavailable(why: string): TokenVerdict {
    return this.#warn('fault', `Access: an issuer cannot be asked about tokens: ${why}. Its tokens are refused.`);
  }

  #flooded(): TokenVerdict {
    const message =
      'Access: too many tokens wait for the response of an issuer. Further tokens are refused, except those that were valid before.';
    return this.#warn('flood', message);
  }

  #warn(kind: 'fault' | 'flood', message: string): TokenVerdict {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#warnedAtMs[kind] >= warnEveryMs) {
      this.#warnedAtMs[kind] = nowMs;
      this.#log.warn(message, { url: this.#settings.url });
    }
    return { type: 'unavailable' };
  }
}

/**
 * Authenticates with a header, both values form-encoded (RFC 6749, 2.3.1). `ClientSecretBasic` of oauth4webapi also
 * escapes "-", "_" and ".", and fails with servers that do not decode them (panva/oauth4webapi#148, #199).
 */
function basicAuth(clientSecret: string): ClientAuth {
  const formEncoded = (value: string): string => new URLSearchParams({ v: value }).toString().slice('v='.length);
  return (_server, client, _body, headers) => {
    const credentials = `${formEncoded(client.client_id)}:${formEncoded(clientSecret)}`;
    headers.set('authorization', `Basic ${Buffer.from(credentials).toString('base64')}`);
  };
}

function verdictOf(claims: Claims, issuer: IssuerSettings, wallMs: number): TokenVerdict {
  if (claims.active !== true) return { type: 'invalid', why: 'the token is not active' };
  const audiences: readonly unknown[] = Array.isArray(claims.aud) ? claims.aud : [claims.aud];
  const isForThisServer = audiences.some((each) => typeof each === 'string' && issuer.audiences.includes(each));
  const isOfIssuer = claims.iss === undefined || claims.iss === issuer.issuer;
  if (!isForThisServer || !isOfIssuer) {
    const detail = isForThisServer ? 'it has another issuer' : 'it has another audience';
    return { type: 'invalid', why: 'the token is not valid here', detail };
  }
  const why = timeProblem(claims, issuer, wallMs);
  return why === undefined ? { type: 'verified', claims } : { type: 'invalid', why };
}

function timeProblem(claims: Claims, issuer: IssuerSettings, wallMs: number): string | undefined {
  const { exp, nbf } = claims;
  if (exp !== undefined && !(typeof exp === 'number' && exp * 1_000 + issuer.clockToleranceMs > wallMs)) {
    return 'the token has expired';
  }
  if (nbf !== undefined && !(typeof nbf === 'number' && nbf * 1_000 - issuer.clockToleranceMs <= wallMs)) {
    return 'the token is not valid yet';
  }
  return undefined;
}
