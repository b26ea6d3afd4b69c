import { expect, test } from 'vitest';
import { httpSchema } from '../../src/http/config.ts';
import { httpServer, messageOf, openSession, post, postModern, toolCall } from '../support/http-server.ts';
import { admission } from '../support/issuer.ts';
import { ManualClock } from '../support/manual-clock.ts';

const page = { origin: 'https://app.example' };
const asked = {
  'access-control-request-method': 'POST',
  'access-control-request-headers': 'content-type, mcp-session-id,MCP-Param-Region, x-evil, authorization',
};
const corsOf = ({ headers }: Response): string[] =>
  [...headers.keys()].filter((name) => name.startsWith('access-control-')).sort();

test('the server lets a page of a configured origin send what MCP needs and read responses, in both revisions', async () => {
  const { url, upstream } = await httpServer({ allowedOrigins: [page.origin] });
  const preflight = await fetch(url, { method: 'OPTIONS', headers: { ...page, ...asked } });
  expect(preflight.status).toBe(204);
  expect(Object.fromEntries(preflight.headers)).toMatchObject({
    'access-control-allow-origin': page.origin,
    'access-control-allow-methods': 'GET, POST, DELETE',
    'access-control-allow-headers': 'content-type, mcp-session-id, mcp-param-region, authorization',
    vary: 'Origin',
  });
  const earlier = await post(url, toolCall(1, { item: 'a' }), await openSession(url, page));
  const modern = await postModern(url, 'tools/call', { name: 'create_thing', arguments: { item: 'a' } }, page);
  for (const response of [earlier, modern]) {
    expect(response.headers.get('access-control-allow-origin')).toBe(page.origin);
    expect(response.headers.get('access-control-expose-headers')).toContain('Mcp-Session-Id');
    expect(response.headers.has('access-control-allow-credentials')).toBe(false);
    expect((await messageOf(response)).result.isError).toBeUndefined();
  }
  expect(upstream.effects).toHaveLength(1);
});

test.each([
  ['no origin is configured', [], 'http://localhost:5173', 405],
  ['another origin is configured', [page.origin], 'http://localhost:5173', 405],
  ['another origin is configured and the page is not of this machine', [page.origin], 'https://evil.example', 403],
  ['an origin with the same beginning is configured', [page.origin], 'https://app.example.evil.example', 403],
])('the server lets no page read a response when %s', async (_, allowedOrigins, origin, status) => {
  const { url } = await httpServer({ allowedOrigins });
  const preflight = await fetch(url, { method: 'OPTIONS', headers: { origin, ...asked } });
  expect(preflight.status).toBe(status);
  const modern = await postModern(url, 'tools/list', {}, { origin });
  for (const response of [preflight, modern]) expect(corsOf(response)).toEqual([]);
});

test('the server sends a page the 401 for its request, and answers its preflight without a token', async () => {
  const { admit } = admission({ tokens: [] }, new ManualClock());
  const { url, upstream } = await httpServer({ admit, allowedOrigins: [page.origin] });
  expect((await fetch(url, { method: 'OPTIONS', headers: { ...page, ...asked } })).status).toBe(204);
  const refused = await postModern(url, 'tools/call', { name: 'create_thing', arguments: { item: 'a' } }, page);
  expect(refused.status).toBe(401);
  expect(refused.headers.get('access-control-allow-origin')).toBe(page.origin);
  expect(refused.headers.get('access-control-expose-headers')).toContain('WWW-Authenticate');
  expect(upstream.effects).toEqual([]);
});

test.each(['*', 'null', 'https://app.example/', 'https://App.example', 'app.example', 'https://a@app.example'])(
  'the configuration refuses %s, which is not an origin',
  (origin) => {
    expect(httpSchema.safeParse({ allowedOrigins: [origin] }).error?.issues[0]?.path).toEqual(['allowedOrigins', 0]);
    expect(httpSchema.safeParse({ allowedOrigins: [page.origin, 'http://localhost:5173'] }).success).toBe(true);
  },
);
