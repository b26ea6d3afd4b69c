import { Agent, fetch as undiciFetch } from 'undici';

let agent: Agent | undefined;

/**
 * `fetch` that waits as long as the caller does: a tool may run for longer than the 5 min after which the
 * built-in one gives an answer up, and an event stream may say nothing for as long. It follows redirects as it is
 * told: the SDK follows those that leave a request what it is, within its origin, and hands any other back.
 */
export async function patientFetch(url: string | URL, init?: RequestInit): Promise<Response> {
  agent ??= new Agent({ headersTimeout: 0, bodyTimeout: 0, connectTimeout: 10_000 });
  const options = { ...init, dispatcher: agent } as unknown as Parameters<typeof undiciFetch>[1];
  return (await undiciFetch(url, options)) as unknown as Response;
}
