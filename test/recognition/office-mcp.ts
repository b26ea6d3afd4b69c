import { callOffice, type Route } from './office-call.ts';

/** A JSON-RPC request of a client. */
interface OfficeRequest {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: {
    readonly name?: string;
    readonly arguments?: Record<string, unknown>;
    readonly protocolVersion?: string;
  };
}

/** A tool as an MCP server lists it, and where it leads. */
export interface ServedTool extends Route {
  readonly listed: { readonly name: string };
}

/** Answers as an MCP server in front of the office. It knows nothing of guards. @returns undefined for a notification */
export async function answerAsServer(
  url: string,
  tools: readonly ServedTool[],
  { id, method, params = {} }: OfficeRequest,
): Promise<object | undefined> {
  if (id === undefined) return undefined;
  return { jsonrpc: '2.0', id, result: await resultOf(url, tools, method ?? '', params) };
}

async function resultOf(
  url: string,
  tools: readonly ServedTool[],
  method: string,
  params: NonNullable<OfficeRequest['params']>,
): Promise<object> {
  switch (method) {
    case 'initialize': {
      const { protocolVersion = '2025-11-25' } = params;
      return { protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'office', version: '1.0.0' } };
    }
    case 'tools/list':
      return { tools: tools.map(({ listed }) => listed) };
    case 'tools/call': {
      const tool = tools.find(({ listed }) => listed.name === params.name);
      if (!tool) return failure(`unknown tool ${params.name}`);
      try {
        const made = await callOffice(url, tool, params.arguments ?? {});
        return { content: [{ type: 'text', text: JSON.stringify(made) }], structuredContent: made };
      } catch (error) {
        return failure(error instanceof Error ? error.message : String(error));
      }
    }
    default:
      return {};
  }
}

function failure(text: string): object {
  return { isError: true, content: [{ type: 'text', text }] };
}
