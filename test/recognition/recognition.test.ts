import { expect, test } from 'vitest';
import { generateTraces } from './generate.ts';
import { startOwn } from './hosts.ts';
import { limitsOf, tableOf, totalsOf } from './report.ts';
import { runTrace } from './run-trace.ts';
import { traceSchema } from './trace.ts';

const options = { seed: 7, traces: 320, kills: 4 };

test('the generator makes the same valid traces of a seed, of every class and origin', () => {
  const traces = generateTraces(options);
  expect(traces).toHaveLength(320);
  expect(generateTraces(options)).toEqual(traces);
  for (const trace of traces) expect(traceSchema.parse(trace)).toEqual(trace);
  expect(new Set(traces.map(({ origin }) => origin)).size).toBe(8);
  expect(new Set(traces.map((trace) => trace.class)).size).toBeGreaterThan(20);
  expect(generateTraces({ ...options, seed: 8 })).not.toEqual(traces);
});

test('a trace counts effects at the upstream, and a control without guards doubles', async () => {
  const trace = traceSchema.parse({
    id: 'one',
    class: 'twins in sequence',
    origin: 'own',
    steps: [
      { type: 'call', call: { tool: 'press_button', args: { button: 'b' }, means: { type: 'new' } } },
      { type: 'call', call: { tool: 'press_button', args: { button: 'b' }, means: { type: 'repeat', of: 0 } } },
      { type: 'call', call: { tool: 'press_button', args: { button: 'b' }, means: { type: 'new' } } },
    ],
    effects: 2,
  });
  for (const guarded of [true, false]) {
    const host = await startOwn({ guarded });
    try {
      const verdict = await runTrace(host, trace, 'structured');
      expect((await host.upstream.effects()).length).toBe(guarded ? 2 : 3);
      expect([verdict.doubles, verdict.answered, verdict.extra]).toEqual(guarded ? [0, 1, 1] : [1, 0, 0]);
      const limits = limitsOf(totalsOf([verdict]));
      expect(limits.every(({ holds }) => holds)).toBe(guarded);
      expect(tableOf([verdict], 'class and origin').at(-1)).toContain('| all');
    } finally {
      await host.close();
    }
  }
});
