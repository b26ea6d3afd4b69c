// LangChain with a scripted model. Its tools throw the errors of MCP, so the agent returns them to the model, as the
// documentation of LangChain shows.
import { BaseChatModel } from '@langchain/core/language_models/chat_models';
import { AIMessage, ToolMessage } from '@langchain/core/messages';
import { MultiServerMCPClient } from '@langchain/mcp-adapters';
import { createAgent, createMiddleware } from 'langchain';
import { nextArguments, prompt, report, toolName } from './conversation.mjs';
import { roomsCommand } from './rooms-command.mjs';

let seen = [];

class ScriptedModel extends BaseChatModel {
  _llmType() {
    return 'scripted';
  }

  bindTools() {
    return this;
  }

  async _generate(messages) {
    const results = messages.filter((message) => message.getType() === 'tool');
    seen = results.map(({ content }) => (typeof content === 'string' ? content : JSON.stringify(content)));
    const args = nextArguments(seen);
    const tool_calls =
      args === undefined ? [] : [{ name: toolName, args, id: `call-${seen.length}`, type: 'tool_call' }];
    return { generations: [{ text: '', message: new AIMessage({ content: 'done', tool_calls }) }] };
  }
}

const returnErrors = createMiddleware({
  name: 'ReturnErrors',
  wrapToolCall: async (request, handler) => {
    try {
      return await handler(request);
    } catch (error) {
      return new ToolMessage({ content: `Tool error: ${error}`, tool_call_id: request.toolCall.id, status: 'error' });
    }
  },
});

const client = new MultiServerMCPClient({ mcpServers: { rooms: { transport: 'stdio', ...roomsCommand } } });
const tools = await client.getTools();
const agent = createAgent({ model: new ScriptedModel({}), tools, middleware: [returnErrors] });
await agent.invoke({ messages: [{ role: 'user', content: prompt }] }, { recursionLimit: 50 });
report(seen);
await client.close();
