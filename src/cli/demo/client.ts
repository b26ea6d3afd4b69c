import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { OUTCOME_META, type OutcomeMeta } from '../../server/render.ts';

export interface ClientOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the server. */
  readonly env: Readonly<Record<string, string>>;
}

/** What one call got. */
export interface Told {
  readonly outcome: OutcomeMeta;
  readonly result: unknown;
}

/** A real MCP client and its own server process. */
export interface DemoClient {
  /** Resolves when the server is ready. Rejects when it has ended before. */
  readonly connected: Promise<void>;
  /** Calls a tool. @throws when no answer comes: the signal has aborted, or the server has died. */
  call(name: string, args: Record<string, unknown>, signal?: AbortSignal): Promise<Told>;
  /** Sends SIGKILL to the server. */
  kill(): void;
  /** Kills the server. Resolves when its process has ended. */
  end(): Promise<void>;
}

/** The client's time limit for an answer, in ms. Each scene ends by events much earlier. */
const callMsMax = 10 * 60_000;

/** Starts a server over stdio and connects the official client to it. */
export function startClient({ command, args, env }: ClientOptions): DemoClient {
  const transport = new StdioClientTransport({ command, args: [...args], env: { ...env }, stderr: 'ignore' });
  const client = new Client({ name: 'mcp-once-demo', version: '1.0.0' });
  const connected = client.connect(transport, { timeout: callMsMax });
  // `end` may come first.
  connected.catch(() => undefined);
  const kill = (): void => {
    // Without a pid the process has ended.
    if (transport.pid) process.kill(transport.pid, 'SIGKILL');
  };
  return {
    connected,
    call: async (name, given, signal) => {
      const options = { timeout: callMsMax, ...(signal ? { signal } : {}) };
      const answer = await client.callTool({ name, arguments: given }, undefined, options);
      return { outcome: answer._meta?.[OUTCOME_META] as OutcomeMeta, result: answer.structuredContent };
    },
    kill,
    end: async () => {
      kill();
      await connected.catch(() => undefined);
      await client.close();
    },
  };
}
