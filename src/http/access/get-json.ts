import type { Clock } from '../../core/clock.ts';

/** More than any key set or introspection answer needs. */
const bodyBytesMax = 512 * 1_024;

export type FetchFunction = (url: string, init: RequestInit) => Promise<Response>;

export interface JsonRequest {
  readonly url: string;
  readonly timeoutMs: number;
  readonly init?: RequestInit;
}

export type JsonResult =
  | { readonly ok: true; readonly value: unknown }
  /** `why` is a text of ours: it quotes nothing of request or answer. */
  | { readonly ok: false; readonly why: string };

/** A JSON document within a time and a size. Follows no redirect. Never rejects. */
export async function getJson(request: JsonRequest, fetch: FetchFunction, clock: Clock): Promise<JsonResult> {
  const { url, timeoutMs, init } = request;
  const controller = new AbortController();
  const cancel = clock.after(timeoutMs, () => controller.abort());
  try {
    const response = await fetch(url, { ...init, redirect: 'error', signal: controller.signal });
    if (response.status !== 200) {
      await response.body?.cancel();
      return { ok: false, why: `it answered with status ${response.status}` };
    }
    const text = await textOf(response);
    if (text === undefined) return { ok: false, why: 'its answer is too large' };
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    if (controller.signal.aborted) return { ok: false, why: `no answer within ${timeoutMs} ms` };
    return { ok: false, why: error instanceof SyntaxError ? 'its answer is not JSON' : 'it cannot be reached' };
  } finally {
    cancel();
  }
}

async function textOf(response: Response): Promise<string | undefined> {
  if (response.body === null) return '';
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    // Leaving the loop closes the connection.
    if (bytes > bodyBytesMax) return undefined;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
