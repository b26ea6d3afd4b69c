import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Era } from '../e2e/support/http.ts';
import { paymentOf, unique, until, useStage } from '../e2e/support/stage.ts';
import { openSession, post, postModern, toolCall } from '../support/http-server.ts';

const stage = useStage();

/** Where a connection is cut: what of the request goes on, and what of the answer comes back. */
interface Cut {
  readonly request: (bytes: Buffer) => Buffer;
  /** How much of what the server has sent so far goes back before the cut; undefined: all, and no cut yet. */
  readonly answer: (text: string) => number | undefined;
}

const cuts: Readonly<Record<string, Cut>> = {
  'before its headers': { request: (bytes) => bytes, answer: () => 0 },
  'between its headers and its answer': {
    request: (bytes) => bytes,
    answer: (text) => {
      const end = text.indexOf('\r\n\r\n');
      return end < 0 ? undefined : end + 4;
    },
  },
  'in the middle of its answer': {
    request: (bytes) => bytes,
    answer: (text) => {
      const at = text.indexOf('"structuredContent"');
      return at < 0 ? undefined : at;
    },
  },
};

const halfOfRequest: Cut = { request: (bytes) => bytes.subarray(0, bytes.length - 20), answer: () => 0 };

/** What stands between client and server, and cuts one connection. @returns the URL to call, and when it was cut */
async function between(url: string, cut: Cut): Promise<{ url: string; isCut: Promise<unknown> }> {
  const { port } = new URL(url);
  const sockets: Socket[] = [];
  const server = createServer((client) => {
    const upstream = connect(Number(port), '127.0.0.1');
    sockets.push(client, upstream);
    const end = (): void => {
      for (const socket of sockets) socket.destroy();
    };
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end);
    let answer = '';
    client.on('data', (bytes: Buffer) => {
      const sent = cut.request(bytes);
      upstream.write(sent, () => {
        if (sent.length < bytes.length) end();
      });
    });
    upstream.on('data', (bytes: Buffer) => {
      const before = answer.length;
      answer += bytes.toString('latin1');
      const kept = cut.answer(answer);
      if (kept === undefined) client.write(bytes);
      else client.write(bytes.subarray(0, Math.max(0, kept - before)), end);
    });
    client.once('close', () => server.emit('cut'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`, isCut: once(server, 'cut') };
}

const payments = (description: string) => stage.sandbox.described('payment_intents', description);

/** What a call heard that was sent again, with a new id, after the stream of the first one was cut. */
async function cutAndSendAgain(era: Era, cut: Cut, guarded: boolean, description: string): Promise<string> {
  const server = await stage.sharedHttp(guarded);
  const args = paymentOf(description);
  const { url, isCut } = await between(server.url, cut);
  const session = era === '2025' ? await openSession(server.url) : {};
  const sent =
    era === '2025'
      ? post(url, toolCall('cut', args, 'create_payment'), session)
      : postModern(url, 'tools/call', { name: 'create_payment', arguments: args });
  const heard = sent
    .then((response) => response.text())
    .then(
      (text) => `answered: ${text}`,
      () => 'broken',
    );
  await isCut;
  expect(await heard).toBe('broken');
  return (await (await server.client(era)).call('create_payment', args)).words;
}

describe.each(['2025', '2026'] as const)('a call sent again after its stream was cut (%s)', (era) => {
  test.each(Object.entries(cuts))('executes once and returns its outcome when cut %s', async (where, cut) => {
    const description = unique(where);
    expect(await cutAndSendAgain(era, cut, true, description)).toBe('replayed');
    expect(await payments(description)).toHaveLength(1);
  });

  test.each(Object.entries(cuts))('executes twice without the ledger when cut %s (control)', async (where, cut) => {
    const description = unique(where);
    expect(await cutAndSendAgain(era, cut, false, description)).toBe('executed');
    await until(async () => (await payments(description)).length === 2);
  });

  test('executes nothing before it is sent again when cut within the request', async () => {
    const description = unique('half a request');
    expect(await cutAndSendAgain(era, halfOfRequest, true, description)).toBe('executed');
    expect(await payments(description)).toHaveLength(1);
  });
});
