import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import path from 'node:path';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { classifyApiError } from '../../../src/openapi/http/send.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { ends, failureOf, get, listen, once, requestTo, retryable, rig, serve } from '../support/http.ts';

describe('classification of the first send', () => {
  it.each([
    [400, 'failed'],
    [401, 'not_executed'],
    [403, 'not_executed'],
    [404, 'gone'],
    [405, 'failed'],
    [407, 'not_executed'],
    [408, 'unknown'],
    [409, 'failed'],
    [410, 'gone'],
    [412, 'failed'],
    [422, 'failed'],
    [425, 'not_executed'],
    [428, 'failed'],
    [429, 'not_executed'],
    [431, 'failed'],
    [440, 'unknown'],
    [499, 'unknown'],
    [500, 'unknown'],
    [501, 'failed'],
    [502, 'unknown'],
    [503, 'unknown'],
    [504, 'unknown'],
    [300, 'unknown'],
    [304, 'unknown'],
    [302, 'unknown'],
    [303, 'unknown'],
  ] as const)('is, for %i, %s after one send', async (status, classification) => {
    const { origin, seen } = await serve((_request, response) =>
      response.writeHead(status, { location: '/elsewhere' }).end('{"error":{"message":"because"}}'),
    );
    const failure = await failureOf(rig(origin).sender.send(requestTo(origin), once));
    expect([failure.details.classification, failure.details.status, seen.length]).toEqual([classification, status, 1]);
    expect(classifyApiError(failure)).toBe(classification);
    // The engine reports what is known about the effect.
    expect(failure.message).not.toMatch(/executed|may have taken effect|\.$/);
    if (status !== 304) expect(failure.message).toContain('because');
  });

  it('is unknown for an in-use status, and for a 409 if a key is used', async () => {
    const { origin } = await serve((request, response) => response.writeHead(Number(request.url.slice(1))).end());
    const { sender } = rig(origin);
    for (const [status, classification] of [
      [422, 'unknown'],
      [409, 'unknown'],
      [400, 'failed'],
    ] as const) {
      const request = requestTo(origin, { url: `${origin}/${status}` });
      const failure = await failureOf(sender.send(request, { ...once, inUseStatuses: [422] }));
      expect(failure.details.classification).toBe(classification);
    }
  });

  it('reports for a 412 that the resource has changed', async () => {
    const { origin } = await serve((_request, response) => response.writeHead(412).end());
    expect((await failureOf(rig(origin).sender.send(requestTo(origin), once))).message).toMatch(/resource has changed/);
  });

  it('is a success for 2xx, and for 304 of a read', async () => {
    const { origin } = await serve((request, response) =>
      response.writeHead(Number(request.url.slice(1)), { 'set-cookie': 'a=1', 'x-a': 'b' }).end(),
    );
    const { sender } = rig(origin);
    for (const status of [200, 201, 204, 299, 304]) {
      const answer = await sender.send(get(origin, `/${status}`), once);
      expect(answer).toMatchObject({ status, truncated: false, sends: 1, headers: { 'x-a': 'b' } });
      expect(answer.headers).not.toHaveProperty('set-cookie');
    }
  });

  it("quotes the API's error message on one short line without secrets", async () => {
    const { origin } = await serve((request, response) => {
      const key = request.headers['x-key'];
      response.writeHead(422).end(JSON.stringify({ message: `bad\n\tkey ${key} ${'x'.repeat(400)}` }));
    });
    const { sender } = rig(origin, {}, { apiKey: { type: 'apiKey', in: 'header', name: 'X-Key' } });
    const failure = await failureOf(sender.send(requestTo(origin), { ...once, security: [{ apiKey: [] }] }));
    expect(failure.message).toContain('bad key *** xxx');
    expect(failure.message).not.toMatch(/\n|sesame/);
    expect(failure.message.length).toBeLessThan(450);
    expect(failure.details.response?.body.toString()).not.toContain('sesame');
  });
});

describe('a connection', () => {
  it('executes nothing if it is refused', async () => {
    const server = createTcpServer();
    const port = await listen(server);
    await ends.pop()?.();
    const origin = `http://127.0.0.1:${port}`;
    const failure = await failureOf(rig(origin).sender.send(requestTo(origin), retryable));
    expect(failure.details.classification).toBe('not_executed');
    expect(failure.message).toContain('ECONNREFUSED');
  });

  it('executes nothing if the host cannot be resolved', async () => {
    const origin = 'http://no-such-host.invalid';
    const failure = await failureOf(rig(origin).sender.send(requestTo(origin), once));
    expect(failure.details.classification).toBe('not_executed');
  });

  it('leaves the outcome unknown if it is reset after the effect', async () => {
    const { origin, seen } = await serve((_request, response) => response.destroy());
    const failure = await failureOf(rig(origin).sender.send(requestTo(origin), once));
    expect([failure.details.classification, seen.length]).toEqual(['unknown', 1]);
  });

  it('leaves the outcome unknown after a time-out', async () => {
    const { origin, seen } = await serve(() => {});
    const failure = await failureOf(rig(origin, { timeoutMs: 100 }).sender.send(requestTo(origin), once));
    expect([failure.details.classification, seen.length]).toEqual(['unknown', 1]);
    expect(failure.message).toContain('did not answer in time');
  });

  it('leaves the outcome unknown if the response is not HTTP', async () => {
    const port = await listen(
      createTcpServer((socket) => void socket.on('error', () => {}).once('data', () => socket.end('nonsense\r\n\r\n'))),
    );
    const origin = `http://127.0.0.1:${port}`;
    expect((await failureOf(rig(origin).sender.send(requestTo(origin), once))).details.classification).toBe('unknown');
  });

  it('executes nothing if cancelled before sending, and is unknown if cancelled later', async () => {
    const controller = new AbortController();
    const { origin, seen } = await serve(() => controller.abort());
    const { sender } = rig(origin);
    const during = await failureOf(sender.send(requestTo(origin), { ...retryable, signal: controller.signal }));
    expect(during.details.classification).toBe('unknown');
    const before = await failureOf(sender.send(requestTo(origin), { ...once, signal: controller.signal }));
    expect([before.details.classification, seen.length]).toEqual(['not_executed', 1]);
  });

  it('sends nothing if cancelled while it is opened', async () => {
    const open: ServerResponse[] = [];
    const controller = new AbortController();
    let full: () => void = () => {};
    const isFull = new Promise<void>((resolve) => {
      full = resolve;
    });
    const { origin, seen } = await serve((_request, response) => {
      open.push(response);
      if (open.length === 64) full();
      if (open.length > 64) response.end();
    });
    const { sender } = rig(origin);
    const busy = Array.from({ length: 64 }, () =>
      sender.send(requestTo(origin), { ...once, signal: new AbortController().signal }),
    );
    await isFull;
    const queued = sender.send(requestTo(origin), { ...once, signal: controller.signal });
    setImmediate(() => controller.abort());
    expect((await failureOf(queued)).details.classification).toBe('not_executed');
    for (const response of open) response.end();
    await Promise.all(busy);
    // This request uses the same connections. If the cancelled request had been sent, it would have arrived first.
    await sender.send(requestTo(origin), once);
    expect(seen.length).toBe(65);
  });

  it('redacts a configured secret that an error response echoes', async () => {
    const { origin } = await serve((request, response) =>
      response.writeHead(400).end(`token ${request.headers['x-internal-token']}`),
    );
    const headers = { 'x-internal-token': 'configured-secret' };
    const failure = await failureOf(rig(origin).sender.send(requestTo(origin, { headers }), once));
    expect(failure.message).toContain('token ***');
  });

  it('executes nothing with a self-signed certificate, and the message gives advice', async () => {
    const folder = temporaryFolder();
    const [key, cert] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')];
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
        '-subj',
        '/CN=localhost',
        '-keyout',
        key,
        '-out',
        cert,
      ],
      { stdio: 'ignore' },
    );
    let requests = 0;
    const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_request, response) => {
      requests += 1;
      response.end();
    });
    const origin = `https://127.0.0.1:${await listen(server)}`;
    const failure = await failureOf(rig(origin).sender.send(requestTo(origin), once));
    expect([failure.details.classification, requests]).toEqual(['not_executed', 0]);
    expect(failure.message).toMatch(/certificate.*NODE_EXTRA_CA_CERTS/);
  });

  it('does not send a request for another origin', async () => {
    const { origin, seen } = await serve((_request, response) => response.end());
    const failure = await failureOf(rig('http://127.0.0.1:1').sender.send(requestTo(origin), once));
    expect([failure.details.classification, seen.length]).toEqual(['not_executed', 0]);
  });

  it.each([
    '127.0.0.1',
    'localhost',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '0x7f.1',
    '169.254.169.254',
    '10.0.0.1',
    '[fd00::1]',
    '[64:ff9b::7f00:1]',
  ])('refuses a private address unless it is allowed: %s', async (host) => {
    const { origin, seen } = await serve((_request, response) => response.end());
    const target = `http://${host}:${new URL(origin).port}`;
    const failure = await failureOf(rig(target, { allowPrivate: false }).sender.send(requestTo(target), retryable));
    expect([failure.details.classification, seen.length]).toEqual(['not_executed', 0]);
    expect(failure.message).toMatch(/private/);
  });
});

describe('a response body', () => {
  const text = JSON.stringify({ text: 'x'.repeat(5_000) });

  it.each([
    ['gzip', gzipSync(text)],
    ['br', brotliCompressSync(text)],
    ['deflate', deflateSync(text)],
    ['deflate', deflateRawSync(text)],
    ['gzip, br', brotliCompressSync(gzipSync(text))],
  ])('is decompressed from %s', async (encoding, body) => {
    const { origin } = await serve((_request, response) =>
      response.writeHead(200, { 'content-encoding': encoding }).end(body),
    );
    const answer = await rig(origin).sender.send(requestTo(origin), once);
    expect([answer.body.toString(), answer.truncated]).toEqual([text, false]);
  });

  it.each([
    ['gzip', Buffer.from('this is not gzip')],
    ['gzip', gzipSync(text).subarray(0, 40)],
    ['unheard-of', Buffer.from('x')],
  ])('is empty if it does not decompress: %s', async (encoding, body) => {
    const { origin, seen } = await serve((_request, response) =>
      response.writeHead(201, { 'content-encoding': encoding }).end(body),
    );
    const answer = await rig(origin).sender.send(requestTo(origin), retryable);
    expect([answer.status, answer.body.length, answer.truncated, seen.length]).toEqual([201, 0, true, 1]);
  });

  it('is cut at the limit after decompression', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    const { origin } = await serve((_request, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb),
    );
    const answer = await rig(origin).sender.send(requestTo(origin), once);
    expect([answer.body.length, answer.truncated]).toEqual([1_000_000, true]);
  });

  it('is cut at the limit if it is endless, and the connection is closed', async () => {
    let closed: () => void = () => {};
    const end = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const { origin } = await serve((_request, response) => {
      response.on('close', closed);
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });
    const answer = await rig(origin, { responseBytesMax: 100_000 }).sender.send(requestTo(origin), once);
    expect([answer.body.length, answer.truncated]).toEqual([100_000, true]);
    await end;
  });

  it('is returned in part if it stalls or breaks off in a success', async () => {
    const { origin } = await serve((request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => request.url === '/reset' && response.destroy());
    });
    for (const where of ['/stall', '/reset']) {
      // Long enough for a busy machine to connect. Only the stalled response waits for it.
      const { sender } = rig(origin, { timeoutMs: 4_000 });
      const answer = await sender.send(requestTo(origin, { url: origin + where }), once);
      expect([answer.status, answer.body.toString(), answer.truncated]).toEqual([200, 'half', true]);
    }
  });

  it('is requested again for a read if it broke off, and a later refusal does not undo the success', async () => {
    const half = (response: ServerResponse) => {
      response.writeHead(200, { 'content-length': '100' }).write('half', () => response.destroy());
    };
    const whole = await serve((_request, response, number) => (number === 1 ? half(response) : response.end('whole')));
    expect(await rig(whole.origin).sender.send(get(whole.origin), retryable)).toMatchObject({
      truncated: false,
      sends: 2,
    });
    const gone = await serve((_request, response, number) =>
      number === 1 ? half(response) : response.writeHead(404).end(),
    );
    const keyed = { ...retryable, inUseStatuses: [409] };
    const answer = await rig(gone.origin).sender.send(requestTo(gone.origin), keyed);
    expect(answer).toMatchObject({ status: 200, truncated: true, sends: 2 });
  });
});
