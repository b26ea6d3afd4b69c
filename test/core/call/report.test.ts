import { expect, onTestFinished, test } from 'vitest';
import { traceIdOf } from '../../../src/core/call/report.ts';
import { onEvent } from '../../../src/core/observe/events.ts';
import { resultOf, testEngine } from '../../support/engine.ts';
import { createThing } from '../../support/tools.ts';
import { Upstream } from '../../support/upstream.ts';

const id = '0af7651916cd43dd8448eb211c80319c';
const other = '1bf7651916cd43dd8448eb211c80319c';
const parent = (trace: string): string => `00-${trace}-b7ad6b7169203331-01`;

test.each([
  ['what is one', parent(id), id],
  ['a later version, with more behind it', `01-${id}-b7ad6b7169203331-01-more`, id],
  ['the version that is none', `ff-${id}-b7ad6b7169203331-01`, undefined],
  ['no trace', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`, undefined],
  ['no parent', `00-${id}-${'0'.repeat(16)}-01`, undefined],
  ['capitals', parent(id).toUpperCase(), undefined],
  ['a line break', `${parent(id)}\n{"level":"error"}`, undefined],
  ['something else', { toString: () => parent(id) }, undefined],
  ['more than anybody sends', `01-${id}-b7ad6b7169203331-01-${'x'.repeat(600)}`, undefined],
])('%s', (_, traceparent, expected) => {
  expect(traceIdOf({ traceparent })).toBe(expected);
});

test('a repeat from another trace is a repeat, and each call is reported with its own trace', async () => {
  const told: unknown[] = [];
  onTestFinished(onEvent((event) => event.type === 'answered' && told.push([event.traceId, event.replayed])));
  const upstream = new Upstream();
  const { call } = testEngine({ tools: [createThing(upstream, 'refuse')] });
  for (const trace of [id, other]) {
    resultOf(await call('create_thing', { item: 'a' }, { meta: { traceparent: parent(trace), tracestate: trace } }));
  }
  expect(upstream.effects).toHaveLength(1);
  expect(told).toEqual([
    [id, false],
    [other, true],
  ]);
});
