import { createMcpHandler, inputRequired, McpServer } from '@modelcontextprotocol/server';
import { type Guard, guard } from 'mcp-once';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';

const guards: Guard[] = [];
afterEach(async () => {
  for (const once of guards.splice(0)) await once.close();
});

const version = '2026-07-28';

/** A client of MCP 2026-07-28: each call a request of its own, to a server made for it. */
async function modern(register: (server: McpServer, once: Guard) => void, capabilities: object = {}) {
  const once = await guard({ store: 'memory:', drain: 0, logLevel: 'silent' });
  guards.push(once);
  const handler = createMcpHandler(() => {
    const server = new McpServer({ name: 'shop', version: '1.0.0' });
    once.protect(server);
    register(server, once);
    return server;
  });
  let id = 0;
  return async (params: Record<string, unknown>, headers: Record<string, string> = {}) => {
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': version,
      'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1.0.0' },
      'io.modelcontextprotocol/clientCapabilities': capabilities,
      ...(params._meta as object | undefined),
    };
    id += 1;
    const request = { jsonrpc: '2.0', id, method: 'tools/call', params: { ...params, _meta } };
    const response = await handler.fetch(
      new Request('http://127.0.0.1/mcp', {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'mcp-protocol-version': version,
          'mcp-method': 'tools/call',
          'mcp-name': String(params.name),
          ...headers,
        },
        body: JSON.stringify(request),
      }),
    );
    const text = await response.text();
    const json = text.startsWith('{') ? text : (/^data: (.*)$/m.exec(text)?.[1] ?? '{}');
    return JSON.parse(json) as { result?: Record<string, unknown>; error?: unknown };
  };
}

const outcome = (answer: { result?: Record<string, unknown> }) =>
  ((answer.result?._meta ?? {}) as Record<string, Record<string, unknown>>)['mcp-once/outcome'];

describe('MCP 2026-07-28, with a new server for each request', () => {
  it('executes a repeated call once and replays its structured content', async () => {
    let effects = 0;
    const call = await modern((server) => {
      const config = {
        inputSchema: z.object({ customer: z.string() }),
        outputSchema: z.object({ number: z.number() }),
      };
      server.registerTool('create', config, async () => {
        effects += 1;
        return { content: [{ type: 'text', text: 'made' }], structuredContent: { number: effects } };
      });
    });
    const first = await call({ name: 'create', arguments: { customer: 'ada' } });
    const again = await call({ name: 'create', arguments: { customer: 'ada' } });
    expect(first).not.toHaveProperty('error');
    expect(effects).toBe(1);
    expect(again.result?.structuredContent).toMatchObject({ number: 1, mcp_once: { replayed: true } });
    expect(outcome(again)).toMatchObject({ code: 'succeeded', replayed: true });
  });

  it("passes the server's questions on unchanged, and executes with the answers", async () => {
    let effects = 0;
    const call = await modern(
      (server) => {
        server.registerTool('create', { inputSchema: z.object({ customer: z.string() }) }, async (_input, ctx) => {
          if (ctx.mcpReq.inputResponses === undefined) {
            const requestedSchema = { type: 'object' as const, properties: { sure: { type: 'boolean' as const } } };
            return inputRequired({
              inputRequests: { sure: inputRequired.elicit({ message: 'Sure?', requestedSchema }) },
            });
          }
          effects += 1;
          return { content: [{ type: 'text', text: 'made' }] };
        });
      },
      { elicitation: { form: {} } },
    );
    const asked = await call({ name: 'create', arguments: { customer: 'ada' } });
    expect(asked.result?.resultType).toBe('input_required');
    expect(effects).toBe(0);
    const inputResponses = { sure: { action: 'accept', content: { sure: true } } };
    const answered = { name: 'create', arguments: { customer: 'ada' }, inputResponses };
    expect(outcome(await call(answered))).toMatchObject({ code: 'succeeded', replayed: false });
    expect(outcome(await call(answered))).toMatchObject({ code: 'succeeded', replayed: true });
    expect(effects).toBe(1);
  });

  it("reads the host's idempotency key from _meta and from the HTTP header", async () => {
    let effects = 0;
    const call = await modern((server) => {
      server.registerTool('create', { inputSchema: z.object({ customer: z.string() }) }, async () => {
        effects += 1;
        return { content: [] };
      });
    });
    const args = { name: 'create', arguments: { customer: 'ada' } };
    for (const key of ['a', 'a', 'b', 'b']) await call({ ...args, _meta: { 'mcp-once/idempotency-key': key } });
    expect(effects).toBe(2);
    for (const key of ['c', 'c', 'd', 'd']) await call(args, { 'idempotency-key': key });
    expect(effects).toBe(4);
  });
});
