import { expect, test } from 'vitest';
import { BoundedMap } from '../../src/core/bounded-map.ts';

test('evicts the oldest entry when a new one exceeds the bound', () => {
  const map = new BoundedMap<string, number>(2);
  map.set('a', 1);
  map.set('b', 2);
  map.set('c', 3);
  expect([...map]).toEqual([
    ['b', 2],
    ['c', 3],
  ]);
});

test('makes an entry the newest when it is set again, and evicts nothing', () => {
  const map = new BoundedMap<string, number>(2);
  map.set('a', 1);
  map.set('b', 2);
  map.set('a', 3);
  expect(map.size).toBe(2);
  map.set('c', 4);
  expect([map.get('a'), map.has('b'), map.get('c')]).toEqual([3, false, 4]);
});

test('forgets deleted and cleared entries', () => {
  const map = new BoundedMap<string, number>(2);
  map.set('a', 1);
  expect([map.delete('a'), map.delete('a'), map.get('a')]).toEqual([true, false, undefined]);
  map.set('b', 2);
  map.clear();
  expect(map.size).toBe(0);
});
