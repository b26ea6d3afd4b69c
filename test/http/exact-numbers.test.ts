import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { parseJson } from '../../src/core/exact-json.ts';
import { parseBody } from '../../src/http/body.ts';
import { writeResponse } from '../../src/http/node-http.ts';

test.each([
  ['JSON', (message: unknown) => Response.json(message)],
  ['an event stream', (message: unknown) => new Response(`id: 1\ndata: ${JSON.stringify(message)}\n\n`)],
])('digits of a long number come in by a body and go out in %s', async (_, respond) => {
  const server = createServer(async (request, response) => {
    const read = parseBody(1_000);
    const answer = await read({ request, response, method: 'POST' } as Parameters<typeof read>[0], async (exchange) =>
      respond({ got: exchange.body, own: parseJson('18446744073709551615') }),
    );
    await writeResponse(response, answer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const body = '{"id":1234567890123456789,"text":"ü"}';
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers, body });
  expect(await response.text()).toContain(`{"got":${body},"own":18446744073709551615}`);
});
