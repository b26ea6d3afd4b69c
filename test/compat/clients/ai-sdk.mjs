// The Vercel AI SDK with a scripted model.
import { createMCPClient } from '@ai-sdk/mcp';
import { Experimental_StdioMCPTransport as StdioTransport } from '@ai-sdk/mcp/mcp-stdio';
import { generateText, stepCountIs } from 'ai';
import { MockLanguageModelV3 } from 'ai/test';
import { nextArguments, prompt, report, toolName } from './conversation.mjs';
import { roomsCommand } from './rooms-command.mjs';

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};
let seen = [];
const model = new MockLanguageModelV3({
  doGenerate: async (options) => {
    const results = options.prompt.flatMap(({ role, content }) => (role === 'tool' ? content : []));
    seen = results.map(({ output }) => JSON.stringify(output));
    const args = nextArguments(seen);
    if (args === undefined) {
      const finishReason = { unified: 'stop', raw: undefined };
      return { content: [{ type: 'text', text: 'done' }], finishReason, usage, warnings: [] };
    }
    const call = { toolCallId: `call-${seen.length}`, toolName, input: JSON.stringify(args) };
    const finishReason = { unified: 'tool-calls', raw: undefined };
    return { content: [{ type: 'tool-call', ...call }], finishReason, usage, warnings: [] };
  },
});
const client = await createMCPClient({ transport: new StdioTransport(roomsCommand) });
await generateText({ model, tools: await client.tools(), prompt, stopWhen: stepCountIs(20) });
report(seen);
await client.close();
