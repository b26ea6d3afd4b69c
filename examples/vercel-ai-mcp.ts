/** Vercel AI SDK with MCP tools: with `maxRetries` its client sends a call again after a 503 or a lost connection. */
import { createMCPClient } from '@ai-sdk/mcp';
import { generateText, stepCountIs, type ToolSet } from 'ai';
import { guard } from 'mcp-once';
import { report } from './parts/environment.ts';
import { startShop } from './parts/http-server.ts';
import { settings } from './parts/shop.ts';
import { stubbornModel } from './parts/vercel-model.ts';

const once = settings.guarded ? await guard() : undefined;
const shop = await startShop(once);
const client = await createMCPClient({ transport: { type: 'http', url: shop.url }, maxRetries: 2 });
const { model, learnt } = stubbornModel();
const tools = (await client.tools()) as ToolSet;
await generateText({ model, tools, prompt: 'Bill Ada.', stopWhen: stepCountIs(5) });
report(learnt());
await client.close();
shop.close();
await once?.close();
