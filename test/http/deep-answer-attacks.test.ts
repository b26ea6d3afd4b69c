import { guard } from 'mcp-once';
import { describe, expect, onTestFinished, test } from 'vitest';
import { defineTool, z } from '../../src/index.ts';
import { httpServer, messageOf, openSession, post, postModern, toolCall } from '../support/http-server.ts';
import { createThing } from '../support/tools.ts';

/** Returns a value with this many levels of lists. */
function nested(levels: number): unknown {
  let value: unknown = 'end';
  for (let level = 0; level < levels; level += 1) value = [value];
  return value;
}

async function started() {
  const { url, upstream } = await httpServer({
    tools: (upstream) => [
      createThing(upstream, 'resend', {
        output: z.any() as never,
        run: async (given, context) => {
          await context.step('thing', (key) => context.client.send(key, given, context.marker));
          return nested(100_000) as never;
        },
      }),
      defineTool({
        name: 'get_deep',
        title: 'Get a deep value',
        description: 'Gets a value that is nested very deep.',
        effect: 'read',
        input: z.strictObject({}),
        output: z.any(),
        run: async () => nested(100_000),
      }),
    ],
  });
  const session = await openSession(url);
  const callers = {
    '2025': (name: string, args: object) => post(url, toolCall(1, args, name), session),
    '2026': (name: string, args: object) => postModern(url, 'tools/call', { name, arguments: args }),
  };
  return { callers, upstream };
}

describe.each(['2025', '2026'] as const)('a result that is nested too deep, over HTTP (%s)', (era) => {
  test('gives a guarded call its true outcome, and its repeat the same', async () => {
    const { callers, upstream } = await started();
    for (let call = 0; call < 2; call += 1) {
      const { result } = await messageOf(await callers[era]('create_thing', { item: era }));
      expect(result.isError).toBe(true);
      expect(result._meta['mcp-once/outcome'].code).toBe('result_not_kept');
    }
    expect(upstream.effects).toHaveLength(1);
  });

  test('gives a read an error', async () => {
    const { callers } = await started();
    const answer = await messageOf(await callers[era]('get_deep', {}));
    expect(JSON.stringify(answer.error ?? answer.result)).toMatch(/cannot be written as JSON|nested deeper/);
  });
});

test('a result of a guarded function that is nested too deep has a true outcome, and runs once', async () => {
  const once = await guard({ store: 'memory:', drain: 0, logLevel: 'silent' });
  onTestFinished(() => once.close());
  let effects = 0;
  const execute = async () => {
    effects += 1;
    return nested(100_000) as never;
  };
  const call = { tool: 'create_invoice', arguments: { customer: 'ada' } };
  expect((await once.run(call, execute)).code).toBe('result_not_kept');
  expect((await once.run(call, execute)).code).toBe('result_not_kept');
  expect(effects).toBe(1);
});
