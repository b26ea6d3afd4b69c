import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { getDefaultEnvironment, StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import type { Tool } from '@modelcontextprotocol/sdk/types.js';

/** A server's command line. */
export interface Command {
  readonly args: string[];
  readonly env: Record<string, string>;
}

/** Returns mcp-once's command line, with these variables and its own data folder. */
export function ourServer(folder: string, environment: Readonly<Record<string, string>> = {}): Command {
  const data = join(folder, 'data');
  mkdirSync(data, { recursive: true });
  const program = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
  return {
    args: [program, 'serve'],
    env: { ...getDefaultEnvironment(), HOME: folder, XDG_DATA_HOME: data, ...environment },
  };
}

/** Returns the command line of the same tools on the bare SDK. */
export function bareServer(folder: string, kind: 'low' | 'high', tools: readonly Tool[], result: unknown): Command {
  const file = join(folder, 'served.json');
  writeFileSync(file, JSON.stringify({ tools, result }));
  const program = fileURLToPath(new URL('../bare-server.js', import.meta.url));
  return { args: [program, kind, file], env: getDefaultEnvironment() };
}

/** Starts a server and connects the official client to it. */
export async function connect({ args, env }: Command): Promise<Client> {
  const client = new Client({ name: 'bench', version: '1.0.0' });
  await client.connect(new StdioClientTransport({ command: process.execPath, args, env, stderr: 'ignore' }));
  return client;
}
