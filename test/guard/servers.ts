import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { McpServer as McpServer2, Server as Server2 } from '@modelcontextprotocol/server';
import { z } from 'zod';
import type { ServerLike, ToolHints } from '../../src/index.ts';

/** One tool of a server under test. It takes `{ customer, amount?, note? }`. */
export interface TestTool {
  readonly name: string;
  readonly annotations?: ToolHints;
  run(input: Record<string, unknown>, extra: object): Promise<ToolAnswer>;
}

export interface ToolAnswer {
  readonly content: { type: 'text'; text: string }[];
  readonly isError?: boolean;
  [more: string]: unknown;
}

/** A server of one SDK: what protects it, what registers tools, what connects it. */
export interface TestServer {
  readonly server: ServerLike;
  register(tools: readonly TestTool[]): void;
  connect(transport: unknown): Promise<void>;
}

const shape = { customer: z.string(), amount: z.number().default(1), note: z.string().optional() };
const inputSchema = {
  type: 'object' as const,
  properties: {
    customer: { type: 'string' },
    amount: { type: 'number', default: 1 },
    note: { type: 'string' },
  },
  required: ['customer'],
};
const info = { name: 'shop', version: '1.0.0' };

function lowLevel(tools: readonly TestTool[]) {
  const list = () => ({
    tools: tools.map(({ name, annotations }) => ({ name, inputSchema, ...(annotations ? { annotations } : {}) })),
  });
  const call = (name: string, input: unknown, extra: object): Promise<ToolAnswer> => {
    const tool = tools.find((each) => each.name === name);
    if (!tool) throw new Error('unknown tool');
    return tool.run(input as Record<string, unknown>, extra);
  };
  return { list, call };
}

/** The servers that a guard protects, by name. */
export const servers: Readonly<Record<string, () => TestServer>> = {
  'McpServer of SDK 1': () => {
    const server = new McpServer(info, { capabilities: { tools: {} } });
    return {
      server,
      register: (tools) => {
        for (const { name, annotations, run } of tools) {
          const config = { inputSchema: shape, ...(annotations ? { annotations: annotations as object } : {}) };
          server.registerTool(name, config, (input, extra) => run(input, extra));
        }
      },
      connect: (transport) => server.connect(transport as InMemoryTransport),
    };
  },
  'Server of SDK 1': () => {
    const server = new Server(info, { capabilities: { tools: {} } });
    return {
      server,
      register: (tools) => {
        const { list, call } = lowLevel(tools);
        server.setRequestHandler(ListToolsRequestSchema, list);
        server.setRequestHandler(CallToolRequestSchema, ({ params }, extra) =>
          call(params.name, params.arguments, extra),
        );
      },
      connect: (transport) => server.connect(transport as InMemoryTransport),
    };
  },
  'McpServer of SDK 2': () => {
    const server = new McpServer2(info);
    return {
      server,
      register: (tools) => {
        for (const { name, annotations, run } of tools) {
          const config = {
            inputSchema: z.object(shape),
            ...(annotations ? { annotations: annotations as object } : {}),
          };
          server.registerTool(name, config, (input, ctx) => run(input, ctx));
        }
      },
      connect: (transport) => server.connect(transport as never),
    };
  },
  'Server of SDK 2': () => {
    const server = new Server2(info, { capabilities: { tools: {} } });
    return {
      server,
      register: (tools) => {
        const { list, call } = lowLevel(tools);
        server.setRequestHandler('tools/list', list);
        server.setRequestHandler('tools/call', ({ params }, ctx) => call(params.name, params.arguments, ctx));
      },
      connect: (transport) => server.connect(transport as never),
    };
  },
};

/** A client that is connected to a server in this process. */
export async function clientOf(server: TestServer): Promise<Client> {
  const [near, far] = InMemoryTransport.createLinkedPair();
  const client = new Client({ name: 'test', version: '1.0.0' });
  await server.connect(far);
  await client.connect(near);
  return client;
}

export interface Answered {
  readonly content: { type: string; text: string }[];
  readonly isError?: boolean;
  readonly _meta?: Record<string, unknown>;
}

/** Calls a tool; the answer and what it says of itself. */
export async function callTool(client: Client, name: string, args: object, options: { signal?: AbortSignal } = {}) {
  const answer = (await client.callTool({ name, arguments: { ...args } }, undefined, options)) as unknown as Answered;
  const outcome = (answer._meta?.['mcp-once/outcome'] ?? {}) as Record<string, unknown>;
  return { answer, outcome, text: answer.content.map((each) => each.text).join('\n') };
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
