import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { defined } from '../../core/json.ts';
import type { StaticToken } from './settings.ts';
import type { Principal } from './types.ts';

/** Marks tokens made by this program, for people and secret scanners, and so that none is sent to an issuer. */
const tokenPrefix = 'mcponce_';

/** Creates a token of 256 random bits, and the hash that goes into the configuration. */
export function createToken(): { readonly token: string; readonly hash: string } {
  const token = `${tokenPrefix}${randomBytes(32).toString('base64url')}`;
  return { token, hash: `sha256:${digestOf(token).toString('hex')}` };
}

/** Returns whether this program made the token, so that it cannot be an issuer's. */
export function isOwnToken(token: string): boolean {
  return token.startsWith(tokenPrefix);
}

/** Creates a lookup by token. It compares every entry in constant time, so that timing reveals nothing about them. */
export function createTokenLookup(tokens: readonly StaticToken[]): (token: string) => Principal | undefined {
  const entries = tokens.map(({ hash, tenant, subject, tools }) => ({
    digest: Buffer.from(hash.replace(/^sha256:/, ''), 'hex'),
    principal: Object.freeze({ tenant, subject, ...defined({ tools }) }),
  }));
  return (token) => {
    const digest = digestOf(token);
    let found: Principal | undefined;
    for (const entry of entries) {
      if (timingSafeEqual(entry.digest, digest)) found = entry.principal;
    }
    return found;
  };
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
