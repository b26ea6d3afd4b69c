/** OpenAI Agents with an MCP server: after a time-out or an error the model asks for the tool again. */
import { Agent, MCPServerStdio, Runner } from '@openai/agents';
import { report, shopCommand } from './parts/environment.ts';
import { StubbornModel } from './parts/openai-model.ts';
import { impatientMs } from './parts/shop.ts';

const shop = new MCPServerStdio({ name: 'shop', ...shopCommand, timeout: impatientMs });
await shop.connect();
const model = new StubbornModel();
const agent = new Agent({ name: 'clerk', model, mcpServers: [shop] });
await new Runner({ tracingDisabled: true }).run(agent, 'Bill Ada.');
report(model.learnt);
await shop.close();
