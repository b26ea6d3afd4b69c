import { describe, expect, test } from 'vitest';
import { jsonBody, pathParameter, serveDocument, startApi } from '../support/served.ts';

const done = { 200: { description: 'done', content: { 'application/json': { schema: { type: 'object' } } } } };
const withId = {
  200: {
    description: 'made',
    content: { 'application/json': { schema: { type: 'object', properties: { id: { type: 'string' } } } } },
  },
};

async function serveChannels(more: Record<string, unknown> = {}) {
  const api = await startApi(({ method, url }) => (method === 'POST' && url === '/orders' ? { id: `o${made++}` } : {}));
  let made = 1;
  const act = (operationId: string) => ({ post: { operationId, parameters: [pathParameter('id')], responses: done } });
  const paths = {
    '/channels/{id}/archive': act('archive'),
    '/channels/{id}/unarchive': act('unarchive'),
    '/pins.add': { post: { operationId: 'pins_add', ...jsonBody('channel', 'item'), responses: done } },
    '/pins.remove': { post: { operationId: 'pins_remove', ...jsonBody('channel', 'item'), responses: done } },
    '/payouts/{id}/approve': act('approve_payout'),
    '/payouts/{id}/reject': act('reject_payout'),
    '/orders': { post: { operationId: 'create_order', ...jsonBody('item'), responses: withId } },
    '/orders/{id}': { delete: { operationId: 'delete_order', parameters: [pathParameter('id')], responses: done } },
    '/orders/{id}/cancel': act('cancel_order'),
    ...more,
  };
  const served = await serveDocument({ servers: [{ url: api.url }], paths });
  return { ...served, api };
}

const urls = (seen: readonly { readonly url: string }[]) => seen.map(({ url }) => url);

describe('a call of the opposite operation ends the window', () => {
  test('of an act on a path', async () => {
    const { api, call } = await serveChannels();
    for (const name of ['archive', 'archive', 'unarchive', 'archive']) await call(name, { id: 'c' });
    expect(urls(api.seen)).toEqual(['/channels/c/archive', '/channels/c/unarchive', '/channels/c/archive']);
  });

  test('of this thing and of no other', async () => {
    const { api, call } = await serveChannels();
    await call('archive', { id: 'c' });
    await call('unarchive', { id: 'other' });
    await call('archive', { id: 'c' });
    expect(urls(api.seen)).toEqual(['/channels/c/archive', '/channels/other/unarchive']);
  });

  test('of an act whose thing is named in the body', async () => {
    const { api, call } = await serveChannels();
    const pin = { channel: 'c', item: 'i' };
    for (const name of ['pins_add', 'pins_add', 'pins_remove', 'pins_add']) await call(name, pin);
    await call('pins_remove', { channel: 'c', item: 'other' });
    await call('pins_add', pin);
    expect(urls(api.seen)).toEqual(['/pins.add', '/pins.remove', '/pins.add', '/pins.remove']);
  });

  test('of a decision about money, which is a create', async () => {
    const { api, call, toolOf } = await serveChannels();
    expect(toolOf('approve_payout').class).toBe('create');
    for (const name of ['approve_payout', 'approve_payout', 'reject_payout', 'approve_payout'])
      await call(name, { id: 'p' });
    expect(urls(api.seen)).toEqual(['/payouts/p/approve', '/payouts/p/reject', '/payouts/p/approve']);
  });
});

describe('the delete of a thing ends the window of its create', () => {
  test.each(['delete_order', 'cancel_order'])('with %s', async (end) => {
    const { api, call } = await serveChannels();
    await call('create_order', { item: 'tea' });
    await call('create_order', { item: 'cake' });
    await call(end, { id: 'o1' });
    await call('create_order', { item: 'cake' });
    expect(api.seen).toHaveLength(3);
    await call('create_order', { item: 'tea' });
    expect(api.seen.map(({ body }) => body).filter((body) => body.includes('tea'))).toHaveLength(2);
  });

  test('and says so only where the answer documents an id', async () => {
    const { toolOf } = await serveChannels();
    expect(toolOf('delete_order').undoesMore?.()).toBe(false);
    const without = await serveChannels({
      '/orders': { post: { operationId: 'create_order', ...jsonBody('item'), responses: done } },
    });
    expect(without.toolOf('delete_order').undoesMore?.()).toBe(true);
  });
});
