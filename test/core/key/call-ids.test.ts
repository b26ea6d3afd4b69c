import { describe, expect, it } from 'vitest';
import { CALL_ID_NAMES, CONVERSATION_ID_NAMES, callIdOf, conversationIdOf } from '../../../src/core/key/call-ids.ts';

const readers = [
  { what: 'callIdOf', read: callIdOf, names: CALL_ID_NAMES, first: 'claudecode/toolUseId', last: 'callId' },
  {
    what: 'conversationIdOf',
    read: conversationIdOf,
    names: CONVERSATION_ID_NAMES,
    first: 'vscode.conversationId',
    last: 'threadId',
  },
];

describe.each(readers)('$what', ({ read, names, first, last }) => {
  it.each(names)('reads the id of $host from $name', ({ name }) => {
    expect(read({ progressToken: 7, [name]: 'id_1' })).toBe('id_1');
    expect(read({ [name]: 'x'.repeat(512) })).toHaveLength(512);
  });

  it('prefers a member with a name space, and falls back to the next usable one', () => {
    expect(read({ [last]: 'b', [first]: 'a' })).toBe('a');
    expect(read({ [last]: 'b', [first]: '' })).toBe('b');
  });

  it.each([
    ['no meta', undefined],
    ['null', null],
    ['a string', 'callId'],
    ['nothing known', { progressToken: 1, 'mcp-once/idempotency-key': 'k', sessionId: 's' }],
    ['an empty id', { [first]: '' }],
    ['an id over 512 characters', { [first]: 'x'.repeat(513) }],
    ['a number', { [first]: 5 }],
    ['an object', { [first]: { id: 'x' } }],
    ['an inherited id', Object.create({ [first]: 'x' })],
  ])('returns undefined for %s', (_what, meta) => {
    expect(read(meta)).toBeUndefined();
  });
});

it('keeps call ids and conversation ids apart', () => {
  const names = [...CALL_ID_NAMES, ...CONVERSATION_ID_NAMES].map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});
