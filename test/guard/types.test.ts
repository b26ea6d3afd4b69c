import { Server as Server1 } from '@modelcontextprotocol/sdk/server/index.js';
import { McpServer as McpServer1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import { McpServer as McpServer2, Server as Server2 } from '@modelcontextprotocol/server';
import { Keyv } from 'keyv';
import type { Guard, GuardOptions, Operation, RunOutcome } from 'mcp-once';
import { describe, expectTypeOf, it } from 'vitest';

/** Never called: only the compiler reads it. */
async function uses(once: Guard): Promise<void> {
  const outcome = await once.run(
    { tool: 'create_invoice', arguments: { customer: 'ada', amount: 5 } },
    async (input, operation) => {
      expectTypeOf(input).toEqualTypeOf<{ customer: string; amount: number }>();
      expectTypeOf(operation).toEqualTypeOf<Operation>();
      const step = await operation.step('customer', async (key) => {
        expectTypeOf(key).toEqualTypeOf<string>();
        return { id: 'c1' };
      });
      expectTypeOf(step).toEqualTypeOf<{ id: string }>();
      return { number: 1 };
    },
  );
  expectTypeOf(outcome).toEqualTypeOf<RunOutcome<{ number: number }>>();
  if (outcome.code === 'succeeded') {
    expectTypeOf(outcome.result).toEqualTypeOf<{ number: number }>();
    expectTypeOf(outcome.replayed).toEqualTypeOf<boolean>();
  } else {
    expectTypeOf(outcome.message).toEqualTypeOf<string>();
    // @ts-expect-error a refusal has no result
    void outcome.result;
  }

  const handler = once.wrap('create', async (input: { a: string }, context: { session: string }) => {
    return { content: [{ type: 'text' as const, text: input.a + context.session }] };
  });
  expectTypeOf(handler).parameters.toEqualTypeOf<[{ a: string }, { session: string }]>();
  // @ts-expect-error a handler answers with content
  once.wrap('create', async () => 'text');

  once.protect(new McpServer1({ name: 'a', version: '1' }));
  once.protect(new Server1({ name: 'a', version: '1' }));
  once.protect(new McpServer2({ name: 'a', version: '1' }));
  once.protect(new Server2({ name: 'a', version: '1' }));
  // @ts-expect-error nothing that can be connected
  once.protect({});
  // @ts-expect-error arguments are an object
  await once.run({ tool: 'x', arguments: 'text' }, async () => 1);
}

describe('types', () => {
  it('infer input, result and operation, and reject a value that is not a server or not content', () => {
    expectTypeOf(uses).returns.resolves.toBeVoid();
  });

  it('accept a URL or a Keyv instance, and policies with a narrower input', () => {
    expectTypeOf<{ store: string }>().toExtend<GuardOptions>();
    expectTypeOf({ store: new Keyv(), singleProcess: true }).toExtend<GuardOptions>();
    const options: GuardOptions = {
      tools: { create_invoice: { identity: (input: { customer: string }) => input.customer, window: '7d' } },
    };
    expectTypeOf(options).toEqualTypeOf<GuardOptions>();
    const scoped: GuardOptions = {
      scope: (extra: { authInfo?: { clientId: string } }) => ({ subject: extra.authInfo?.clientId ?? '' }),
    };
    expectTypeOf(scoped).toEqualTypeOf<GuardOptions>();
    // @ts-expect-error no such match
    const wrong: GuardOptions = { tools: { a: { match: 'equal' } } };
    void wrong;
  });
});
