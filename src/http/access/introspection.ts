import { createHash } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { type FetchFunction, getJson } from './get-json.ts';
import type { AccessLog, IntrospectionSettings, IssuerSettings, TokenVerdict } from './settings.ts';

/** Verdicts that are kept; good and bad ones apart, so that no flood of bad tokens drives out the good. */
const keptMax = 10_000;
/** Bad tokens stay bad; the bound is for an issuer that learns of a token late. */
const invalidMaxMs = 5_000;
/** Questions at a time; more are answered "unavailable". */
const askedMax = 64;
const warnEveryMs = 10_000;

interface CachedVerdict {
  readonly verdict: TokenVerdict;
  readonly untilMs: number;
}

/**
 * Asks an issuer about tokens (RFC 7662) and keeps what it says for a short while under the token's hash,
 * never beyond the token's own end. One question at a time for one token.
 */
export class Introspection {
  readonly #issuer: IssuerSettings;
  readonly #settings: IntrospectionSettings;
  readonly #clock: Clock;
  readonly #fetch: FetchFunction;
  readonly #log: AccessLog;
  readonly #good = new Map<string, CachedVerdict>();
  readonly #bad = new Map<string, CachedVerdict>();
  readonly #asked = new Map<string, Promise<TokenVerdict>>();
  #warnedAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    issuer: IssuerSettings,
    settings: IntrospectionSettings,
    parts: { clock: Clock; fetch: FetchFunction; log: AccessLog },
  ) {
    this.#issuer = issuer;
    this.#settings = settings;
    this.#clock = parts.clock;
    this.#fetch = parts.fetch;
    this.#log = parts.log;
  }

  async verify(token: string): Promise<TokenVerdict> {
    const hash = createHash('sha256').update(token).digest('base64');
    const kept = this.#kept(this.#good, hash) ?? this.#kept(this.#bad, hash);
    if (kept !== undefined) return kept;
    const asked = this.#asked.get(hash);
    if (asked !== undefined) return asked;
    if (this.#asked.size >= askedMax) return this.#unavailable('too many questions are open');
    const asking = this.#ask(token, hash).finally(() => this.#asked.delete(hash));
    this.#asked.set(hash, asking);
    return asking;
  }

  async #ask(token: string, hash: string): Promise<TokenVerdict> {
    const { url } = this.#settings;
    const init = requestFor(token, this.#settings);
    const answer = await getJson({ url, timeoutMs: this.#issuer.timeoutMs, init }, this.#fetch, this.#clock);
    if (!answer.ok) return this.#unavailable(answer.why);
    const claims = answer.value;
    if (!isRecord(claims) || typeof claims.active !== 'boolean') return this.#unavailable('its answer is not one');
    const verdict = verdictOf(claims, this.#issuer, this.#clock.wallMs());
    this.#keep(hash, verdict);
    return verdict;
  }

  /** A verdict that is still good: by our own time, and for a token by its end. */
  #kept(map: Map<string, CachedVerdict>, hash: string): TokenVerdict | undefined {
    const kept = map.get(hash);
    if (kept === undefined) return undefined;
    const { verdict } = kept;
    const isOver = verdict.type === 'verified' && timeProblem(verdict.claims, this.#issuer, this.#clock.wallMs());
    if (this.#clock.monotonicMs() < kept.untilMs && !isOver) return verdict;
    map.delete(hash);
    return undefined;
  }

  #keep(hash: string, verdict: TokenVerdict): void {
    const map = verdict.type === 'verified' ? this.#good : this.#bad;
    const { cacheMs } = this.#settings;
    const forMs = verdict.type === 'verified' ? cacheMs : Math.min(cacheMs, invalidMaxMs);
    if (forMs === 0) return;
    const [oldest] = map.keys();
    if (map.size >= keptMax && oldest !== undefined) map.delete(oldest);
    map.set(hash, { verdict, untilMs: this.#clock.monotonicMs() + forMs });
  }

  #unavailable(why: string): TokenVerdict {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#warnedAtMs >= warnEveryMs) {
      this.#warnedAtMs = nowMs;
      this.#log.warn(`Access: an issuer cannot be asked about tokens: ${why}. They are refused.`, {
        url: this.#settings.url,
      });
    }
    return { type: 'unavailable' };
  }
}

function requestFor(token: string, settings: IntrospectionSettings): RequestInit {
  const { clientId, clientSecret, authentication } = settings;
  const form = new URLSearchParams({ token, token_type_hint: 'access_token' });
  const headers: Record<string, string> = { accept: 'application/json' };
  if (authentication === 'post') {
    form.set('client_id', clientId);
    form.set('client_secret', clientSecret);
  } else {
    const credentials = `${formEncoded(clientId)}:${formEncoded(clientSecret)}`;
    headers.authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
  }
  return { method: 'POST', headers, body: form };
}

/** RFC 6749, 2.3.1: name and secret are form-encoded before they go into the header. */
function formEncoded(value: string): string {
  return new URLSearchParams({ v: value }).toString().slice('v='.length);
}

function verdictOf(claims: Record<string, unknown>, issuer: IssuerSettings, wallMs: number): TokenVerdict {
  if (claims.active !== true) return { type: 'invalid', why: 'the token is not active' };
  const audiences: readonly unknown[] = Array.isArray(claims.aud) ? claims.aud : [claims.aud];
  const isForUs = audiences.some((each) => typeof each === 'string' && issuer.audiences.includes(each));
  const isTheirs = claims.iss === undefined || claims.iss === issuer.issuer;
  if (!isForUs || !isTheirs) {
    const detail = isForUs ? 'it is of another issuer' : 'it is for another audience';
    return { type: 'invalid', why: 'the token is not valid here', detail };
  }
  const why = timeProblem(claims, issuer, wallMs);
  return why === undefined ? { type: 'verified', claims } : { type: 'invalid', why };
}

function timeProblem(claims: Readonly<Record<string, unknown>>, issuer: IssuerSettings, wallMs: number) {
  const { exp, nbf } = claims;
  if (exp !== undefined && !(typeof exp === 'number' && exp * 1_000 + issuer.clockToleranceMs > wallMs)) {
    return 'the token has expired';
  }
  if (nbf !== undefined && !(typeof nbf === 'number' && nbf * 1_000 - issuer.clockToleranceMs <= wallMs)) {
    return 'the token is not valid yet';
  }
  return undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
