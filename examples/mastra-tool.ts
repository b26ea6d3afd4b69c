/** Mastra with a function as a tool. */
import { Agent } from '@mastra/core/agent';
import { createTool } from '@mastra/core/tools';
import { guard, z } from 'mcp-once';
import { report } from './parts/environment.ts';
import { stubbornModel } from './parts/mastra-model.ts';
import { createInvoice, settings } from './parts/shop.ts';

const once = await guard({ name: 'mastra-example' });

const createInvoiceTool = createTool({
  id: 'create_invoice',
  description: 'Creates an invoice.',
  inputSchema: z.object({ customer: z.string() }),
  execute: async ({ context }) => {
    if (!settings.guarded) return createInvoice(context.customer);
    const outcome = await once.run({ tool: 'create_invoice', arguments: context }, ({ customer }) =>
      createInvoice(customer),
    );
    if (outcome.code === 'succeeded') return outcome.result;
    throw new Error(outcome.message);
  },
});
const { model, learnt } = stubbornModel('create_invoice');
const agent = new Agent({ name: 'clerk', instructions: 'Bill.', model, tools: { create_invoice: createInvoiceTool } });
await agent.generate('Bill Ada.', { maxSteps: 5 });
report(learnt());
await once.close();
