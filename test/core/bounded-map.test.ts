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

test('evicts the oldest entries also after others were deleted, set again and cleared', () => {
  const map = new BoundedMap<number, number>(3);
  const order: number[] = [];
  const set = (key: number): void => {
    const at = order.indexOf(key);
    if (at >= 0) order.splice(at, 1);
    if (order.length >= 3) order.shift();
    order.push(key);
    map.set(key, key);
  };
  for (let step = 0; step < 2_000; step += 1) {
    if (step % 7 === 3) {
      const [, second = -1] = order;
      order.splice(1, 1);
      map.delete(second);
    } else if (step % 501 === 500) {
      order.length = 0;
      map.clear();
    } else set((step * 5) % 11);
    expect([...map].map(([key]) => key)).toEqual(order);
  }
});
