// OpenAI Agents with a scripted model.
import { Agent, MCPServerStdio, Runner, Usage } from '@openai/agents';
import { nextArguments, prompt, report, toolName } from './conversation.mjs';
import { roomsCommand } from './rooms-command.mjs';

let seen = [];
const model = {
  async getResponse({ input }) {
    const results = typeof input === 'string' ? [] : input.filter(({ type }) => type === 'function_call_result');
    seen = results.map(({ output }) => JSON.stringify(output));
    const args = nextArguments(seen);
    if (args === undefined) {
      const content = [{ type: 'output_text', text: 'done' }];
      return { usage: new Usage(), output: [{ type: 'message', role: 'assistant', status: 'completed', content }] };
    }
    const call = { callId: `call-${seen.length}`, name: toolName, arguments: JSON.stringify(args) };
    return { usage: new Usage(), output: [{ type: 'function_call', status: 'completed', ...call }] };
  },
};
const rooms = new MCPServerStdio({ name: 'rooms', ...roomsCommand, timeout: 60_000, clientSessionTimeoutSeconds: 60 });
await rooms.connect();
const agent = new Agent({ name: 'clerk', model, mcpServers: [rooms] });
await new Runner({ tracingDisabled: true }).run(agent, prompt, { maxTurns: 20 });
report(seen);
await rooms.close();
