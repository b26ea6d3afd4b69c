import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { defineTool, z } from 'mcp-once';
import { expect, test } from 'vitest';
import { describeForCaller } from '../../../src/core/call/faults.ts';
import { refusalOf, testEngine } from '../../support/engine.ts';

const coded = (message: string, code: string) => Object.assign(new Error(message), { code });
const fetchFailed = (cause: Error) => new TypeError('fetch failed', { cause });

test.each([
  [fetchFailed(coded('connect ECONNREFUSED 127.0.0.1:80', 'ECONNREFUSED')), 'the connection was refused'],
  [fetchFailed(coded('getaddrinfo ENOTFOUND shop.test', 'ENOTFOUND')), 'the host name is not known'],
  [fetchFailed(coded('other side closed', 'UND_ERR_SOCKET')), 'the connection broke'],
  [fetchFailed(coded('Headers Timeout Error', 'UND_ERR_HEADERS_TIMEOUT')), 'no answer came in time'],
  [coded('read ECONNRESET', 'ECONNRESET'), 'the connection broke'],
  [coded('socket hang up', 'ECONNRESET'), 'the connection broke'],
  [
    new Error('shop: fetch failed: connect ECONNREFUSED 10.0.0.5:80', { cause: coded('x', 'ECONNREFUSED') }),
    'shop: the connection was refused',
  ],
  [new Error('the tracker said no', { cause: coded('x', 'ECONNRESET') }), 'the tracker said no'],
  [new Error('HTTP 500'), 'HTTP 500'],
])('describes %o without the code of a socket', (error, words) => {
  expect(describeForCaller(error)).toBe(words);
});

const parts = { title: 'T', description: 'D', input: z.object({}), output: z.object({}) };

test('a read that fails says neither codes and addresses of sockets nor sentences of zod', async () => {
  const closed = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => closed.once('listening', resolve));
  const { port } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  const away = defineTool({
    ...parts,
    name: 'away',
    effect: 'read',
    run: async () => (await fetch(`http://127.0.0.1:${port}`)).json() as never,
  });
  const odd = defineTool({
    ...parts,
    name: 'odd',
    effect: 'read',
    run: async () => z.object({ id: z.string() }).parse({ id: 5 }) as never,
  });
  const { call } = testEngine({ tools: [away, odd] });
  expect(refusalOf(await call('away', {})).message).toBe(
    'away: the call failed: the connection was refused. The tool only reads: nothing was changed. This is temporary: call again later with the same arguments.',
  );
  expect(refusalOf(await call('odd', {})).message).toBe(
    'odd: the call failed: a value that the tool received is not valid: id must be text. The tool only reads: nothing was changed. It is safe to call again.',
  );
});

test('a sentence of a tool keeps its one full stop', async () => {
  const broken = defineTool({
    ...parts,
    name: 'broken',
    effect: 'create',
    identity: () => {
      throw new Error('No customer.');
    },
    run: async () => ({}),
  });
  const { message } = refusalOf(await testEngine({ tools: [broken] }).call('broken', {}));
  expect(message).toBe(
    'broken: its identity(input) failed: No customer. Nothing was executed. The author of the tool has to fix it.',
  );
});
