/** Vercel AI SDK with a function as a tool: a model that sees an error asks for the tool again. */
import { generateText, stepCountIs, tool } from 'ai';
import { guard, z } from 'mcp-once';
import { report } from './parts/environment.ts';
import { createInvoice, settings } from './parts/shop.ts';
import { stubbornModel } from './parts/vercel-model.ts';

const once = await guard({ name: 'vercel-ai-example' });

const createInvoiceTool = tool({
  description: 'Creates an invoice.',
  inputSchema: z.object({ customer: z.string() }),
  execute: async (input) => {
    if (!settings.guarded) return createInvoice(input.customer);
    const outcome = await once.run({ tool: 'create_invoice', arguments: input }, ({ customer }) =>
      createInvoice(customer),
    );
    if (outcome.code === 'succeeded') return outcome.result;
    throw new Error(outcome.message);
  },
});
const { model, learnt } = stubbornModel();
const tools = { create_invoice: createInvoiceTool };
await generateText({ model, tools, prompt: 'Bill Ada.', stopWhen: stepCountIs(5) });
report(learnt());
await once.close();
