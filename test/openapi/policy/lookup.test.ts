import { describe, expect, test } from 'vitest';
import { findItem, lookupArguments } from '../../../src/openapi/policy/lookup.ts';

const marker = 'mcp_once_5f9c1c1e1a2b8c3d9e4f0123456789ab';
const rule = {
  operation: 'list',
  arguments: {},
  items: '/data',
  marker: { argument: 'reference', field: 'reference' },
};
const found = (
  body: unknown,
  more: { rule?: Partial<typeof rule>; headers?: Record<string, string>; sizes?: number[] } = {},
) => {
  const answer = { body: Buffer.from(JSON.stringify(body)), headers: more.headers ?? {}, truncated: false };
  return findItem({ ...rule, ...more.rule }, answer, marker, more.sizes ?? []);
};
const others = (count: number) => Array.from({ length: count }, (_, id) => ({ id, reference: `r${id}` }));

describe('the arguments of a lookup', () => {
  test('are texts, arguments of the call or the marker, without unset ones', () => {
    const texts = { status: 'open', customer: '$customer', ref: '$marker', page: '$page' };
    expect(lookupArguments({ ...rule, arguments: texts }, { customer: 7 }, marker)).toEqual({
      status: 'open',
      customer: 7,
      ref: marker,
    });
  });
});

describe('the result of a lookup', () => {
  test('is the item that carries the marker, by name or pointer', () => {
    const item = { id: 2, reference: marker };
    expect(found({ data: [...others(3), item] })).toEqual({ status: 'found', item });
    const deep = { meta: { note: `for ${marker}` } };
    expect(found([deep], { rule: { items: '', marker: { argument: 'x', field: '/meta/note' } } }).status).toBe('found');
    expect(found(item, { rule: { items: '' } })).toEqual({ status: 'found', item });
  });

  test('is absent if the list is complete', () => {
    expect(found({ data: [] })).toEqual({ status: 'absent' });
    expect(found({ data: others(3), has_more: false, next: null })).toEqual({ status: 'absent' });
  });

  test.each([
    ['says that there are more items', { data: others(3), has_more: true }, {}],
    ['gives a cursor', { data: others(3), next_cursor: 'abc' }, {}],
    ['is empty and has a next page', { data: [], nextPageToken: 'abc' }, {}],
    ['links to the next page', { data: others(3) }, { headers: { link: '<https://a.example?page=2>; rel="next"' } }],
    ['is as long as the requested page', { data: others(3) }, { sizes: [3] }],
    ['is as long as a usual page', { data: others(20) }, {}],
    ['is as long as another usual page', { data: others(25) }, {}],
    ['is missing', { items: [] }, {}],
    ['is an item without the marker', { data: { id: 1 } }, {}],
  ])('is unclear if the list %s', (_, body, more) => {
    expect(found(body, more).status).toBe('unclear');
  });

  test('is unclear if the response is not JSON or was truncated', () => {
    const answer = { body: Buffer.from('{"data":[]'), headers: {}, truncated: false };
    expect(findItem(rule, answer, marker, []).status).toBe('unclear');
    expect(findItem(rule, { ...answer, body: Buffer.from('{"data":[]}'), truncated: true }, marker, []).status).toBe(
      'unclear',
    );
  });
});
