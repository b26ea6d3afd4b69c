import { createReadStream } from 'node:fs';
import { describeError, isErrnoException } from '../../core/errors.ts';
import { isPrivateHost } from '../http/addresses.ts';

/** A text that was read, and the address that it came from in the end. */
interface FetchedText {
  readonly text: string;
  /** After redirects. */
  readonly url: string;
}

/** Gets one text of at most `bytesMax` bytes over HTTP. @throws TextUnread */
export type FetchText = (url: URL, bytesMax: number) => Promise<FetchedText>;

/** Why a text could not be read, in words whose subject is the text: "it does not exist". */
export class TextUnread extends Error {}

const redirectsMax = 5;
const fetchMs = 30_000;

/** The text of a file. @throws TextUnread */
export async function readFileText(path: string, bytesMax: number): Promise<string> {
  try {
    return await readStream(createReadStream(path, { highWaterMark: 1024 * 1024 }), bytesMax);
  } catch (error) {
    if (!isErrnoException(error) || error instanceof TextUnread) throw error;
    if (error.code === 'ENOENT') throw new TextUnread('it does not exist: check its path', { cause: error });
    if (error.code === 'EISDIR') throw new TextUnread('it is a folder: name the document in it', { cause: error });
    throw new TextUnread(`it cannot be read (${error.code})`, { cause: error });
  }
}

/** All that a stream gives, as UTF-8; stops reading past the bound. @throws TextUnread */
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
 * Makes the way over HTTP: up to five redirects, never from https to http, never to a host that `mayFollow`
 * refuses, and to a private address only where the first one was of the same host or `allowPrivate` is set.
 * Credentials in the address become a header, which another origin does not get. 30 s for all of it.
 */
export function createFetchText(allowPrivate: boolean, mayFollow: (url: URL) => boolean = () => true): FetchText {
  return async (first, bytesMax) => {
    const signal = AbortSignal.timeout(fetchMs);
    let url = first;
    for (let redirects = 0; redirects <= redirectsMax; redirects += 1) {
      const answer = await get(url, url.origin === first.origin ? first : undefined, signal);
      const location = answer.status >= 300 && answer.status < 400 ? answer.headers.get('location') : null;
      if (location === null) return { url: withoutCredentials(url).href, text: await textOf(answer, bytesMax, signal) };
      await answer.body?.cancel();
      url = await next(url, location, { first, allowPrivate, mayFollow });
    }
    throw new TextUnread(`it is redirected more than ${redirectsMax} times`);
  };
}

/** The same address without user name and password. */
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

async function textOf(answer: Response, bytesMax: number, signal: AbortSignal): Promise<string> {
  if (!answer.ok) {
    await answer.body?.cancel();
    throw new TextUnread(`its server answers ${answer.status}: ${adviceFor(answer.status)}`);
  }
  try {
    return answer.body === null ? '' : await readStream(answer.body, bytesMax);
  } catch (error) {
    if (error instanceof TextUnread) throw error;
    throw unreachable(error, signal);
  }
}

function unreachable(error: unknown, signal: AbortSignal): TextUnread {
  if (signal.aborted) return new TextUnread(`it did not come within ${fetchMs / 1000} s`, { cause: error });
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = isErrnoException(cause) ? String(cause.code) : describeError(cause);
  const reason = Object.hasOwn(reasons, code) ? reasons[code] : undefined;
  return new TextUnread(reason ? `${reason} (${code})` : `it cannot be fetched (${code})`, { cause: error });
}

/** By the code or the message of the fault. */
const reasons: Readonly<Record<string, string>> = {
  ENOTFOUND: 'the host in its address is not known: check the address',
  EAI_AGAIN: 'the host in its address cannot be looked up now: check the address and the network',
  ECONNREFUSED: 'its server takes no connection: check the address, and that the server runs',
  ECONNRESET: 'its server broke the connection off: try again',
  // Of the list of ports that no browser fetches from (WHATWG Fetch, "port blocking").
  'bad port': 'the port in its address is one that HTTP must not use: check the address, or save it as a file',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate of its server is not trusted: set NODE_EXTRA_CA_CERTS to its file',
  SELF_SIGNED_CERT_IN_CHAIN: 'the certificate of its server is not trusted: set NODE_EXTRA_CA_CERTS to its file',
};

function adviceFor(status: number): string {
  if (status === 401 || status === 403) {
    return 'put user and password into the address (https://user:password@host/...), or save the document as a file';
  }
  return status < 500 ? 'check the address' : 'try again later, or save the document as a file';
}

interface RedirectRules {
  readonly first: URL;
  readonly allowPrivate: boolean;
  readonly mayFollow: (url: URL) => boolean;
}

async function next(from: URL, location: string, rules: RedirectRules): Promise<URL> {
  const to = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  const isSafer = to?.protocol === 'https:' || (to?.protocol === 'http:' && from.protocol === 'http:');
  if (to === undefined || !isSafer) throw new TextUnread('it is redirected to an address that is no https URL');
  if (!rules.mayFollow(to)) throw new TextUnread('it is redirected to a host that is not allowed');
  if (to.hostname !== rules.first.hostname && !rules.allowPrivate && (await isPrivateHost(to.hostname, 'some'))) {
    throw new TextUnread('it is redirected to a private address, which is not allowed');
  }
  return to;
}
