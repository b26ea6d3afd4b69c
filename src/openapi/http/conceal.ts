import type { Authenticator } from './auth.ts';
import type { HttpRequest, HttpResponse } from './types.ts';

/** Headers whose values may be secrets of the configuration. */
const secretHeader = /auth|key|token|secret|cookie|password|credential|session/i;
/** What a secret has at least, in characters, for it to be looked for in an answer: shorter text is in any of them. */
const secretCharsMin = 8;
/** The same in a message, which is short; what has fewer would take letters out of words. */
const toldSecretCharsMin = 4;
const hidden = '***';

/** Takes secrets out of text: the credentials', and those of a request's own headers. */
export function concealerOf(authenticator: Authenticator, request: HttpRequest): (text: string) => string {
  const headers = Object.entries(request.headers).filter(([name]) => secretHeader.test(name));
  const own = headers.map(([, value]) => value);
  return (text) => {
    const secrets = [...authenticator.secrets(), ...own];
    return concealed(
      text,
      secrets.filter(({ length }) => length >= toldSecretCharsMin),
    );
  };
}

/** An API may echo what it was sent with (a link to the next page holds the key of the query): no model sees that. */
export function concealAnswer(authenticator: Authenticator, answer: HttpResponse): HttpResponse {
  const secrets = authenticator.secrets().filter((secret) => secret.length >= secretCharsMin);
  const headers = Object.fromEntries(
    Object.entries(answer.headers).map(([name, value]) => [name, concealed(value, secrets)]),
  );
  const isEchoed = secrets.some((secret) => answer.body.includes(secret));
  // One byte, one character: what is no text stays as it is.
  const body = isEchoed
    ? Buffer.from(concealed(answer.body.toString('latin1'), secrets.map(asLatin1)), 'latin1')
    : answer.body;
  return { ...answer, headers, body };
}

function asLatin1(secret: string): string {
  return Buffer.from(secret).toString('latin1');
}

/** The longest first: one secret may hold another. */
function concealed(text: string, secrets: readonly string[]): string {
  const longestFirst = [...secrets].sort((a, b) => b.length - a.length);
  return longestFirst.reduce((rest, secret) => rest.replaceAll(secret, hidden), text);
}
