// A local HTTP server with a scripted model. It speaks the Messages API of Anthropic and the Responses API of OpenAI, as far
// as the coding agents need them, and records what a model receives of each tool call.
import { createServer } from 'node:http';
import { nextArguments, toolName } from '../compat/clients/conversation.mjs';

/** Starts the server. `seen()` returns what the model received of each call so far, as text. */
export async function startModel() {
  let seen = [];
  const requests = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('utf8');
    const body = text.startsWith('{') ? JSON.parse(text) : {};
    const path = new URL(request.url ?? '/', 'http://127.0.0.1').pathname;
    requests.push({ method: request.method, path, body });
    if (path.endsWith('/count_tokens')) return json(response, { input_tokens: 1 });
    const reply = path.endsWith('/messages') ? anthropicReply : path.endsWith('/responses') ? openaiReply : undefined;
    if (reply === undefined) return json(response, { data: [], models: [] });
    const { tool, results } = reply.read(body);
    // Agents also ask for titles and summaries, without tools.
    if (tool !== undefined && results.length >= seen.length) seen = results;
    const args = tool === undefined ? undefined : nextArguments(results);
    const events = reply.events(tool, args, results.length);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const event of events) response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
    response.end();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  return {
    url: `http://127.0.0.1:${port}`,
    seen: () => seen,
    requests: () => requests,
    close: () => server.close().closeAllConnections(),
  };
}

function json(response, value) {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

const textOf = (content) => (typeof content === 'string' ? content : JSON.stringify(content));

/** The Messages API: the next call follows from the tool results in the conversation. */
const anthropicReply = {
  read({ tools = [], messages = [] }) {
    const tool = tools.find(({ name }) => name?.endsWith(toolName));
    const blocks = messages.flatMap(({ content }) => (Array.isArray(content) ? content : []));
    const results = blocks.filter(({ type }) => type === 'tool_result').map(({ content }) => textOf(content));
    return { tool: tool && { name: tool.name }, results };
  },
  events(tool, args, count) {
    const usage = { input_tokens: 1, output_tokens: 1 };
    const message = { id: `msg_${count}`, type: 'message', role: 'assistant', model: 'scripted', content: [], usage };
    const block = args
      ? { type: 'tool_use', id: `toolu_${count}`, name: tool.name, input: {} }
      : { type: 'text', text: '' };
    const delta = args
      ? { type: 'input_json_delta', partial_json: JSON.stringify(args) }
      : { type: 'text_delta', text: 'done' };
    return [
      { type: 'message_start', message: { ...message, stop_reason: null, stop_sequence: null } },
      { type: 'content_block_start', index: 0, content_block: block },
      { type: 'content_block_delta', index: 0, delta },
      { type: 'content_block_stop', index: 0 },
      { type: 'message_delta', delta: { stop_reason: args ? 'tool_use' : 'end_turn', stop_sequence: null }, usage },
      { type: 'message_stop' },
    ];
  },
};

/** The Responses API. Codex may list the tools of a server in a namespace. */
const openaiReply = {
  read({ tools = [], input = [] }) {
    const named = tools.flatMap(({ type, name, tools: within = [] }) =>
      type === 'namespace' ? within.map((each) => ({ namespace: name, name: each.name })) : [{ name }],
    );
    const tool = named.find(({ name }) => name?.endsWith(toolName));
    const items = Array.isArray(input) ? input : [];
    const results = items.filter(({ type }) => type === 'function_call_output').map(({ output }) => textOf(output));
    return { tool, results };
  },
  events(tool, args, count) {
    const id = `resp_${count}`;
    const item = args
      ? { type: 'function_call', id: `fc_${count}`, call_id: `call_${count}`, ...tool, arguments: JSON.stringify(args) }
      : { type: 'message', id: `m_${count}`, role: 'assistant', content: [{ type: 'output_text', text: 'done' }] };
    const usage = {
      input_tokens: 1,
      input_tokens_details: null,
      output_tokens: 1,
      output_tokens_details: null,
      total_tokens: 2,
    };
    return [
      { type: 'response.created', response: { id } },
      { type: 'response.output_item.added', output_index: 0, item },
      { type: 'response.output_item.done', output_index: 0, item },
      { type: 'response.completed', response: { id, output: [item], usage } },
    ];
  },
};
