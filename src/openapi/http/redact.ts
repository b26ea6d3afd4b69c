import type { Authenticator } from './authenticator.ts';
import type { HttpRequest, HttpResponse } from './types.ts';

/** Names of request headers whose values may be secrets from the configuration. */
const secretHeader = /auth|key|token|secret|cookie|password|credential|session/i;
/** Shorter secrets are not replaced in responses, in characters: their text also occurs by chance. */
const responseSecretCharsMin = 8;
/** Shorter secrets are not replaced in messages, in characters: that would remove letters from words. */
const messageSecretCharsMin = 4;
const replacement = '***';

/** Returns a function that replaces credentials, and the secrets in a request's own headers, in a text. */
export function createRedactor(authenticator: Authenticator, request: HttpRequest): (text: string) => string {
  const headers = Object.entries(request.headers).filter(([name]) => secretHeader.test(name));
  const own = headers.map(([, value]) => value);
  return (text) => {
    const secrets = [...authenticator.secrets(), ...own];
    return replaceSecrets(
      text,
      secrets.filter(({ length }) => length >= messageSecretCharsMin),
    );
  };
}

/** Replaces secrets in a response. An API may echo them, for example in a link to the next page. */
export function redactResponse(authenticator: Authenticator, response: HttpResponse): HttpResponse {
  const secrets = authenticator.secrets().filter((secret) => secret.length >= responseSecretCharsMin);
  const headers = Object.fromEntries(
    Object.entries(response.headers).map(([name, value]) => [name, replaceSecrets(value, secrets)]),
  );
  const isEchoed = secrets.some((secret) => response.body.includes(secret));
  // Latin-1 maps each byte to one character, so binary data stays unchanged.
  const body = isEchoed
    ? Buffer.from(replaceSecrets(response.body.toString('latin1'), secrets.map(asLatin1)), 'latin1')
    : response.body;
  return { ...response, headers, body };
}

function asLatin1(secret: string): string {
  return Buffer.from(secret).toString('latin1');
}

/** Replaces the longest secret first, because one secret may contain another. */
function replaceSecrets(text: string, secrets: readonly string[]): string {
  const longestFirst = [...secrets].sort((a, b) => b.length - a.length);
  return longestFirst.reduce((rest, secret) => rest.replaceAll(secret, replacement), text);
}
