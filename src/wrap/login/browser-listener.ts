import { timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { McpOnceError } from '../../core/errors.ts';

/** What the browser must bring. */
interface ExpectedCallback {
  readonly state: string;
  /** Who answers, where that is known (RFC 9207). */
  issuer(): string | undefined;
  /** How long it is waited for, in ms. */
  readonly boundMs: number;
}

/** Where a browser comes back to after a login. */
export interface BrowserListener {
  readonly url: string;
  /** The authorization code: to be asked for before the browser is sent away. @throws McpOnceError when the login was refused, or nobody came. */
  code(expected: ExpectedCallback): Promise<string>;
  close(): void;
}

const path = '/callback';

/**
 * Listens on 127.0.0.1 (RFC 8252, 7.3) on a free port, or where a client that is registered already did.
 * @param registered the places that it is registered with.
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
    // Somebody else may have the port now: then the client is registered anew.
    const isListening = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    const address = server.address();
    if (isListening && address !== null && typeof address === 'object') return address.port;
  }
  throw new McpOnceError('upstream_unavailable', 'no port of 127.0.0.1 is free for the browser to come back to');
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
      const answer = answerIn(request, expected);
      if (answer === undefined) {
        end(response, 400, 'This is not the answer to the login that mcp-once has asked for. Nothing was done.');
      } else if ('error' in answer) {
        end(response, 400, 'The login was refused. You may close this page.');
        fail(`the login was refused (${answer.error})`);
      } else {
        end(response, 200, 'mcp-once has the answer; the terminal says whether the login worked. Close this page.');
        clearTimeout(bound);
        resolve(answer.code);
      }
    });
  });
}

type BrowserAnswer = { readonly code: string } | { readonly error: string };

/** Undefined where it answers nothing that was asked: any page can send a browser here. */
function answerIn({ url, method }: IncomingMessage, { state, issuer }: ExpectedCallback): BrowserAnswer | undefined {
  const asked = `http://127.0.0.1${url}`;
  if (method !== 'GET' || !URL.canParse(asked)) return undefined;
  const { pathname, searchParams } = new URL(asked);
  if (pathname !== path || !isSame(searchParams.get('state') ?? '', state)) return undefined;
  const by = searchParams.get('iss');
  const known = issuer();
  if (by !== null && known !== undefined && by !== known) return { error: 'another server has answered' };
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
