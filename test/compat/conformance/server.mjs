// A stdio server with everything that the server scenarios of the MCP conformance suite (0.1.16) describe. It also sends
// fields that no scenario checks, which a relay must leave unchanged. If HEARD names a folder, each process stores there
// the bytes that it reads from stdin.
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import {
  CallToolRequestSchema,
  CompleteRequestSchema,
  CreateMessageResultSchema,
  ElicitResultSchema,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  ReadResourceRequestSchema,
  SetLevelRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { boxes, enums, forms, png, wav } from './data.mjs';

const { HEARD } = process.env;
if (HEARD) {
  let file;
  process.stdin.on('data', (chunk) => {
    // Files sort in the order of the first message to each process.
    file ??= join(HEARD, `${Date.now()}-${process.pid}`);
    appendFileSync(file, chunk);
  });
}

const icons = [{ src: 'data:image/png;base64,AA==', mimeType: 'image/png', sizes: ['1x1'] }];
const server = new Server(
  {
    name: 'conformance',
    version: '1.0.0',
    title: 'All that is asked for',
    websiteUrl: 'https://example.com',
    icons,
    unknown: [null, 1],
  },
  {
    capabilities: {
      tools: { listChanged: true },
      resources: { subscribe: true, listChanged: true },
      prompts: { listChanged: true },
      logging: {},
      completions: {},
      experimental: { 'example.com/x': { y: 1 } },
    },
    instructions: 'Says what it is asked to say.\nTwice, if need be.',
  },
);

const text = (value) => ({ type: 'text', text: value });
const image = { type: 'image', data: png, mimeType: 'image/png', annotations: { audience: ['user'], priority: 0.5 } };
const log = (data, extra) =>
  (extra?.sendNotification ?? ((message) => server.notification(message)))({
    method: 'notifications/message',
    params: { level: 'info', logger: 'conformance', data, unknown: { kept: true } },
  });

/** The handlers of the tools. Each gets its arguments, the SDK's `extra` and the params. */
const tools = {
  test_simple_text: () => ({
    content: [text('This is a simple text response for testing.')],
    _meta: { 'example.com/trace': 'a' },
    unknown: { kept: [1, 2.5, null] },
  }),
  test_image_content: () => ({ content: [image] }),
  test_audio_content: () => ({ content: [{ type: 'audio', data: wav, mimeType: 'audio/wav' }] }),
  test_embedded_resource: () => ({
    content: [
      {
        type: 'resource',
        resource: { uri: 'test://embedded-resource', mimeType: 'text/plain', text: 'This is an embedded resource.' },
        annotations: { lastModified: '2025-11-25T00:00:00Z' },
      },
    ],
  }),
  test_multiple_content_types: () => ({
    content: [
      text('Multiple content types test:'),
      image,
      {
        type: 'resource',
        resource: {
          uri: 'test://mixed-content-resource',
          mimeType: 'application/json',
          text: '{"test":"data","value":123}',
        },
      },
      { type: 'resource_link', uri: 'test://static-text', name: 'link', unknown: true },
    ],
  }),
  async test_tool_with_logging(_input, extra) {
    for (const step of ['started', 'processing', 'completed']) {
      await log(`Tool execution ${step}`, extra);
      await pause(20);
    }
    return { content: [text('Tool with logging executed successfully')] };
  },
  async test_tool_with_progress(_input, extra, { _meta }) {
    const progressToken = _meta?.progressToken ?? 0;
    for (const progress of [0, 50, 100]) {
      const message = `Completed step ${progress} of 100`;
      const params = { progressToken, progress, total: 100, message, unknown: 'kept' };
      await extra.sendNotification({ method: 'notifications/progress', params });
      await pause(20);
    }
    return { content: [text(String(progressToken))] };
  },
  test_error_handling: () => ({
    isError: true,
    content: [text('This tool intentionally returns an error for testing')],
    _meta: { 'example.com/reason': 'meant' },
  }),
  async test_reconnection() {
    // Meanwhile the HTTP side closes the stream.
    await pause(100);
    return { content: [text('Reconnection test completed successfully.')] };
  },
  async test_sampling({ prompt }, extra) {
    const params = { messages: [{ role: 'user', content: text(prompt) }], maxTokens: 100, temperature: 0.1 };
    const { content, model } = await extra.sendRequest(
      { method: 'sampling/createMessage', params },
      CreateMessageResultSchema,
    );
    return { content: [text(`LLM response: ${content.text} (${model})`)] };
  },
  test_elicitation: ({ message }, extra) => elicit(extra, 'User response', message, forms.response),
  test_elicitation_sep1034_defaults: (_input, extra) =>
    elicit(extra, 'Elicitation completed', 'Please look at the defaults', forms.defaults),
  test_elicitation_sep1330_enums: (_input, extra) =>
    elicit(extra, 'Elicitation completed', 'Please select options', enums),
  json_schema_2020_12_tool: (input) => ({
    content: [text(JSON.stringify(input))],
    structuredContent: { input },
  }),
};

async function elicit(extra, said, message, requestedSchema) {
  const params = { message, requestedSchema };
  const { action, content } = await extra.sendRequest({ method: 'elicitation/create', params }, ElicitResultSchema);
  return { content: [text(`${said}: action=${action}, content=${JSON.stringify(content ?? {})}`)] };
}

const messages = {
  test_simple_prompt: () => [{ role: 'user', content: text('This is a simple prompt for testing.') }],
  test_prompt_with_arguments: ({ arg1, arg2 }) => [
    { role: 'user', content: text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`) },
  ],
  test_prompt_with_embedded_resource: ({ resourceUri }) => [
    {
      role: 'user',
      content: { type: 'resource', resource: { uri: resourceUri, mimeType: 'text/plain', text: 'Embedded.' } },
    },
    { role: 'assistant', content: text('Please process the embedded resource above.') },
  ],
  test_prompt_with_image: () => [{ role: 'user', content: image }],
};

function contentsOf(uri) {
  if (uri === 'test://static-binary') return { uri, mimeType: 'image/png', blob: png };
  const [, id] = /^test:\/\/template\/(.*)\/data$/.exec(uri) ?? [];
  const data = { id, templateTest: true, data: `Data for ID: ${id}` };
  if (id !== undefined) return { uri, mimeType: 'application/json', text: JSON.stringify(data) };
  return { uri, mimeType: 'text/plain', text: `The content of ${uri}.`, _meta: { 'example.com/etag': '7' } };
}

server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: boxes.tools, _meta: { 'example.com/page': 1 } }));
server.setRequestHandler(CallToolRequestSchema, ({ params }, extra) => {
  const run = Object.hasOwn(tools, params.name) ? tools[params.name] : undefined;
  return run
    ? run(params.arguments ?? {}, extra, params)
    : { isError: true, content: [text(`no tool ${params.name}`)] };
});
server.setRequestHandler(ListResourcesRequestSchema, () => ({ resources: boxes.resources }));
server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({ resourceTemplates: boxes.templates }));
server.setRequestHandler(ReadResourceRequestSchema, ({ params }) => ({ contents: [contentsOf(params.uri)] }));
server.setRequestHandler(SubscribeRequestSchema, async ({ params }, extra) => {
  await log(`Subscribed to resource: ${params.uri}`, extra);
  await extra.sendNotification({ method: 'notifications/resources/updated', params: { uri: params.uri } });
  return {};
});
server.setRequestHandler(UnsubscribeRequestSchema, async ({ params }, extra) => {
  await log(`Unsubscribed from resource: ${params.uri}`, extra);
  return {};
});
server.setRequestHandler(ListPromptsRequestSchema, () => ({ prompts: boxes.prompts }));
server.setRequestHandler(GetPromptRequestSchema, ({ params }) => ({
  description: `The prompt ${params.name}`,
  messages: messages[params.name](params.arguments ?? {}),
}));
server.setRequestHandler(SetLevelRequestSchema, async ({ params }, extra) => {
  await log(`Log level set to: ${params.level}`, extra);
  return {};
});
server.setRequestHandler(CompleteRequestSchema, ({ params }) => ({
  completion: { values: [`${params.argument.value}-a`, `${params.argument.value}-b`], total: 2, hasMore: false },
}));
await server.connect(new StdioServerTransport());
