import { Agent, fetch as undiciFetch } from 'undici';

let agent: Agent | undefined;

const redirectsMax = 5;
/** The request goes there as it is (RFC 9110, sections 15.4.8 and 15.4.9). */
const sameElsewhere = new Set([307, 308]);
/** Not for another origin, as the Fetch standard has it. */
const credentials = ['authorization', 'cookie', 'proxy-authorization'];

/**
 * `fetch` that waits as long as the caller does: a tool may run for longer than the 5 min after which the
 * built-in one gives an answer up, and an event stream may say nothing for as long. A POST follows only redirects
 * that leave it one: after a 303, say, it has been executed, and the status of what is read next says nothing of it.
 */
export async function patientFetch(url: string | URL, init?: RequestInit): Promise<Response> {
  if (init?.method !== 'POST') return send(url, init);
  const headers = new Headers(init.headers);
  let target = new URL(url);
  for (let redirects = 0; ; redirects += 1) {
    const response = await send(target, { ...init, headers, redirect: 'manual' });
    const location = response.headers.get('location') ?? '';
    const isOver = !sameElsewhere.has(response.status) || redirects === redirectsMax;
    if (isOver || !URL.canParse(location, target.href)) return response;
    await response.body?.cancel();
    const next = new URL(location, target);
    if (next.origin !== target.origin) for (const name of credentials) headers.delete(name);
    target = next;
  }
}

async function send(url: string | URL, init?: RequestInit): Promise<Response> {
  agent ??= new Agent({ headersTimeout: 0, bodyTimeout: 0, connectTimeout: 10_000 });
  const options = { ...init, dispatcher: agent } as unknown as Parameters<typeof undiciFetch>[1];
  return (await undiciFetch(url, options)) as unknown as Response;
}
