import { describe, expect, test } from 'vitest';
import { type Earlier, type Recognition, recognise, type Since } from '../../../src/core/recognition/table.ts';

type Row = readonly [earlier: Earlier, since: Since, create: Recognition, state: Recognition, repeatable: Recognition];

const classes = ['create', 'state', 'repeatable'] as const;
const sinces: readonly Since[] = ['nothing_yet', 'nothing', 'write', 'delete'];
const earliers: readonly Earlier[] = ['in_flight', 'delivered', 'not_delivered'];

function checkRow(relation: 'same' | 'reworded' | 'other', [earlier, since, ...decisions]: Row) {
  const found = classes.map((each) => recognise({ relation, earlier, since, class: each, deletes: false }));
  expect(found).toEqual(decisions);
}

describe('the recognition table, for the same call', () => {
  test.each<Row>([
    ['in_flight', 'nothing_yet', 'wait', 'wait', 'wait'],
    ['not_delivered', 'nothing_yet', 'replay', 'replay', 'replay'],
    ['not_delivered', 'nothing', 'replay', 'replay', 'replay'],
    ['not_delivered', 'write', 'replay', 'replay', 'replay'],
    ['not_delivered', 'delete', 'replay', 'replay', 'replay'],
    ['delivered', 'nothing_yet', 'replay', 'replay', 'replay'],
    ['delivered', 'nothing', 'replay', 'execute', 'execute'],
    ['delivered', 'write', 'replay', 'execute', 'execute'],
    ['delivered', 'delete', 'execute', 'execute', 'execute'],
  ])('decides %s, then %s: create %s, state %s, repeatable %s', (...row) => checkRow('same', row));

  test('replays a delete however late, and executes it after another write', () => {
    const of = (since: Since) =>
      recognise({ relation: 'same', earlier: 'delivered', since, class: 'state', deletes: true });
    expect(sinces.map(of)).toEqual(['replay', 'replay', 'execute', 'execute']);
  });
});

describe('the recognition table, for a reworded call', () => {
  test.each<Row>([
    ['in_flight', 'nothing_yet', 'wait', 'execute', 'wait'],
    ['not_delivered', 'nothing', 'ask', 'execute', 'ask'],
    ['not_delivered', 'delete', 'ask', 'execute', 'ask'],
    ['delivered', 'nothing_yet', 'ask', 'execute', 'execute'],
    ['delivered', 'delete', 'ask', 'execute', 'execute'],
  ])('decides %s, then %s: create %s, state %s, repeatable %s', (...row) => checkRow('reworded', row));
});

describe('the recognition table, for other content', () => {
  test.each(earliers)('executes it, whatever came before: %s', (earlier) => {
    for (const since of sinces) checkRow('other', [earlier, since, 'execute', 'execute', 'execute']);
  });
});

describe('the safe row', () => {
  test('never executes a repeat while nothing is known of the session', () => {
    for (const each of classes) {
      for (const since of sinces) {
        const facts = { earlier: 'not_delivered', since, class: each, deletes: false } as const;
        expect(recognise({ relation: 'same', ...facts })).toBe('replay');
        if (each !== 'state') expect(recognise({ relation: 'reworded', ...facts })).toBe('ask');
      }
    }
  });
});
