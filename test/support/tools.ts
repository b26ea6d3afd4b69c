import type { Tool, ToolDefinition } from '../../src/core/tool/types.ts';
import { defineTool, type Recovery, z } from '../../src/index.ts';
import { type Upstream, upstreamClient } from './upstream.ts';

const input = z.strictObject({
  item: z.string(),
  count: z.int().default(1),
  note: z.string().optional(),
  tags: z.array(z.string()).optional(),
});
const output = z.object({ id: z.string() });

type Definition = ToolDefinition<typeof input, typeof output, Upstream>;

/** `create_thing` sends one request. Its business key is item and count. */
export function createThing(
  upstream: Upstream,
  recovery: Recovery | Recovery[],
  changes: Partial<Definition> = {},
): Tool {
  const needsKeys = [recovery].flat().includes('resend');
  return defineTool({
    name: 'create_thing',
    title: 'Create thing',
    description: 'Creates a thing.',
    effect: 'create',
    input,
    output,
    client: upstreamClient(upstream, needsKeys ? 86_400_000 : 0),
    identity: ({ item, count }) => ({ item, count }),
    recovery,
    lookup: async (_input, context) => {
      const found = context.client.effects.find((effect) => effect.marker === context.marker);
      return found ? { status: 'found', result: { id: found.id } } : { status: 'absent' };
    },
    run: async (given, context) => {
      const { id } = await context.step('thing', (key) => context.client.send(key, given, context.marker));
      return { id };
    },
    ...changes,
  } satisfies Definition);
}

/** `set_thing` writes a resource. Its match is `latest`. */
export function setThing(upstream: Upstream, changes: Partial<Definition> = {}): Tool {
  return createThing(upstream, 'natural', {
    name: 'set_thing',
    effect: 'update',
    resource: ({ item }) => ({ item }),
    ...changes,
  });
}

/** `create_order` sends three requests, each in a step. */
export function createOrder(
  upstream: Upstream,
  recovery: Recovery | Recovery[],
  changes: Partial<Definition> = {},
): Tool {
  return createThing(upstream, recovery, {
    name: 'create_order',
    run: async (given, context) => {
      const customer = await context.step('customer', (key) => context.client.send(key, ['customer', given.item]));
      const order = await context.step('order', (key) =>
        context.client.send(key, ['order', customer.id], context.marker),
      );
      await context.step('confirm', (key) => context.client.send(key, ['confirm', order.id]));
      return { id: order.id };
    },
    ...changes,
  });
}
