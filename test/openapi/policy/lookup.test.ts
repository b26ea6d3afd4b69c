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
  test('are texts, the call’s own, or the marker; what the call left out is left out', () => {
    const texts = { status: 'open', customer: '$customer', ref: '$marker', page: '$page' };
    expect(lookupArguments({ ...rule, arguments: texts }, { customer: 7 }, marker)).toEqual({
      status: 'open',
      customer: 7,
      ref: marker,
    });
  });
});

describe('the list of a lookup', () => {
  test('has the item that carries the marker, by name or pointer', () => {
    const item = { id: 2, reference: marker };
    expect(found({ data: [...others(3), item] })).toEqual({ status: 'found', item });
    const deep = { meta: { note: `for ${marker}` } };
    expect(found([deep], { rule: { items: '', marker: { argument: 'x', field: '/meta/note' } } }).status).toBe('found');
    expect(found(item, { rule: { items: '' } })).toEqual({ status: 'found', item });
  });

  test('is absent where the list is whole', () => {
    expect(found({ data: [] })).toEqual({ status: 'absent' });
    expect(found({ data: others(3), has_more: false, next: null })).toEqual({ status: 'absent' });
  });

  test.each([
    ['says that there is more', { data: others(3), has_more: true }, {}],
    ['gives a cursor', { data: others(3), next_cursor: 'abc' }, {}],
    ['is empty and has more', { data: [], nextPageToken: 'abc' }, {}],
    ['links to the next page', { data: others(3) }, { headers: { link: '<https://a.example?page=2>; rel="next"' } }],
    ['is as long as a page was asked for', { data: others(3) }, { sizes: [3] }],
    ['is as long as pages are', { data: others(20) }, {}],
    ['is as long as other pages are', { data: others(25) }, {}],
    ['is not there', { items: [] }, {}],
    ['is something that does not carry the marker', { data: { id: 1 } }, {}],
  ])('is unclear where it %s', (_, body, more) => {
    expect(found(body, more).status).toBe('unclear');
  });

  test('is unclear where the answer is no JSON, or was cut', () => {
    const answer = { body: Buffer.from('{"data":[]'), headers: {}, truncated: false };
    expect(findItem(rule, answer, marker, []).status).toBe('unclear');
    expect(findItem(rule, { ...answer, body: Buffer.from('{"data":[]}'), truncated: true }, marker, []).status).toBe(
      'unclear',
    );
  });
});
