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
import { ends, failureOf, get, listen, once, repeatable, requestTo, rig, serve } from '../support/http.ts';

describe('what an answer means, on the first send', () => {
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
  ] as const)('%i: %s, and sent once', async (status, classification) => {
    const { origin, seen } = await serve((_request, response) =>
      response.writeHead(status, { location: '/elsewhere' }).end('{"error":{"message":"because"}}'),
    );
    const failure = await failureOf(rig(origin).sender.send(requestTo(origin), once));
    expect([failure.details.classification, failure.details.status, seen.length]).toEqual([classification, status, 1]);
    expect(classifyApiError(failure)).toBe(classification);
    // The engine's sentence tells what is known about the effect.
    expect(failure.message).not.toMatch(/executed|may have taken effect|\.$/);
    if (status !== 304) expect(failure.message).toContain('because');
  });

  it('a status in use, and a 409 where a key is used, is unknown', async () => {
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

  it('a 412 says that the resource has changed', async () => {
    const { origin } = await serve((_request, response) => response.writeHead(412).end());
    expect((await failureOf(rig(origin).sender.send(requestTo(origin), once))).message).toMatch(/resource has changed/);
  });

  it('2xx and, of a read, 304 are answers', async () => {
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

  it("the API's own words are bounded, on one line, and without the secret", async () => {
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

describe('connections', () => {
  it('a refused connection executes nothing', async () => {
    const server = createTcpServer();
    const port = await listen(server);
    await ends.pop()?.();
    const origin = `http://127.0.0.1:${port}`;
    const failure = await failureOf(rig(origin).sender.send(requestTo(origin), repeatable));
    expect(failure.details.classification).toBe('not_executed');
    expect(failure.message).toContain('ECONNREFUSED');
  });

  it('a host that is not known executes nothing', async () => {
    const origin = 'http://no-such-host.invalid';
    const failure = await failureOf(rig(origin).sender.send(requestTo(origin), once));
    expect(failure.details.classification).toBe('not_executed');
  });

  it('a reset after the effect is unknown, and the effect is counted once', async () => {
    const { origin, seen } = await serve((_request, response) => response.destroy());
    const failure = await failureOf(rig(origin).sender.send(requestTo(origin), once));
    expect([failure.details.classification, seen.length]).toEqual(['unknown', 1]);
  });

  it('no answer in time is unknown', async () => {
    const { origin, seen } = await serve(() => {});
    const failure = await failureOf(rig(origin, { timeoutMs: 100 }).sender.send(requestTo(origin), once));
    expect([failure.details.classification, seen.length]).toEqual(['unknown', 1]);
    expect(failure.message).toContain('did not answer in time');
  });

  it('what is no HTTP is unknown', async () => {
    const port = await listen(
      createTcpServer((socket) => void socket.on('error', () => {}).once('data', () => socket.end('nonsense\r\n\r\n'))),
    );
    const origin = `http://127.0.0.1:${port}`;
    expect((await failureOf(rig(origin).sender.send(requestTo(origin), once))).details.classification).toBe('unknown');
  });

  it('cancelled before it is sent: nothing was executed; after: unknown', async () => {
    const controller = new AbortController();
    const { origin, seen } = await serve(() => controller.abort());
    const { sender } = rig(origin);
    const during = await failureOf(sender.send(requestTo(origin), { ...repeatable, signal: controller.signal }));
    expect(during.details.classification).toBe('unknown');
    const before = await failureOf(sender.send(requestTo(origin), { ...once, signal: controller.signal }));
    expect([before.details.classification, seen.length]).toEqual(['not_executed', 1]);
  });

  it('what is cancelled while it waits for a connection is never sent', async () => {
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
    // Goes out over the same connections: had the cancelled one been sent, it would have come first.
    await sender.send(requestTo(origin), once);
    expect(seen.length).toBe(65);
  });

  it('a secret of the configuration that an error echoes is not told', async () => {
    const { origin } = await serve((request, response) =>
      response.writeHead(400).end(`token ${request.headers['x-internal-token']}`),
    );
    const headers = { 'x-internal-token': 'configured-secret' };
    const failure = await failureOf(rig(origin).sender.send(requestTo(origin, { headers }), once));
    expect(failure.message).toContain('token ***');
  });

  it('a self-signed certificate executes nothing, and says what to do', async () => {
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

  it('a request for another origin is not sent', async () => {
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
  ])('a private address is refused unless allowed: %s', async (host) => {
    const { origin, seen } = await serve((_request, response) => response.end());
    const target = `http://${host}:${new URL(origin).port}`;
    const failure = await failureOf(rig(target, { allowPrivate: false }).sender.send(requestTo(target), repeatable));
    expect([failure.details.classification, seen.length]).toEqual(['not_executed', 0]);
    expect(failure.message).toMatch(/private/);
  });
});

describe('bodies of answers', () => {
  const text = JSON.stringify({ text: 'x'.repeat(5_000) });

  it.each([
    ['gzip', gzipSync(text)],
    ['br', brotliCompressSync(text)],
    ['deflate', deflateSync(text)],
    ['deflate', deflateRawSync(text)],
    ['gzip, br', brotliCompressSync(gzipSync(text))],
  ])('%s is decompressed', async (encoding, body) => {
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
  ])('a success whose body does not decompress is a success without a body: %s', async (encoding, body) => {
    const { origin, seen } = await serve((_request, response) =>
      response.writeHead(201, { 'content-encoding': encoding }).end(body),
    );
    const answer = await rig(origin).sender.send(requestTo(origin), repeatable);
    expect([answer.status, answer.body.length, answer.truncated, seen.length]).toEqual([201, 0, true, 1]);
  });

  it('what decompresses to more than the bound is cut there', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    const { origin } = await serve((_request, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb),
    );
    const answer = await rig(origin).sender.send(requestTo(origin), once);
    expect([answer.body.length, answer.truncated]).toEqual([1_000_000, true]);
  });

  it('an endless answer is cut at the bound, and its connection closed', async () => {
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

  it('a success that stalls or breaks off in its body is a success, with what came', async () => {
    const { origin } = await serve((request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => request.url === '/reset' && response.destroy());
    });
    const { sender } = rig(origin, { timeoutMs: 300 });
    for (const where of ['/stall', '/reset']) {
      const answer = await sender.send(requestTo(origin, { url: origin + where }), once);
      expect([answer.status, answer.body.toString(), answer.truncated]).toEqual([200, 'half', true]);
    }
  });

  it('a read whose body broke off is sent again; a later refusal does not take its success back', async () => {
    const half = (response: ServerResponse) => {
      response.writeHead(200, { 'content-length': '100' }).write('half', () => response.destroy());
    };
    const whole = await serve((_request, response, number) => (number === 1 ? half(response) : response.end('whole')));
    expect(await rig(whole.origin).sender.send(get(whole.origin), repeatable)).toMatchObject({
      truncated: false,
      sends: 2,
    });
    const gone = await serve((_request, response, number) =>
      number === 1 ? half(response) : response.writeHead(404).end(),
    );
    const keyed = { ...repeatable, inUseStatuses: [409] };
    const answer = await rig(gone.origin).sender.send(requestTo(gone.origin), keyed);
    expect(answer).toMatchObject({ status: 200, truncated: true, sends: 2 });
  });
});
