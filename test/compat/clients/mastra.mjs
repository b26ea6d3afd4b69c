// Mastra with a scripted model (AI SDK language model, version 2).
import { Agent } from '@mastra/core/agent';
import { MCPClient } from '@mastra/mcp';
import { nextArguments, prompt, report, toolName } from './conversation.mjs';
import { roomsCommand } from './rooms-command.mjs';

const usage = { inputTokens: 1, outputTokens: 1, totalTokens: 2 };
let seen = [];

function answer(messages) {
  const results = messages.flatMap(({ role, content }) => (role === 'tool' ? content : []));
  seen = results.map(({ output }) => JSON.stringify(output));
  const args = nextArguments(seen);
  if (args === undefined) return { content: [{ type: 'text', text: 'done' }], finishReason: 'stop' };
  const call = { toolCallId: `call-${seen.length}`, toolName: `rooms_${toolName}`, input: JSON.stringify(args) };
  return { content: [{ type: 'tool-call', ...call }], finishReason: 'tool-calls' };
}

function partsOf({ content, finishReason }) {
  const parts = content.flatMap((part) =>
    part.type === 'text'
      ? [
          { type: 'text-start', id: 't' },
          { type: 'text-delta', id: 't', delta: part.text },
          { type: 'text-end', id: 't' },
        ]
      : [part],
  );
  return [{ type: 'stream-start', warnings: [] }, ...parts, { type: 'finish', finishReason, usage }];
}

const model = {
  specificationVersion: 'v2',
  provider: 'scripted',
  modelId: 'scripted',
  supportedUrls: {},
  doGenerate: async ({ prompt: messages }) => ({ ...answer(messages), usage, warnings: [] }),
  doStream: async ({ prompt: messages }) => ({ stream: ReadableStream.from(partsOf(answer(messages))) }),
};
const client = new MCPClient({ servers: { rooms: roomsCommand } });
const agent = new Agent({ name: 'clerk', instructions: 'Book.', model, tools: await client.getTools() });
await agent.generate(prompt, { maxSteps: 20 });
report(seen);
await client.disconnect();
