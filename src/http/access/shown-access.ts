import type { FileAccess } from './config.ts';

/** As it may be shown: without the hashes, which give away a token that somebody chose. */
export function shownAccess({ tokens, ...rest }: FileAccess): Record<string, unknown> {
  return {
    tokens: tokens.map((each) => ({ ...each, hash: `${each.hash.slice(0, 'sha256:'.length + 8)}***` })),
    ...rest,
  };
}
