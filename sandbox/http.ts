import type { IncomingMessage, ServerResponse } from 'node:http';
import { ApiError } from './api-error.ts';
import { limits } from './limits.ts';

/** A complete request with its body. */
export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: IncomingMessage['headers'];
  readonly bodyText: string;
}

/**
 * A response: an answer, a closed connection, or an answer that is cut off within its body.
 */
export type SandboxResponse =
  | {
      readonly kind: 'answer' | 'cut';
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly bodyText: string;
    }
  | { readonly kind: 'drop' };

/** Reads a complete request. @throws ApiError 403 for another host or origin, 413 or 414 when too large. */
export async function receive(request: IncomingMessage): Promise<ReceivedRequest> {
  const url = request.url ?? '/';
  if (url.length > limits.urlBytesMax) throw tooLarge(414, 'The URL is too long.');
  if (!isLocal(request)) {
    throw new ApiError(
      403,
      { type: 'invalid_request_error', message: 'The sandbox answers requests to 127.0.0.1 or localhost only.' },
      'none',
    );
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > limits.bodyBytesMax)
      throw tooLarge(413, `The body is too large: at most ${limits.bodyBytesMax} bytes are taken.`);
    chunks.push(chunk);
  }
  const mark = url.indexOf('?');
  return {
    method: request.method ?? 'GET',
    path: mark === -1 ? url : url.slice(0, mark),
    query: mark === -1 ? '' : url.slice(mark + 1),
    headers: request.headers,
    bodyText: Buffer.concat(chunks).toString('utf8'),
  };
}

/** Sends the response, or closes the connection. */
export function sendResponse(response: ServerResponse, reply: SandboxResponse): void {
  if (reply.kind === 'drop') {
    response.destroy();
    return;
  }
  const bytes = Buffer.from(reply.bodyText);
  response.writeHead(reply.status, { ...reply.headers, 'content-length': bytes.length });
  if (reply.kind === 'answer') response.end(bytes);
  // Destroyed only after this part is sent, so that the client has the head.
  else response.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => response.destroy());
}

/** Returns a JSON response of the sandbox itself, not of the API. */
export function jsonResponse(status: number, body: object): SandboxResponse {
  return { kind: 'answer', status, headers: { 'content-type': 'application/json' }, bodyText: JSON.stringify(body) };
}

/** Reads the API key from Bearer or Basic authentication. @throws ApiError 401, never saved under a key. */
export function apiKeyOf(authorization: string | undefined): string {
  const [scheme = '', credentials = ''] = (authorization ?? '').split(/\s+/, 2);
  const given =
    scheme.toLowerCase() === 'bearer'
      ? credentials
      : scheme.toLowerCase() === 'basic'
        ? (Buffer.from(credentials, 'base64').toString().split(':', 1)[0] ?? '')
        : '';
  if (given === '') {
    throw unauthorized(
      'You did not provide an API key. Provide it in the Authorization header, as Bearer or as the user name of Basic authentication; for the sandbox, any key such as sk_test_sandbox.',
    );
  }
  if (!/^[sr]k_\w{1,250}$/.test(given))
    throw unauthorized('Invalid API Key provided. Any key that begins with sk_test_ will do.');
  return given;
}

export function unauthorized(message: string): ApiError {
  return new ApiError(401, { type: 'invalid_request_error', message }, 'none');
}

/** Returns the refusal of an account, named by the `Stripe-Account` header, that is not the key's own. */
export function foreignAccount(id: string): ApiError {
  return new ApiError(
    403,
    {
      type: 'invalid_request_error',
      code: 'account_invalid',
      message: `The provided key does not have access to account '${id.slice(0, 100)}' (or that account does not exist).`,
    },
    'none',
  );
}

/** Guards against web pages: DNS rebinding by another host name, and requests from another origin. */
function isLocal(request: IncomingMessage): boolean {
  const host = (request.headers.host ?? '').replace(/:\d+$/, '');
  if (host !== '127.0.0.1' && host !== 'localhost') return false;
  const origin = request.headers.origin;
  return origin === undefined || origin === `http://${request.headers.host}`;
}

function tooLarge(status: number, message: string): ApiError {
  return new ApiError(status, { type: 'invalid_request_error', message }, 'none');
}
