import type { Clock } from '../../core/clock.ts';

/** More than any key set or introspection response needs. */
const bodyBytesMax = 512 * 1_024;

export type FetchFunction = (url: string, init: RequestInit) => Promise<Response>;

/** An issuer did not respond as it must. The message is a fixed text that quotes neither request nor response. */
export class FetchFault extends Error {}

/**
 * Limits requests to an issuer for the libraries that make them: in time, in bytes, to status 200 and without
 * redirects. Reads the whole response.
 * @throws FetchFault
 */
export function boundedFetch(
  timeoutMs: number,
  { fetch, clock }: { fetch: FetchFunction; clock: Clock },
): FetchFunction {
  return async (url, init) => {
    const controller = new AbortController();
    const cancel = clock.after(timeoutMs, () => controller.abort());
    try {
      const response = await fetch(url, { ...init, redirect: 'error', signal: controller.signal });
      if (response.status !== 200) {
        await response.body?.cancel();
        throw new FetchFault(`it responded with status ${response.status}`);
      }
      // The Content-Type is not passed on: the libraries get JSON or nothing.
      return new Response(await textOf(response), { headers: { 'content-type': 'application/json' } });
    } catch (error) {
      if (error instanceof FetchFault) throw error;
      throw new FetchFault(controller.signal.aborted ? `no response within ${timeoutMs} ms` : 'it cannot be reached');
    } finally {
      cancel();
    }
  };
}

async function textOf(response: Response): Promise<string> {
  if (response.body === null) return '';
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    // Leaving the loop closes the connection.
    if (bytes > bodyBytesMax) throw new FetchFault(`its response is larger than ${bodyBytesMax} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
