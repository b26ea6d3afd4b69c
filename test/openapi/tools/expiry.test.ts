import { describe, expect, test } from 'vitest';
import { usableMs } from '../../../src/openapi/tools/expiry.ts';
import { serveDocument, startApi } from '../support/served.ts';

const minute = 60_000;
const now = Date.UTC(2026, 0, 1);

function lifeOf(body: Record<string, unknown>): number | undefined {
  return usableMs({ content: [{ type: 'text', text: JSON.stringify(body) }] }, now);
}

describe('a result can be used', () => {
  test.each<[Record<string, unknown>, number]>([
    [{ access_token: 't', expires_in: 3_600 }, 60 * minute - 30_000],
    [{ access_token: 't', expires_in: '60' }, 54_000],
    [{ id: 'cs_1', client_secret: 's', expires_at: now / 1_000 + 1_800 }, 30 * minute - 30_000],
    [{ session: { url: 'https://a.test', expiresAt: new Date(now + 10 * minute).toISOString() } }, 9.5 * minute],
    [{ upload_url: 'https://a.test', expires_at: now + 10 * minute }, 9.5 * minute],
    [{ token: 't', expires_at: now / 1_000 - 10 }, 0],
  ])('%j for %i ms', (body, ms) => {
    expect(lifeOf(body)).toBe(ms);
  });

  test.each<Record<string, unknown>>([
    { id: 'coupon', expires_at: now / 1_000 + 60 },
    { id: 'payment', expires_at: '2026-01-02T00:00:00Z', amount: 5 },
    { access_token: 't' },
    { access_token: 't', expires_in: null },
    { token: 't', expires_at: 'never' },
  ])('without an end: %j', (body) => {
    expect(lifeOf(body)).toBeUndefined();
  });
});

test('a token is replayed until it expires, and then made again', async () => {
  let made = 0;
  const api = await startApi(() => {
    made += 1;
    return { access_token: `t${made}`, expires_in: 600 };
  });
  const post = { operationId: 'create_token', responses: { 200: { description: 'made' } } };
  const { call, pass } = await serveDocument({ servers: [{ url: api.url }], paths: { '/tokens': { post } } });
  await call('create_token', {});
  pass(9 * minute);
  await call('create_token', {});
  expect(made).toBe(1);
  pass(minute);
  await call('create_token', {});
  expect(made).toBe(2);
});
