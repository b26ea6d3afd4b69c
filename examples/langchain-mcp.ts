/**
 * LangChain with MCP tools: `toolRetryMiddleware` calls a tool again when it failed, and each time the server
 * executes it, unless the server is guarded (parts/shop-server.ts).
 */
import { MultiServerMCPClient } from '@langchain/mcp-adapters';
import { AIMessage, createAgent, fakeModel, toolRetryMiddleware } from 'langchain';
import { report, shopCommand } from './parts/environment.ts';
import { impatientMs } from './parts/shop.ts';

const client = new MultiServerMCPClient({
  mcpServers: { shop: { transport: 'stdio', ...shopCommand, defaultToolTimeout: impatientMs } },
});
const agent = createAgent({
  // A model that needs no network: it asks for the tool once, and then ends.
  model: fakeModel()
    .respondWithTools([{ name: 'create_invoice', args: { customer: 'ada' } }])
    .respond(new AIMessage('done')),
  tools: await client.getTools(),
  middleware: [toolRetryMiddleware({ maxRetries: 2, initialDelayMs: 10, jitter: false })],
});
const { messages } = await agent.invoke({ messages: [{ role: 'user', content: 'Bill Ada.' }] });
report(messages.at(-2)?.content);
await client.close();
