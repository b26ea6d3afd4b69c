import { expect, onTestFinished, test } from 'vitest';
import { traceIdOf } from '../../../src/core/call/handle-call.ts';
import { onEvent } from '../../../src/core/observe/events.ts';
import { resultOf, testEngine } from '../../support/engine.ts';
import { createThing } from '../../support/tools.ts';
import { Upstream } from '../../support/upstream.ts';

const id = '0af7651916cd43dd8448eb211c80319c';
const other = '1bf7651916cd43dd8448eb211c80319c';
const parent = (trace: string): string => `00-${trace}-b7ad6b7169203331-01`;

test.each([
  ['a trace', parent(id), id],
  ['a later version, with more members', `01-${id}-b7ad6b7169203331-01-more`, id],
  ['the invalid version', `ff-${id}-b7ad6b7169203331-01`, undefined],
  ['a trace of zeros', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`, undefined],
  ['a parent of zeros', `00-${id}-${'0'.repeat(16)}-01`, undefined],
  ['capitals', parent(id).toUpperCase(), undefined],
  ['a line break', `${parent(id)}\n{"level":"error"}`, undefined],
  ['an object', { toString: () => parent(id) }, undefined],
  ['a text over the bound', `01-${id}-b7ad6b7169203331-01-${'x'.repeat(600)}`, undefined],
])('traceIdOf reads %s', (_, traceparent, expected) => {
  expect(traceIdOf({ traceparent })).toBe(expected);
});

test('a repeat from another trace is a repeat, and each call is reported with its own trace', async () => {
  const reported: unknown[] = [];
  onTestFinished(onEvent((event) => event.type === 'answered' && reported.push([event.traceId, event.replayed])));
  const upstream = new Upstream();
  const { call } = testEngine({ tools: [createThing(upstream, 'refuse')] });
  for (const trace of [id, other]) {
    resultOf(await call('create_thing', { item: 'a' }, { meta: { traceparent: parent(trace), tracestate: trace } }));
  }
  expect(upstream.effects).toHaveLength(1);
  expect(reported).toEqual([
    [id, false],
    [other, true],
  ]);
});
