import { describe, expect, test } from 'vitest';
import { refusalOf, resultOf } from '../../support/engine.ts';
import { jsonOf, serve, startOrders, withEtag } from './harness.ts';

const minute = 60_000;
const tagged = { 'put /orders/{id}': withEtag, 'patch /orders/{id}': withEtag, 'delete /orders/{id}': withEtag };

/** An API with one order, and the order's current entity tag. */
async function withOrder() {
  const api = await startOrders();
  api.rows.set('7', { id: '7', item: 'tea', quantity: 1 });
  const served = await serve(api, {}, tagged);
  const answer = await fetch(`${api.url}/orders/7`);
  await answer.text();
  const tag = answer.headers.get('etag') ?? '';
  api.requests.length = 0;
  return { api, tag, ...served };
}

describe('a write with an entity tag', () => {
  test('is executed if the resource is unchanged', async () => {
    const { api, tag, call } = await withOrder();
    const result = resultOf(await call('patch_order', { id: '7', quantity: 2, if_match: tag }));
    expect(jsonOf(result.result)).toMatchObject({ quantity: 2 });
    expect(api.writes()[0]?.headers['if-match']).toBe(tag);
  });

  test('fails definitely if the resource has changed, and the message says so', async () => {
    const { api, tag, call } = await withOrder();
    api.rows.set('7', { id: '7', item: 'milk' });
    const refusal = refusalOf(await call('patch_order', { id: '7', quantity: 2, if_match: tag }));
    expect(refusal.code).toBe('operation_failed');
    expect(refusal.message).toMatch(/412.*changed.*read the resource again/);
    expect(api.effects).toBe(0);
  });

  test('overwrites the other change without the tag (control)', async () => {
    const { api, call } = await withOrder();
    api.rows.set('7', { id: '7', item: 'milk' });
    await call('put_order', { id: '7', item: 'coffee' });
    expect(api.rows.get('7')?.item).toBe('coffee');
  });

  test('reads the tag first if the caller asks for it', async () => {
    const { api, tag, call } = await withOrder();
    resultOf(await call('patch_order', { id: '7', quantity: 2, if_match: 'fetch' }));
    expect(api.requests.map(({ method }) => method)).toEqual(['GET', 'PATCH']);
    expect(api.writes()[0]?.headers['if-match']).toBe(tag);
  });

  test('describes the tag in the input schema', async () => {
    const { toolOf } = await withOrder();
    const properties = toolOf('patch_order').input.jsonSchema.properties as Record<string, { description: string }>;
    expect(properties.if_match?.description).toMatch(/"fetch"/);
    expect(Object.keys(properties)).not.toContain('If-Match');
  });

  test('is not sent if the resource does not exist', async () => {
    const { api, call } = await withOrder();
    const refusal = refusalOf(await call('patch_order', { id: '8', quantity: 2, if_match: 'fetch' }));
    expect(refusal.code).toBe('operation_failed');
    expect(api.writes()).toHaveLength(0);
  });
});

describe('an unknown outcome', () => {
  test('becomes a success if the tag has changed and the resource contains everything that was sent', async () => {
    const { api, tag, call } = await withOrder();
    api.drop = 1;
    const answer = resultOf(await call('patch_order', { id: '7', quantity: 2, if_match: tag }));
    expect(answer.recovered).toBe('reconcile');
    expect(jsonOf(answer.result)).toMatchObject({ quantity: 2 });
    expect(api.effects).toBe(1);
  });

  test('becomes a success with a fetched tag, too', async () => {
    const { api, call } = await withOrder();
    api.drop = 1;
    const answer = resultOf(await call('patch_order', { id: '7', quantity: 2, if_match: 'fetch' }));
    expect(answer.recovered).toBe('reconcile');
    expect(api.effects).toBe(1);
  });

  test('is sent again if the tag is unchanged, after the lookup lag', async () => {
    const { api, tag, call, pass } = await withOrder();
    api.lose = 1;
    expect(refusalOf(await call('patch_order', { id: '7', quantity: 2, if_match: tag })).code).toBe('outcome_unknown');
    expect(api.effects).toBe(0);
    // The operation stays the same one within its window, because its outcome is unknown.
    pass(12 * minute);
    resultOf(await call('patch_order', { id: '7', quantity: 2, if_match: tag }));
    expect(api.effects).toBe(1);
  });

  test('stays unknown if somebody else has changed the resource', async () => {
    const { api, tag, call } = await withOrder();
    api.lose = 1;
    const calling = call('patch_order', { id: '7', quantity: 2, if_match: tag });
    api.rows.set('7', { id: '7', item: 'milk' });
    const refusal = refusalOf(await calling);
    expect(refusal.code).toBe('outcome_unknown');
    expect(refusal.message).toMatch(/entity tag has changed/);
    expect(api.effects).toBe(0);
  });

  test('is settled by a lookup for a PUT that fails on the changed tag when it is sent again', async () => {
    const { api, tag, call } = await withOrder();
    api.drop = 1;
    const answer = resultOf(await call('put_order', { id: '7', item: 'coffee', if_match: tag }));
    expect(answer.recovered).toBe('reconcile');
    expect(api.effects).toBe(1);
  });

  test('becomes a success for a DELETE if the resource no longer exists', async () => {
    const { api, tag, call } = await withOrder();
    api.drop = 1;
    const answer = resultOf(await call('delete_order', { id: '7', if_match: tag }));
    expect(JSON.stringify(answer.result)).toMatch(/no longer exists/);
    expect(api.effects).toBe(1);
  });
});
