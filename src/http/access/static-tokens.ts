import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { StaticToken } from './settings.ts';
import type { Principal } from './types.ts';

/** Tells tokens of our own making apart, for people, for scanners, and so that none is sent to an issuer. */
const tokenPrefix = 'mcponce_';

/** A new token of 256 random bits, and what the configuration holds of it. */
export function createToken(): { readonly token: string; readonly hash: string } {
  const token = `${tokenPrefix}${randomBytes(32).toString('base64url')}`;
  return { token, hash: `sha256:${digestOf(token).toString('hex')}` };
}

/** True for what cannot be another issuer's token. */
export function isOwnToken(token: string): boolean {
  return token.startsWith(tokenPrefix);
}

/** Finds whose token it is. Looks at every entry, so that time tells nothing of which ones there are. */
export function createTokenLookup(tokens: readonly StaticToken[]): (token: string) => Principal | undefined {
  const entries = tokens.map(({ hash, tenant, subject, tools }) => ({
    digest: Buffer.from(hash.replace(/^sha256:/, ''), 'hex'),
    principal: Object.freeze({ tenant, subject, ...(tools === undefined ? {} : { tools }) }),
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
