/** LangChain with a function as a tool: `once.run` around what the function does. */
import { AIMessage, createAgent, fakeModel, tool, toolRetryMiddleware } from 'langchain';
import { guard, z } from 'mcp-once';
import { report } from './parts/environment.ts';
import { createInvoice, settings } from './parts/shop.ts';

const once = await guard({ name: 'langchain-example' });

const createInvoiceTool = tool(
  async (input: { customer: string }) => {
    if (!settings.guarded) return JSON.stringify(await createInvoice(input.customer));
    const outcome = await once.run({ tool: 'create_invoice', arguments: input }, ({ customer }) =>
      createInvoice(customer),
    );
    // A refusal is for the model to read: it says whether anything was executed, and what to do next.
    return outcome.code === 'succeeded' ? JSON.stringify(outcome.result) : outcome.message;
  },
  { name: 'create_invoice', description: 'Creates an invoice.', schema: z.object({ customer: z.string() }) },
);
const agent = createAgent({
  model: fakeModel()
    .respondWithTools([{ name: 'create_invoice', args: { customer: 'ada' } }])
    .respond(new AIMessage('done')),
  tools: [createInvoiceTool],
  middleware: [toolRetryMiddleware({ maxRetries: 2, initialDelayMs: 10, jitter: false })],
});
const { messages } = await agent.invoke({ messages: [{ role: 'user', content: 'Bill Ada.' }] });
report(messages.at(-2)?.content);
await once.close();
