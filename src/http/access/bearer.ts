/** Longer tokens are refused unread, in characters: 16 KiB is what Node takes of all headers by default. */
const tokenCharsMax = 16 * 1_024;
/** RFC 6750, 2.1: `b64token`. */
const tokenText = /^[A-Za-z0-9\-._~+/]+=*$/;

export type Bearer =
  | { readonly type: 'token'; readonly token: string }
  | { readonly type: 'none' }
  | { readonly type: 'malformed'; readonly why: string };

/**
 * The token of a request: of its one `Authorization` header, and of no other place. Of two such headers
 * a proxy may have checked the other one, so that neither counts.
 */
export function bearerOf(headers: Readonly<Record<string, string | readonly string[] | undefined>>): Bearer {
  const given = Object.entries(headers).flatMap(([name, value]) =>
    name.toLowerCase() === 'authorization' && value !== undefined ? value : [],
  );
  const [value, ...more] = given;
  if (value === undefined) return { type: 'none' };
  if (more.length > 0) return { type: 'malformed', why: 'there is more than one Authorization header' };
  if (value.length > tokenCharsMax) return { type: 'malformed', why: 'the Authorization header is too long' };
  const scheme = /^(\S+)(?: +|$)/.exec(value)?.[1] ?? '';
  if (scheme.toLowerCase() !== 'bearer') return { type: 'none' };
  const token = value.slice(scheme.length).trim();
  if (!tokenText.test(token)) return { type: 'malformed', why: 'the Authorization header holds no bearer token' };
  return { type: 'token', token };
}
