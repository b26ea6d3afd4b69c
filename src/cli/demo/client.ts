import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { OUTCOME_META, type OutcomeMeta } from '../../server/render.ts';

export interface ClientOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the server. */
  readonly env: Readonly<Record<string, string>>;
  readonly stderr?: 'ignore' | 'inherit';
}

/** What one call got. */
export interface Told {
  readonly outcome: OutcomeMeta;
  readonly result: unknown;
}

/** A real MCP client and its own server process. */
export interface ConnectedClient {
  readonly pid: number;
  /** Calls a tool. @throws when no answer comes: after `timeoutMs`, or when the server has died. */
  call(name: string, args: Record<string, unknown>, timeoutMs?: number): Promise<Told>;
  close(): Promise<void>;
}

/** Starts a server over stdio and connects the official client to it. */
export async function connectClient(options: ClientOptions): Promise<ConnectedClient> {
  const { command, args, env, stderr = 'ignore' } = options;
  const transport = new StdioClientTransport({ command, args: [...args], env: { ...env }, stderr });
  const client = new Client({ name: 'mcp-once-demo', version: '1.0.0' });
  await client.connect(transport);
  return {
    pid: transport.pid ?? 0,
    call: async (name, given, timeoutMs = 60_000) => {
      const answer = await client.callTool({ name, arguments: given }, undefined, { timeout: timeoutMs });
      return { outcome: answer._meta?.[OUTCOME_META] as OutcomeMeta, result: answer.structuredContent };
    },
    close: () => client.close(),
  };
}
