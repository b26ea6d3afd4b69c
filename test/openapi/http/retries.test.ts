import { describe, expect, it } from 'vitest';
import type { SecurityScheme } from '../../../src/openapi/document/types.ts';
import { failureOf, get, once, requestTo, retryable, rig, type Seen, serve } from '../support/http.ts';

describe('retries', () => {
  it('send the same bytes with a count in a header, at most four times', async () => {
    const { origin, seen } = await serve((_request, response) => response.writeHead(503).end());
    const { sender, pauses, logs } = rig(origin);
    const request = requestTo(origin, { headers: { 'idempotency-key': 'k-1', 'content-type': 'application/json' } });
    const failure = await failureOf(sender.send(request, retryable));
    expect(failure.details.classification).toBe('unknown');
    expect(failure.message).toContain('after 4 sends');
    expect(seen.map(({ headers }) => headers['x-retry-count'])).toEqual([undefined, '1', '2', '3']);
    expect(new Set(seen.map(({ body, url, headers }) => `${url} ${body} ${headers['idempotency-key']}`)).size).toBe(1);
    expect(pauses.map((ms, index) => ms >= 250 * 2 ** index && ms <= 500 * 2 ** index)).toEqual([true, true, true]);
    expect(logs).toHaveLength(3);
    expect(logs.join()).not.toMatch(/things/);
  });

  it.each([408, 425, 429, 502, 503, 504])('follow a %i, and return a later success', async (status) => {
    const { origin, seen } = await serve((_request, response, number) =>
      response.writeHead(number === 1 ? status : 200).end('ok'),
    );
    const answer = await rig(origin).sender.send(requestTo(origin), retryable);
    expect([answer.status, answer.sends, seen.length]).toEqual([200, 2, 2]);
  });

  it('renew a claim that has become old before the first send, and send', async () => {
    const { origin, seen } = await serve((_request, response) => response.end('ok'));
    let isFresh = false;
    const readyToSend = async (): Promise<boolean> => {
      isFresh = true;
      return true;
    };
    const options = { ...retryable, maySend: () => isFresh, readyToSend };
    expect(await rig(origin).sender.send(requestTo(origin), options)).toMatchObject({ status: 200, sends: 1 });
    expect(seen.length).toBe(1);
  });

  it('stop when the claim is lost, and the outcome stays unknown', async () => {
    const { origin, seen } = await serve((_request, response) => response.writeHead(503).end());
    let held = true;
    const pause = async (): Promise<void> => {
      held = false;
    };
    const options = { ...retryable, maySend: () => held };
    const failure = await failureOf(rig(origin, { pause }).sender.send(requestTo(origin), options));
    expect(failure.details.classification).toBe('unknown');
    expect(seen.length).toBe(1);
  });

  it.each([400, 401, 403, 404, 409, 412, 500, 501])('do not follow a %i', async (status) => {
    const { origin, seen } = await serve((_request, response) => response.writeHead(status).end());
    await failureOf(rig(origin).sender.send(requestTo(origin), retryable));
    expect(seen.length).toBe(1);
  });

  it('follow a broken connection or a time-out only if the request is retryable', async () => {
    const { origin, seen } = await serve((_request, response, number) => {
      if (number === 1) response.destroy();
      else if (number > 2) response.end('ok');
    });
    expect(await rig(origin, { timeoutMs: 200 }).sender.send(requestTo(origin), retryable)).toMatchObject({
      sends: 3,
    });
    expect(seen.length).toBe(3);
  });

  it.each([401, 404, 409, 412, 422, 429])(
    'keep the outcome unknown after a %i if an earlier send may have taken effect',
    async (status) => {
      const { origin, seen } = await serve((_request, response, number) => {
        if (number === 1) response.destroy();
        else response.writeHead(status).end('{"message":"no"}');
      });
      const failure = await failureOf(rig(origin).sender.send(requestTo(origin), retryable));
      expect([failure.details.classification, seen.length >= 2]).toEqual(['unknown', true]);
      expect(failure.message).toMatch(/, after \d sends$/);
    },
  );

  it('report a definite refusal if all earlier sends were refused', async () => {
    const { origin } = await serve((_request, response, number) => response.writeHead(number === 1 ? 429 : 404).end());
    const failure = await failureOf(rig(origin).sender.send(requestTo(origin), retryable));
    expect(failure.details.classification).toBe('gone');
  });

  it('respect Retry-After in seconds and as a date', async () => {
    const now = Date.parse('2026-01-01T00:00:00Z');
    const values = ['3', 'Thu, 01 Jan 2026 00:00:07 GMT', 'Wed, 31 Dec 2025 00:00:00 GMT'];
    const { origin } = await serve((_request, response, number) =>
      response.writeHead(number > 3 ? 200 : 429, { 'retry-after': values[number - 1] ?? '' }).end(),
    );
    const { sender, pauses } = rig(origin, { now: () => now });
    await sender.send(requestTo(origin), retryable);
    expect(pauses).toEqual([3_000, 7_000, 0]);
  });

  it('stop if the API asks to wait longer than 20 s, and the message says so', async () => {
    const { origin, seen } = await serve((_request, response) =>
      response.writeHead(429, { 'retry-after': '60' }).end(),
    );
    const failure = await failureOf(rig(origin).sender.send(requestTo(origin), retryable));
    expect([failure.details.classification, seen.length]).toEqual(['not_executed', 1]);
    expect(failure.message).toContain('wait 60 s');
  });

  it('do not start after 30 s', async () => {
    let now = 0;
    const { origin, seen } = await serve((_request, response) =>
      response.writeHead(503, { 'retry-after': '16' }).end(),
    );
    const pause = async (ms: number) => {
      now += ms;
    };
    await failureOf(rig(origin, { now: () => now, pause }).sender.send(requestTo(origin), retryable));
    expect(seen.length).toBe(2);
  });

  it('stop if the request is cancelled during the pause', async () => {
    const controller = new AbortController();
    const { origin, seen } = await serve((_request, response) => response.writeHead(503).end());
    const pause = async () => controller.abort();
    const failure = await failureOf(
      rig(origin, { pause }).sender.send(requestTo(origin), { ...retryable, signal: controller.signal }),
    );
    expect([failure.details.classification, seen.length]).toEqual(['unknown', 1]);
  });
});

describe('redirects', () => {
  const security = [{ apiKey: [], login: [] }];
  const schemes: Record<string, SecurityScheme> = {
    apiKey: { type: 'apiKey', in: 'query', name: 'key' },
    login: { type: 'basic' },
  };

  it('are followed to another origin without secrets by a read', async () => {
    const other = await serve((_request, response) => response.end('there'));
    const home = await serve((_request, response) =>
      response.writeHead(302, { location: `${other.origin}/moved` }).end(),
    );
    const { sender } = rig(home.origin, {}, schemes);
    const request = {
      ...get(home.origin),
      headers: { 'x-internal-token': 'configured-secret', accept: '*/*', cookie: 'a=b' },
    };
    const answer = await sender.send(request, { ...once, security });
    expect([answer.body.toString(), answer.sends]).toEqual(['there', 2]);
    expect(home.seen[0]?.url).toBe('/things?key=sesame-1234');
    expect(home.seen[0]?.headers.authorization).toBe(`Basic ${Buffer.from('ann:pass-word-9').toString('base64')}`);
    expect(home.seen[0]?.headers['x-internal-token']).toBe('configured-secret');
    expect(JSON.stringify(other.seen)).not.toMatch(/sesame|authorization|cookie|configured|token/i);
    expect(other.seen[0]?.headers.accept).toBe('*/*');
  });

  it('are followed on the same origin with credentials by a read, once each', async () => {
    const { origin, seen } = await serve((request, response) =>
      request.url.startsWith('/things')
        ? response.writeHead(307, { location: '/moved?key=stale&a=1' }).end()
        : response.end('there'),
    );
    await rig(origin, {}, schemes).sender.send(get(origin), { ...once, security });
    expect(seen[1]?.url).toBe('/moved?a=1&key=sesame-1234');
    expect(seen[1]?.headers.authorization).toBeDefined();
  });

  it('send credentials to the home origin only, even after a detour', async () => {
    const away: { origin: string; seen: Seen[] } = await serve((_request, response) =>
      response.writeHead(302, { location: `${home.origin}/last` }).end(),
    );
    const home: { origin: string; seen: Seen[] } = await serve((request, response) =>
      request.url.startsWith('/last')
        ? response.end('last')
        : response.writeHead(302, { location: `${away.origin}/x` }).end(),
    );
    expect(
      (await rig(home.origin, {}, schemes).sender.send(get(home.origin), { ...once, security })).body.toString(),
    ).toBe('last');
    expect(away.seen[0]?.headers.authorization).toBeUndefined();
    expect(home.seen[1]?.headers.authorization).toBeDefined();
  });

  it('are followed at most five times', async () => {
    const { origin, seen } = await serve((_request, response, number) =>
      response.writeHead(302, { location: `/${number}` }).end(),
    );
    await failureOf(rig(origin).sender.send(get(origin), once));
    expect(seen.length).toBe(6);
  });

  it.each([301, 307, 308])('are not followed by a write: %i means not executed', async (status) => {
    const other = await serve((_request, response) => response.end());
    const { origin, seen } = await serve((_request, response) =>
      response.writeHead(status, { location: `${other.origin}/secret-path` }).end(),
    );
    const failure = await failureOf(rig(origin).sender.send(requestTo(origin), retryable));
    expect([failure.details.classification, seen.length, other.seen.length]).toEqual(['not_executed', 1, 0]);
    expect(failure.message).toContain(other.origin);
    expect(failure.message).not.toContain('secret-path');
  });

  it.each([302, 303])('leave the outcome of a write unknown: %i, whatever its target', async (status) => {
    const { origin } = await serve((request, response) =>
      response
        .writeHead(status, { location: request.url === '/things' ? 'https://api.test/things/' : '/things/1' })
        .end(),
    );
    const { sender } = rig(origin);
    const same = await failureOf(sender.send(requestTo(origin), once));
    const elsewhere = await failureOf(sender.send(requestTo(origin, { url: `${origin}/new` }), once));
    expect([same, elsewhere].map(({ details }) => details.classification)).toEqual(['unknown', 'unknown']);
  });
});
