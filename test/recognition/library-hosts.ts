import { PassThrough } from 'node:stream';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { type Guard, type GuardPolicies, guard, NotExecuted } from '../../src/index.ts';
import { countedOffice, type Host, type HostOptions, type HostSession } from './hosts.ts';
import { LineClient } from './lines.ts';
import { inputSchemaOf, type OfficeTool, officeTools } from './office.ts';
import { callOffice, OfficeError } from './office-call.ts';

function policies(): GuardPolicies {
  return Object.fromEntries(
    officeTools.map((tool) => {
      const { effect, resource } = tool;
      const named =
        resource === undefined ? {} : { resource: (input: Readonly<Record<string, unknown>>) => input[resource] };
      return [tool.name, { effect, class: tool.class, ...(tool.class === 'state' ? named : {}) }];
    }),
  );
}

async function send(url: string, tool: OfficeTool, args: Record<string, unknown>) {
  try {
    return await callOffice(url, tool, args);
  } catch (error) {
    if (error instanceof OfficeError) throw new NotExecuted(error.message);
    throw error;
  }
}

async function openServer(once: Guard | undefined, url: string): Promise<HostSession> {
  const server = new McpServer({ name: 'office', version: '1.0.0' });
  once?.protect(server, { tools: policies() });
  for (const tool of officeTools) {
    const config = { inputSchema: tool.shape.shape, outputSchema: { id: tool.shape.shape.id ?? idSchema } };
    server.registerTool(
      tool.name,
      config as object,
      (async (input: Record<string, unknown>) => {
        const made = await send(url, tool, input);
        return { content: [{ type: 'text' as const, text: JSON.stringify(made) }], structuredContent: made };
      }) as never,
    );
  }
  const [input, output] = [new PassThrough(), new PassThrough()];
  await server.connect(new StdioServerTransport(input, output));
  const client = new LineClient(output, input);
  await client.initialize();
  return {
    call: (...call) => client.call(...call),
    end: async () => {
      client.end();
      await server.close();
    },
  };
}

const idSchema = officeTools[4]?.shape.shape.id;

/** Serves the tools of an MCP server that its author guards with the library. */
export async function startLibrary({ guarded }: HostOptions): Promise<Host> {
  const { office, upstream } = await countedOffice();
  const once = guarded ? await guard({ store: 'memory:', name: 'office', drain: 0, logLevel: 'silent' }) : undefined;
  return {
    origin: 'library',
    upstream,
    open: () => openServer(once, office.url),
    close: async () => {
      await office.close();
      await once?.close();
    },
  };
}

/** Runs the tools as guarded functions. Their callers are programs, which have no session. */
export async function startFunctions({ guarded }: HostOptions): Promise<Host> {
  const { office, upstream } = await countedOffice();
  const once = guarded ? await guard({ store: 'memory:', name: 'functions', drain: 0, logLevel: 'silent' }) : undefined;
  const call: HostSession['call'] = async (name, args) => {
    const tool = officeTools.find((each) => each.name === name);
    if (!tool) throw new Error(`no tool ${name}`);
    const { repeat_token: repeatToken, ...rest } = args;
    const execute = (input: object) => send(office.url, tool, input as Record<string, unknown>);
    const outcome = once
      ? await once.run(
          {
            tool: { name, inputSchema: inputSchemaOf(tool), ...policies()[name] },
            arguments: rest,
            ...(typeof repeatToken === 'string' ? { repeatToken } : {}),
          },
          execute,
        )
      : { code: 'succeeded', result: await execute(rest) };
    return { content: [{ type: 'text', text: JSON.stringify(outcome) }], isError: outcome.code !== 'succeeded' };
  };
  return {
    origin: 'library run',
    upstream,
    open: async () => ({ call, end: async () => undefined }),
    close: async () => {
      await office.close();
      await once?.close();
    },
  };
}
