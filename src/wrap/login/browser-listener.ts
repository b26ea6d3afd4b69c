import { timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { McpOnceError } from '../../core/errors.ts';

/** The callback that a login expects. */
interface ExpectedCallback {
  readonly state: string;
  /** Returns whether the response may come from the server that was asked (RFC 9207); null for one that names no issuer. */
  isFrom(issuer: string | null): boolean;
  /** The time limit, in ms. */
  readonly boundMs: number;
}

/** Receives the browser after a login. */
export interface BrowserListener {
  readonly url: string;
  /**
   * Waits for the authorization code. Call it before the browser opens the login page.
   *
   * @throws McpOnceError when the login was refused, or the browser did not come back in time.
   */
  code(expected: ExpectedCallback): Promise<string>;
  close(): void;
}

const path = '/callback';

/**
 * Listens on 127.0.0.1 (RFC 8252, 7.3): on the port that the client is registered with, or on a free one.
 *
 * @param registered the redirect URIs of the registered client.
 */
export async function listenForBrowser(registered: readonly string[] = []): Promise<BrowserListener> {
  const server = createServer();
  const port = await listen(server, portOf(registered));
  return {
    url: `http://127.0.0.1:${port}${path}`,
    code: (expected) => codeFrom(server, expected),
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function listen(server: Server, wanted: number): Promise<number> {
  for (const port of wanted === 0 ? [0] : [wanted, 0]) {
    server.listen(port, '127.0.0.1');
    // Another program may use the port. The client then registers again.
    const isListening = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    const address = server.address();
    if (isListening && address !== null && typeof address === 'object') return address.port;
  }
  throw new McpOnceError('upstream_unavailable', 'no port of 127.0.0.1 is free for the login callback');
}

function portOf(registered: readonly string[]): number {
  const ours = registered.find((each) => URL.canParse(each) && new URL(each).hostname === '127.0.0.1');
  return ours === undefined ? 0 : Number(new URL(ours).port);
}

function codeFrom(server: Server, expected: ExpectedCallback): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      clearTimeout(bound);
      reject(new McpOnceError('upstream_unavailable', why));
    };
    const bound = setTimeout(() => fail('the browser did not come back in time'), expected.boundMs).unref();
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const callback = callbackIn(request, expected);
      if (callback === undefined) {
        end(response, 400, 'This page does not belong to a login that mcp-once has started. Nothing was done.');
      } else if ('error' in callback) {
        end(response, 400, 'The login was refused. You can close this page.');
        fail(`the login was refused (${callback.error})`);
      } else {
        end(
          response,
          200,
          'mcp-once has received the response. See the terminal for the result. You can close this page.',
        );
        clearTimeout(bound);
        resolve(callback.code);
      }
    });
  });
}

type LoginCallback = { readonly code: string } | { readonly error: string };

/** Reads the callback in a request; undefined for other requests, because any page can send a browser here. */
function callbackIn({ url, method }: IncomingMessage, { state, isFrom }: ExpectedCallback): LoginCallback | undefined {
  const asked = `http://127.0.0.1${url}`;
  if (method !== 'GET' || !URL.canParse(asked)) return undefined;
  const { pathname, searchParams } = new URL(asked);
  if (pathname !== path || !isSame(searchParams.get('state') ?? '', state)) return undefined;
  if (!isFrom(searchParams.get('iss'))) return { error: 'the response comes from another server' };
  const code = searchParams.get('code');
  if (code) return { code };
  const error = searchParams.get('error') ?? '';
  return { error: /^\w{1,64}$/.test(error) ? error : 'no reason given' };
}

function isSame(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function end(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'no-store',
    connection: 'close',
  });
  response.end(`${text}\n`);
}
