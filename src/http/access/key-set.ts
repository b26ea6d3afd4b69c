import type { createLocalJWKSet, JWTVerifyGetKey } from 'jose';
import type { Clock } from '../../core/clock.ts';
import { McpOnceError } from '../../core/errors.ts';
import { type FetchFunction, getJson } from './get-json.ts';
import type { AccessLog } from './settings.ts';

type Jose = typeof import('jose');
type Keys = ReturnType<typeof createLocalJWKSet>;

/** How long a key set that could not be loaded is not tried again, in ms. */
const failureMs = 1_000;

export interface KeySetOptions {
  readonly url: string;
  readonly timeoutMs: number;
  /** Older keys are not used, whatever becomes of their server: a revoked key ends with this. */
  readonly maxAgeMs: number;
  /** A key that is not known has the set loaded again at most this often: forged key ids cost no requests. */
  readonly reloadMinMs: number;
}

/**
 * An issuer's public keys, loaded on first use and kept for a while.
 *
 * At most one request at a time, one within `reloadMinMs` for unknown keys, and one a second while its
 * server fails. Time is the monotonic clock's.
 */
export class KeySet {
  readonly #options: KeySetOptions;
  readonly #clock: Clock;
  readonly #fetch: FetchFunction;
  readonly #log: AccessLog;
  #held: { readonly keys: Keys; readonly atMs: number } | undefined;
  #failedAtMs = Number.NEGATIVE_INFINITY;
  #loading: Promise<Keys> | undefined;

  constructor(options: KeySetOptions, parts: { clock: Clock; fetch: FetchFunction; log: AccessLog }) {
    this.#options = options;
    this.#clock = parts.clock;
    this.#fetch = parts.fetch;
    this.#log = parts.log;
  }

  /** Finds the key of a token. @throws McpOnceError `upstream_unavailable` when the keys cannot be had. */
  finder(jose: Jose): JWTVerifyGetKey {
    return async (header, token) => {
      const { maxAgeMs, reloadMinMs } = this.#options;
      const held = this.#held;
      const ageMs = held === undefined ? Number.POSITIVE_INFINITY : this.#clock.monotonicMs() - held.atMs;
      if (held === undefined || ageMs >= maxAgeMs) return (await this.#load(jose))(header, token);
      try {
        return await held.keys(header, token);
      } catch (error) {
        if (!(error instanceof jose.errors.JWKSNoMatchingKey) || ageMs < reloadMinMs) throw error;
        return (await this.#load(jose))(header, token);
      }
    };
  }

  #load(jose: Jose): Promise<Keys> {
    this.#loading ??= this.#request(jose).finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #request(jose: Jose): Promise<Keys> {
    if (this.#clock.monotonicMs() - this.#failedAtMs < failureMs) throw unavailable();
    const { url, timeoutMs } = this.#options;
    const answer = await getJson({ url, timeoutMs }, this.#fetch, this.#clock);
    if (!answer.ok) throw this.#failed(answer.why);
    try {
      const keys = jose.createLocalJWKSet(answer.value as Parameters<typeof createLocalJWKSet>[0]);
      this.#held = { keys, atMs: this.#clock.monotonicMs() };
      return keys;
    } catch {
      throw this.#failed('its answer is no key set');
    }
  }

  #failed(why: string): McpOnceError {
    this.#failedAtMs = this.#clock.monotonicMs();
    this.#log.warn(`Access: the key set of an issuer cannot be had: ${why}. Its tokens are refused.`, {
      url: this.#options.url,
    });
    return unavailable();
  }
}

function unavailable(): McpOnceError {
  return new McpOnceError('upstream_unavailable', 'The key set of the issuer cannot be had.');
}
