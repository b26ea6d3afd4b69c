import { knownScopes, resourceMetadata } from './metadata.ts';
import type { OAuthSettings } from './settings.ts';
import type { Refusal } from './types.ts';

/** The responses to callers that are not admitted. */
export interface Refusals {
  noToken(): Refusal;
  malformed(why: string): Refusal;
  invalid(why: string, detail?: string): Refusal;
  insufficient(scopes: readonly string[]): Refusal;
  unavailable(): Refusal;
}

/**
 * Creates refusals with the `WWW-Authenticate` header of RFC 6750 (3). With OAuth it also names the metadata's URL and
 * the scopes to request (RFC 9728, 5.1; MCP, authorization).
 */
export function createRefusals(oauth: OAuthSettings | undefined): Refusals {
  const challenge = (fields: Readonly<Record<string, string>>, scopes: readonly string[]) => {
    const all = {
      ...(oauth === undefined ? { realm: 'mcp-once' } : { resource_metadata: resourceMetadata(oauth).url }),
      ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }),
      ...fields,
    };
    const text = Object.entries(all).map(([name, value]) => `${name}="${value.replace(/["\\]/g, '')}"`);
    return { 'www-authenticate': `Bearer ${text.join(', ')}` };
  };
  const needed = oauth === undefined ? [] : knownScopes(oauth);
  return {
    noToken: () => refused(401, challenge({}, needed), 'A bearer token is required. Nothing was executed.'),
    malformed: (why) => refused(400, challenge({ error: 'invalid_request', error_description: why }, []), why),
    invalid: (why, detail) => {
      const refusal = refused(401, challenge({ error: 'invalid_token', error_description: why }, needed), why);
      return detail === undefined ? refusal : { ...refusal, detail };
    },
    insufficient: (scopes) =>
      refused(
        403,
        challenge({ error: 'insufficient_scope' }, scopes),
        `The token lacks required scopes. It needs: ${scopes.join(' ')}. Nothing was executed.`,
      ),
    unavailable: () =>
      refused(503, { 'retry-after': '5' }, 'Tokens cannot be checked now. Nothing was executed. Try again later.'),
  };
}

function refused(status: number, headers: Readonly<Record<string, string>>, message: string): Refusal {
  const text = `${message.charAt(0).toUpperCase()}${message.slice(1)}`;
  return { type: 'refused', status, headers, message: text.endsWith('.') ? text : `${text}.` };
}
