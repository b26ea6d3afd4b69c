/** OpenAI Agents with a function as a tool. */
import { Agent, Runner, tool } from '@openai/agents';
import { guard, z } from 'mcp-once';
import { report } from './parts/environment.ts';
import { StubbornModel } from './parts/openai-model.ts';
import { createInvoice, settings } from './parts/shop.ts';

const once = await guard({ name: 'openai-agents-example' });

const createInvoiceTool = tool({
  name: 'create_invoice',
  description: 'Creates an invoice.',
  parameters: z.object({ customer: z.string() }),
  execute: async (input) => {
    if (!settings.guarded) return createInvoice(input.customer);
    const outcome = await once.run({ tool: 'create_invoice', arguments: input }, ({ customer }) =>
      createInvoice(customer),
    );
    return outcome.code === 'succeeded' ? outcome.result : outcome.message;
  },
});
const model = new StubbornModel();
const agent = new Agent({ name: 'clerk', model, tools: [createInvoiceTool] });
await new Runner({ tracingDisabled: true }).run(agent, 'Bill Ada.');
report(model.learnt);
await once.close();
