/** LangChain with MCP tools over HTTP: `toolRetryMiddleware` sends a call again whose answer was lost on the way. */
import { MultiServerMCPClient } from '@langchain/mcp-adapters';
import { AIMessage, createAgent, fakeModel, toolRetryMiddleware } from 'langchain';
import { guard } from 'mcp-once';
import { report } from './parts/environment.ts';
import { startShop } from './parts/http-server.ts';
import { settings } from './parts/shop.ts';

const once = settings.guarded ? await guard() : undefined;
const shop = await startShop(once);
const client = new MultiServerMCPClient({ mcpServers: { shop: { transport: 'http', url: shop.url } } });
const agent = createAgent({
  model: fakeModel()
    .respondWithTools([{ name: 'create_invoice', args: { customer: 'ada' } }])
    .respond(new AIMessage('done')),
  tools: await client.getTools(),
  middleware: [toolRetryMiddleware({ maxRetries: 2, initialDelayMs: 10, jitter: false })],
});
const { messages } = await agent.invoke({ messages: [{ role: 'user', content: 'Bill Ada.' }] });
report(messages.at(-2)?.content);
await client.close();
shop.close();
await once?.close();
