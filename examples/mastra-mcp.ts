/** Mastra with an MCP server: when the connection is lost its client connects again and executes the call again. */
import { Agent } from '@mastra/core/agent';
import { MCPClient } from '@mastra/mcp';
import { guard } from 'mcp-once';
import { report } from './parts/environment.ts';
import { startShop } from './parts/http-server.ts';
import { stubbornModel } from './parts/mastra-model.ts';
import { settings } from './parts/shop.ts';

const once = settings.guarded ? await guard() : undefined;
const shop = await startShop(once);
const client = new MCPClient({ servers: { shop: { url: new URL(shop.url) } } });
const { model, learnt } = stubbornModel('shop_create_invoice');
const agent = new Agent({ name: 'clerk', instructions: 'Bill.', model, tools: await client.getTools() });
await agent.generate('Bill Ada.', { maxSteps: 5 });
report(learnt());
await client.disconnect();
shop.close();
await once?.close();
