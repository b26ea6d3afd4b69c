import type { createRemoteJWKSet, JWTVerifyGetKey } from 'jose';
import type { Clock } from '../../core/clock.ts';
import { McpOnceError } from '../../core/errors.ts';
import { boundedFetch, FetchFault, type FetchFunction } from './bounded-fetch.ts';
import type { AccessLog } from './settings.ts';

type JoseModule = typeof import('jose');
type RemoteKeys = ReturnType<typeof createRemoteJWKSet>;

/** How long to wait after a failed request before the next one, in ms. */
const failureMs = 1_000;

export interface KeySetOptions {
  readonly url: string;
  readonly timeoutMs: number;
  /** Older keys are never used, even when their server is down, so that a revoked key stops working. */
  readonly maxAgeMs: number;
  /** How often an unknown key id may reload the set. Forged key ids cause no further requests. */
  readonly reloadMinMs: number;
}

/**
 * Decides when the keys of an issuer are loaded. `createRemoteJWKSet` of jose loads and parses them and finds the key of
 * a token. Its own times are switched off: it would use the wall clock, and send a request for every token while the
 * issuer's server is down. Here there is one request at a time, one per `reloadMinMs` for unknown keys, and one per
 * second while the server fails, all by the monotonic clock.
 */
export class KeySet {
  readonly #options: KeySetOptions;
  readonly #clock: Clock;
  readonly #fetch: FetchFunction;
  readonly #log: AccessLog;
  #remote: RemoteKeys | undefined;
  #loadedAtMs = Number.NEGATIVE_INFINITY;
  #failedAtMs = Number.NEGATIVE_INFINITY;
  #loading: Promise<void> | undefined;

  constructor(options: KeySetOptions, parts: { clock: Clock; fetch: FetchFunction; log: AccessLog }) {
    this.#options = options;
    this.#clock = parts.clock;
    this.#fetch = boundedFetch(options.timeoutMs, parts);
    this.#log = parts.log;
  }

  /** Returns a function that finds the key of a token. @throws McpOnceError `upstream_unavailable` when the keys cannot be loaded */
  finder(jose: JoseModule): JWTVerifyGetKey {
    this.#remote ??= jose.createRemoteJWKSet(new URL(this.#options.url), {
      cacheMaxAge: Number.POSITIVE_INFINITY,
      cooldownDuration: Number.POSITIVE_INFINITY,
      [jose.customFetch]: this.#fetch,
    });
    const keys = this.#remote;
    return async (header, token) => {
      const { maxAgeMs, reloadMinMs } = this.#options;
      const ageMs = this.#clock.monotonicMs() - this.#loadedAtMs;
      if (ageMs >= maxAgeMs) await this.#load(keys);
      try {
        return await keys(header, token);
      } catch (error) {
        if (!(error instanceof jose.errors.JWKSNoMatchingKey) || ageMs >= maxAgeMs || ageMs < reloadMinMs) throw error;
        await this.#load(keys);
        return keys(header, token);
      }
    };
  }

  #load(keys: RemoteKeys): Promise<void> {
    this.#loading ??= this.#request(keys).finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #request(keys: RemoteKeys): Promise<void> {
    if (this.#clock.monotonicMs() - this.#failedAtMs < failureMs) throw unavailable();
    try {
      await keys.reload();
      this.#loadedAtMs = this.#clock.monotonicMs();
    } catch (error) {
      this.#failedAtMs = this.#clock.monotonicMs();
      const why = error instanceof FetchFault ? error.message : 'its response is not a key set';
      const { url } = this.#options;
      this.#log.warn(`Access: the key set of an issuer cannot be loaded: ${why}. Its tokens are refused.`, { url });
      throw unavailable();
    }
  }
}

function unavailable(): McpOnceError {
  return new McpOnceError('upstream_unavailable', 'The key set of the issuer cannot be loaded.');
}
