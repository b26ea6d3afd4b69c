import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { FastMCP } from 'fastmcp';
import { type Guard, guard, z } from 'mcp-once';
import { afterEach, describe, expect, it } from 'vitest';
import { callTool, freePort } from '../guard/servers.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Never called: only the compiler reads it. */
export function types(once: Guard, fast: FastMCP): void {
  fast.addTool({
    name: 'create',
    parameters: z.object({ a: z.string() }),
    execute: once.wrap('create', async (input: { a: string }) => ({
      content: [{ type: 'text' as const, text: input.a }],
    })),
  });
}

async function openGuard(): Promise<Guard> {
  const once = await guard({ store: 'memory:', drain: 0, logLevel: 'silent' });
  closing.push(() => once.close());
  return once;
}

describe('wrap, with fastmcp', () => {
  async function fastServer(guarded: boolean) {
    const once = await openGuard();
    const server = new FastMCP({ name: 'shop', version: '1.0.0', logger: silent });
    let effects = 0;
    const create = async (input: { customer: string }, context: object) => {
      effects += 1;
      const key = guarded ? once.operation(context).idempotencyKey : 'none';
      return { content: [{ type: 'text' as const, text: `${input.customer} ${effects} ${key.length}` }] };
    };
    server.addTool({
      name: 'create_invoice',
      description: 'Creates an invoice.',
      parameters: z.object({ customer: z.string(), repeat_token: z.string().optional() }),
      execute: guarded ? once.wrap('create_invoice', create) : create,
    });
    const port = await freePort();
    await server.start({ transportType: 'httpStream', httpStream: { port, host: '127.0.0.1' } });
    closing.push(() => server.stop());
    const client = new Client({ name: 'test', version: '1.0.0' });
    await client.connect(new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${port}/mcp`)) as never);
    closing.push(() => client.close());
    return { client, effects: () => effects };
  }

  it('control: without the guard, a repeat takes effect twice', async () => {
    const { client, effects } = await fastServer(false);
    await callTool(client, 'create_invoice', { customer: 'ada' });
    await callTool(client, 'create_invoice', { customer: 'ada' });
    expect(effects()).toBe(2);
  });

  it('executes a repeat once, marks the replay, and accepts the repeat token', async () => {
    const { client, effects } = await fastServer(true);
    await callTool(client, 'create_invoice', { customer: 'ada' });
    const again = await callTool(client, 'create_invoice', { customer: 'ada' });
    expect(effects()).toBe(1);
    expect(again.text).toMatch(/^ada 1 36\nReplayed from/);
    const token = /repeat_token "([^"]+)"/.exec(again.text)?.[1];
    await callTool(client, 'create_invoice', { customer: 'ada', repeat_token: token });
    expect(effects()).toBe(2);
  });
});

const silent = { debug() {}, error() {}, info() {}, log() {}, warn() {} };
