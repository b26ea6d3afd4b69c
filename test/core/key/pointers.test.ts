import { describe, expect, it } from 'vitest';
import { pickPointers, pointerFault, withoutPointers } from '../../../src/core/key/pointers.ts';

const order = () => ({
  memo: 'x',
  'a/b': { '~c': 1, d: 2 },
  lines: [
    { id: 1, n: 2, tags: [{ k: 'a' }] },
    { id: 3, tags: [{ k: 'b' }, { k: 'c', v: 1 }] },
  ],
});

describe('withoutPointers', () => {
  it.each<[string, string[], object]>([
    ['a member', ['/memo'], { 'a/b': order()['a/b'], lines: order().lines }],
    ['an escaped member', ['/a~1b/~0c'], { ...order(), 'a/b': { d: 2 } }],
    ['a member of each item', ['/lines/*/id', '/lines/*/tags'], { ...order(), lines: [{ n: 2 }, {}] }],
    [
      'a member of one item',
      ['/lines/1/tags/0'],
      { ...order(), lines: [order().lines[0], { id: 3, tags: [{ k: 'c', v: 1 }] }] },
    ],
    ['all items', ['/lines/*'], { ...order(), lines: [] }],
    ['nothing that is absent', ['/none', '/memo/x', '/lines/9/id', '/lines/01', '/lines/-'], order()],
    ['nothing that is inherited', ['/toString', '/lines/length'], order()],
  ])('leaves out %s', (_what, pointers, expected) => {
    const value = order();
    expect(withoutPointers(value, pointers)).toEqual(expected);
    expect(value).toEqual(order());
  });
});

describe('pickPointers', () => {
  it('returns the values by pointer, and leaves out what is absent', () => {
    expect(
      pickPointers(order(), ['/memo', '/lines/*/tags/*/k', '/lines/1/id', '/lines/0', '/none', '/none/*']),
    ).toEqual({
      '/memo': 'x',
      '/lines/*/tags/*/k': ['a', 'b', 'c'],
      '/lines/1/id': 3,
      '/lines/0': order().lines[0],
    });
  });

  it('takes a star as a name in an object', () => {
    expect(pickPointers({ map: { '*': 1, a: 2 } }, ['/map/*'])).toEqual({ '/map/*': [1] });
  });
});

describe('a pointer', () => {
  it.each([
    ['', 'names all of them'],
    ['memo', 'begins with a slash'],
    ['$.memo', 'begins with a slash'],
    ['/a~b', 'write "~0" for "~"'],
    [`/${'a'.repeat(1_000)}`, 'at most 1000 characters'],
    ['/a'.repeat(65), 'at most 64 steps'],
  ])('is refused with a reason: %s', (pointer, reason) => {
    expect(pointerFault(pointer)).toContain(reason);
    for (const use of [withoutPointers, pickPointers]) {
      expect(() => use({}, [pointer])).toThrow(
        expect.objectContaining({ code: 'configuration_invalid', message: expect.stringContaining(reason) }),
      );
    }
  });

  it('is one of at most 100 in a rule', () => {
    expect(() => withoutPointers({}, Array(101).fill('/a'))).toThrow('more than 100 pointers');
  });
});
