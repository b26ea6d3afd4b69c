import { createReadStream } from 'node:fs';
import { isPrivateHost } from '../../core/addresses.ts';
import { describeError, isErrnoException } from '../../core/errors.ts';

/** A downloaded text and where it came from. */
interface FetchedText {
  readonly text: string;
  /** The URL after redirects, without credentials. */
  readonly url: string;
}

/** Downloads one text of at most `bytesMax` bytes. @throws TextUnread */
export type FetchText = (url: URL, bytesMax: number) => Promise<FetchedText>;

/** A text could not be read. The subject of the message is the text: "it does not exist". */
export class TextUnread extends Error {}

const redirectsMax = 5;
const fetchMs = 30_000;

/** Reads a file as UTF-8. @throws TextUnread */
export async function readFileText(path: string, bytesMax: number): Promise<string> {
  try {
    return await readStream(createReadStream(path, { highWaterMark: 1024 * 1024 }), bytesMax);
  } catch (error) {
    if (!isErrnoException(error) || error instanceof TextUnread) throw error;
    if (error.code === 'ENOENT') throw new TextUnread('it does not exist: check its path', { cause: error });
    if (error.code === 'EISDIR') throw new TextUnread('it is a folder: give the path of a file', { cause: error });
    throw new TextUnread(`it cannot be read (${error.code})`, { cause: error });
  }
}

/** Reads a stream to its end as UTF-8, and stops once it is longer than `bytesMax`. @throws TextUnread */
export async function readStream(stream: AsyncIterable<Uint8Array | string>, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    const buffer =
      typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    bytes += buffer.length;
    if (bytes > bytesMax) throw new TextUnread(`it is larger than ${Math.floor(bytesMax / 1024 / 1024)} MiB`);
    chunks.push(buffer);
  }
  return Buffer.concat(chunks, bytes).toString('utf8');
}

/**
 * Creates a function that downloads texts within 30 s. It follows up to five redirects, never from https to http, never
 * to a host that `mayFollow` rejects, and to a private address on another host only if `allowPrivate` is set. User name
 * and password in the URL become a header that only the URL's own origin gets.
 */
export function createFetchText(allowPrivate: boolean, mayFollow: (url: URL) => boolean = () => true): FetchText {
  return async (first, bytesMax) => {
    const signal = AbortSignal.timeout(fetchMs);
    let url = first;
    for (let redirects = 0; redirects <= redirectsMax; redirects += 1) {
      const response = await get(url, url.origin === first.origin ? first : undefined, signal);
      const location = response.status >= 300 && response.status < 400 ? response.headers.get('location') : null;
      if (location === null)
        return { url: withoutCredentials(url).href, text: await textOf(response, bytesMax, signal) };
      await response.body?.cancel();
      url = await redirectTarget(url, location, { first, allowPrivate, mayFollow });
    }
    throw new TextUnread(`it redirects more than ${redirectsMax} times`);
  };
}

/** Returns the URL without user name and password. */
export function withoutCredentials(url: URL): URL {
  const clean = new URL(url);
  clean.username = '';
  clean.password = '';
  return clean;
}

async function get(url: URL, credentials: URL | undefined, signal: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { accept: 'application/json, application/yaml, text/yaml, */*;q=0.5' };
  if (credentials?.username) {
    const pair = `${decodeURIComponent(credentials.username)}:${decodeURIComponent(credentials.password)}`;
    headers.authorization = `Basic ${Buffer.from(pair).toString('base64')}`;
  }
  try {
    return await fetch(withoutCredentials(url), { headers, redirect: 'manual', signal });
  } catch (error) {
    throw unreachable(error, signal);
  }
}

async function textOf(response: Response, bytesMax: number, signal: AbortSignal): Promise<string> {
  if (!response.ok) {
    await response.body?.cancel();
    throw new TextUnread(`the server answered ${response.status}: ${adviceFor(response.status)}`);
  }
  try {
    return response.body === null ? '' : await readStream(response.body, bytesMax);
  } catch (error) {
    if (error instanceof TextUnread) throw error;
    throw unreachable(error, signal);
  }
}

function unreachable(error: unknown, signal: AbortSignal): TextUnread {
  if (signal.aborted) return new TextUnread(`the download did not finish within ${fetchMs / 1000} s`, { cause: error });
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = isErrnoException(cause) ? String(cause.code) : describeError(cause);
  const reason = Object.hasOwn(reasons, code) ? reasons[code] : undefined;
  return new TextUnread(reason ? `${reason} (${code})` : `the download failed (${code})`, { cause: error });
}

/** By the code of the error, or by its message where it has no code. */
const reasons: Readonly<Record<string, string>> = {
  ENOTFOUND: 'the host is unknown: check the URL',
  EAI_AGAIN: 'the host could not be looked up: check the URL and the network',
  ECONNREFUSED: 'the server refused the connection: check the URL, and that the server is running',
  ECONNRESET: 'the server closed the connection: try again',
  // `fetch` blocks some ports (WHATWG Fetch, "port blocking").
  'bad port': 'the port in the URL is blocked for HTTP: check the URL, or save the document as a file',
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'the certificate of the server is not trusted: set NODE_EXTRA_CA_CERTS to the file of its CA certificate',
  SELF_SIGNED_CERT_IN_CHAIN:
    'the certificate of the server is not trusted: set NODE_EXTRA_CA_CERTS to the file of its CA certificate',
};

function adviceFor(status: number): string {
  if (status === 401 || status === 403) {
    return 'put the user name and password into the URL (https://user:password@host/...), or save the document as a file';
  }
  return status < 500 ? 'check the URL' : 'try again later, or save the document as a file';
}

interface RedirectRules {
  readonly first: URL;
  readonly allowPrivate: boolean;
  readonly mayFollow: (url: URL) => boolean;
}

async function redirectTarget(from: URL, location: string, rules: RedirectRules): Promise<URL> {
  const to = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  const isSafer = to?.protocol === 'https:' || (to?.protocol === 'http:' && from.protocol === 'http:');
  if (to === undefined || !isSafer) throw new TextUnread('it redirects to an address that is not an https URL');
  if (!rules.mayFollow(to)) throw new TextUnread('it redirects to a host that is not allowed');
  if (to.hostname !== rules.first.hostname && !rules.allowPrivate && (await isPrivateHost(to.hostname, 'some'))) {
    throw new TextUnread('it redirects to a private address, which is not allowed');
  }
  return to;
}
