import { execFile } from 'node:child_process';
import { setMaxListeners } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { CallToolRequestSchema, ErrorCode, ListToolsRequestSchema, McpError } from '@modelcontextprotocol/sdk/types.js';
import { type Guard, type GuardOptions, guard, NotExecuted } from 'mcp-once';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { z as z3 } from 'zod/v3';
import { callTool, clientOf, servers, type TestTool } from './servers.ts';

const guards: Guard[] = [];
const clients: Client[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  for (const once of guards.splice(0)) await once.close();
});

const root = fileURLToPath(new URL('../..', import.meta.url));

async function openGuard(options: GuardOptions = {}): Promise<Guard> {
  const once = await guard({ store: 'memory:', drain: 0, logLevel: 'silent', ...options });
  guards.push(once);
  return once;
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** What happened upstream, and a tool that makes it happen. */
function shop(name: string, rest: Partial<TestTool> = {}) {
  const effects: string[] = [];
  const tool: TestTool = {
    name,
    run: async ({ customer }) => {
      effects.push(String(customer));
      return { content: [{ type: 'text', text: `invoice ${effects.length}` }] };
    },
    ...rest,
  };
  return { effects, tool };
}

async function served(kind: string, once: Guard | undefined, tools: readonly TestTool[]): Promise<Client> {
  const make = servers[kind];
  if (!make) throw new Error(kind);
  const server = make();
  once?.protect(server.server);
  server.register(tools);
  const client = await clientOf(server);
  clients.push(client);
  return client;
}

describe.each(Object.keys(servers))('%s', (kind) => {
  it('control: without a guard, a repeated call takes effect twice', async () => {
    const { effects, tool } = shop('create_invoice');
    const client = await served(kind, undefined, [tool]);
    await callTool(client, 'create_invoice', { customer: 'ada' });
    await callTool(client, 'create_invoice', { customer: 'ada' });
    expect(effects).toEqual(['ada', 'ada']);
  });

  it('executes a repeated call once and marks the replay', async () => {
    const { effects, tool } = shop('create_invoice');
    const client = await served(kind, await openGuard(), [tool]);
    const first = await callTool(client, 'create_invoice', { customer: 'ada' });
    const again = await callTool(client, 'create_invoice', { amount: 1, customer: 'ada' });
    const other = await callTool(client, 'create_invoice', { customer: 'bob' });
    expect(effects).toEqual(['ada', 'bob']);
    expect(first.outcome).toMatchObject({ code: 'succeeded', replayed: false });
    expect(again.outcome).toMatchObject({ code: 'succeeded', replayed: true, operation: first.outcome.operation });
    expect(again.answer.content[0]).toEqual(first.answer.content[0]);
    expect(again.text).toContain('not executed now');
    expect(other.outcome.replayed).toBe(false);
  });

  it('runs one of 20 concurrent calls and gives all of them its result', async () => {
    const { effects, tool } = shop('create_invoice');
    const client = await served(kind, await openGuard(), [tool]);
    const calls = Array.from({ length: 20 }, () => callTool(client, 'create_invoice', { customer: 'ada' }));
    const answers = await Promise.all(calls);
    expect(effects).toEqual(['ada']);
    expect(new Set(answers.map(({ answer }) => answer.content[0]?.text))).toEqual(new Set(['invoice 1']));
  });

  it('lists repeat_token, accepts it, and never passes it to the handler', async () => {
    const seen: object[] = [];
    const { tool } = shop('create_invoice', {
      run: async (input) => {
        seen.push(input);
        return { content: [{ type: 'text', text: 'done' }] };
      },
    });
    const client = await served(kind, await openGuard(), [tool]);
    const { tools } = await client.listTools();
    expect(Object.keys(tools[0]?.inputSchema.properties ?? {})).toContain('repeat_token');
    await callTool(client, 'create_invoice', { customer: 'ada' });
    const { outcome } = await callTool(client, 'create_invoice', { customer: 'ada' });
    const second = { customer: 'ada', repeat_token: outcome.repeatToken };
    await callTool(client, 'create_invoice', second);
    const repeated = await callTool(client, 'create_invoice', second);
    expect(repeated.outcome.replayed).toBe(true);
    expect(seen).toHaveLength(2);
    expect(seen.every((input) => !('repeat_token' in input))).toBe(true);
    const forged = await callTool(client, 'create_invoice', { customer: 'ada', repeat_token: 'made-up' });
    expect(forged.outcome.code).toBe('invalid_repeat_token');
    expect(seen).toHaveLength(2);
  });

  it('does not guard a read-only tool', async () => {
    const { effects, tool } = shop('get_invoice', { annotations: { readOnlyHint: true } });
    const client = await served(kind, await openGuard(), [tool]);
    const first = await callTool(client, 'get_invoice', { customer: 'ada' });
    await callTool(client, 'get_invoice', { customer: 'ada' });
    expect(effects).toHaveLength(2);
    expect(first.answer._meta?.['mcp-once/outcome']).toBeUndefined();
    const { tools } = await client.listTools();
    expect(Object.keys(tools[0]?.inputSchema.properties ?? {})).not.toContain('repeat_token');
  });

  it('reports an unknown outcome after a handler throws, and does not execute again', async () => {
    let effects = 0;
    const { tool } = shop('create_invoice', {
      run: async () => {
        effects += 1;
        throw new Error('socket hang up');
      },
    });
    const client = await served(kind, await openGuard(), [tool]);
    const first = await callTool(client, 'create_invoice', { customer: 'ada' });
    const again = await callTool(client, 'create_invoice', { customer: 'ada' });
    expect(effects).toBe(1);
    expect(first.outcome.code).toBe('outcome_unknown');
    expect(again.outcome.code).toBe('outcome_unknown');
    expect(again.answer.isError).toBe(true);
  });

  it('executes again after NotExecuted, with a new upstream key', async () => {
    const once = await openGuard();
    const keys: string[] = [];
    const { tool } = shop('create_invoice', {
      run: async (_input, extra) => {
        const operation = once.operation(extra);
        keys.push(operation.idempotencyKey);
        if (operation.attempt === 1) throw new NotExecuted('the shop is closed');
        return { content: [{ type: 'text', text: 'done' }] };
      },
    });
    const client = await served(kind, once, [tool]);
    const first = await callTool(client, 'create_invoice', { customer: 'ada' });
    const again = await callTool(client, 'create_invoice', { customer: 'ada' });
    expect(first.outcome.code).toBe('operation_failed');
    expect(again.outcome).toMatchObject({ code: 'succeeded', replayed: false, attempt: 2 });
    expect(new Set(keys).size).toBe(2);
  });

  it('stores an isError result and replays it', async () => {
    let effects = 0;
    const { tool } = shop('create_invoice', {
      run: async () => {
        effects += 1;
        return { isError: true, content: [{ type: 'text', text: '504 from the bank' }] };
      },
    });
    const client = await served(kind, await openGuard(), [tool]);
    await callTool(client, 'create_invoice', { customer: 'ada' });
    const again = await callTool(client, 'create_invoice', { customer: 'ada' });
    expect(effects).toBe(1);
    expect(again.answer.isError).toBe(true);
    expect(again.outcome).toMatchObject({ replayed: true });
    expect(again.outcome.repeatToken).toBeTypeOf('string');
  });

  it('executes again after an isError result that refuses, and keeps one that tells an effect', async () => {
    const texts = ['Rate limited: nothing was written', 'Payment made (tx 55). Receipt failed: invalid e-mail address'];
    const effects: string[] = [];
    const { tool } = shop('create_invoice', {
      run: async (input) => {
        const customer = String(input.customer);
        effects.push(customer);
        if (effects.filter((each) => each === customer).length > 1)
          return { content: [{ type: 'text', text: 'done' }] };
        return { isError: true, content: [{ type: 'text', text: texts[Number(customer)] as string }] };
      },
    });
    const client = await served(kind, await openGuard(), [tool]);
    const refused = await callTool(client, 'create_invoice', { customer: '0' });
    expect(refused.outcome).toMatchObject({ code: 'operation_failed', failure: 'limited' });
    expect(refused.answer).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining(texts[0] as string) }],
    });
    const again = await callTool(client, 'create_invoice', { customer: '0' });
    expect(again.outcome).toMatchObject({ code: 'succeeded', replayed: false, attempt: 2 });
    const kept = await callTool(client, 'create_invoice', { customer: '1' });
    expect(kept.outcome.repeatToken).toBeTypeOf('string');
    expect((await callTool(client, 'create_invoice', { customer: '1' })).outcome.replayed).toBe(true);
    expect(effects).toEqual(['0', '0', '1']);
  });

  it('continues from the failed step and sends no step twice', async () => {
    const once = await openGuard();
    const sent: string[] = [];
    const { tool } = shop('create_invoice', {
      run: async (_input, extra) => {
        const operation = once.operation(extra);
        const customer = await operation.step('customer', async (key) => {
          sent.push(`customer ${key}`);
          return { id: 'c1' };
        });
        await operation.step('invoice', async () => {
          sent.push('invoice');
          if (sent.length === 2) throw new NotExecuted('refused');
          return {};
        });
        return { content: [{ type: 'text', text: customer.id }] };
      },
    });
    const client = await served(kind, once, [tool]);
    const first = await callTool(client, 'create_invoice', { customer: 'ada' });
    const again = await callTool(client, 'create_invoice', { customer: 'ada' });
    expect(first.outcome).toMatchObject({ code: 'operation_incomplete', steps: ['customer'] });
    expect(again.outcome.code).toBe('succeeded');
    expect(sent.map((each) => each.split(' ')[0])).toEqual(['customer', 'invoice', 'invoice']);
  });

  it('finishes the run after the caller leaves, and replays its result', async () => {
    const once = await openGuard();
    const started = deferred();
    const release = deferred();
    let aborted = false;
    let effects = 0;
    const { tool } = shop('create_invoice', {
      run: async (_input, extra) => {
        const { signal } = once.operation(extra);
        const { signal: own, mcpReq } = extra as { signal?: AbortSignal; mcpReq?: { signal: AbortSignal } };
        started.resolve();
        await release.promise;
        effects += 1;
        aborted = signal.aborted || (own ?? mcpReq?.signal)?.aborted !== false;
        return { content: [{ type: 'text', text: 'late' }] };
      },
    });
    const client = await served(kind, once, [tool]);
    const leaving = new AbortController();
    setMaxListeners(0, leaving.signal);
    const left = callTool(client, 'create_invoice', { customer: 'ada' }, { signal: leaving.signal });
    await started.promise;
    leaving.abort('time-out');
    await expect(left).rejects.toThrow();
    const again = callTool(client, 'create_invoice', { customer: 'ada' });
    release.resolve();
    expect((await again).text).toContain('late');
    expect(effects).toBe(1);
    expect(aborted).toBe(false);
  });
});

describe('protect', () => {
  it('guards tools that are registered afterwards, through updates, renames and a removal', async () => {
    const server = new McpServer({ name: 'shop', version: '1.0.0' });
    const once = await openGuard();
    let before = 0;
    let after = 0;
    const answer = { content: [{ type: 'text' as const, text: 'done' }] };
    server.registerTool('old', {}, async () => {
      before += 1;
      return answer;
    });
    once.protect(server);
    const tool = server.registerTool('new', { inputSchema: { a: z.string() } }, async () => {
      after += 1;
      return answer;
    });
    const client = await clientOf({
      server,
      register: () => {},
      connect: (transport) => server.connect(transport as never),
    });
    clients.push(client);
    for (let call = 0; call < 2; call += 1) {
      await callTool(client, 'old', {});
      await callTool(client, 'new', { a: 'x' });
    }
    expect([before, after]).toEqual([2, 1]);
    tool.update({ name: 'renamed', callback: async () => Promise.reject(new Error('lost')) });
    expect((await callTool(client, 'renamed', { a: 'x' })).outcome.code).toBe('outcome_unknown');
    tool.remove();
    expect((await callTool(client, 'renamed', { a: 'x' })).outcome).toEqual({});
  });

  it('warns of tools that were registered before, because they are not guarded', async () => {
    const program = `
      import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
      import { guard } from 'mcp-once';
      for (const isEarly of [true, false]) {
        const server = new McpServer({ name: 'shop', version: '1.0.0' });
        if (isEarly) server.registerTool('old', {}, async () => ({ content: [] }));
        const once = await guard({ store: 'memory:' });
        once.protect(server);
        await once.close();
      }`;
    const args = ['--input-type=module', '-e', program];
    const { stderr } = await promisify(execFile)(process.execPath, args, { cwd: root });
    expect(stderr.match(/the server has tools already, and they are not guarded/g)).toHaveLength(1);
  });

  it('guards an unlisted tool of a low-level server, and passes on its unknown-tool error', async () => {
    let effects = 0;
    const server = new Server({ name: 'shop', version: '1.0.0' }, { capabilities: { tools: {} } });
    (await openGuard()).protect(server);
    server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: [] }));
    server.setRequestHandler(CallToolRequestSchema, async ({ params }) => {
      if (params.name !== 'hidden') throw new McpError(ErrorCode.InvalidParams, 'Unknown tool');
      effects += 1;
      return { content: [] };
    });
    const client = await clientOf({
      server,
      register: () => {},
      connect: (transport) => server.connect(transport as never),
    });
    clients.push(client);
    await callTool(client, 'hidden', {});
    expect((await callTool(client, 'hidden', {})).outcome.replayed).toBe(true);
    expect(effects).toBe(1);
    await expect(callTool(client, 'unknown', {})).rejects.toMatchObject({ code: ErrorCode.InvalidParams });
    await expect(callTool(client, 'unknown', {})).rejects.toMatchObject({ code: ErrorCode.InvalidParams });
  });

  it('treats a refusal by the SDK before the handler as a failure without effect', async () => {
    const server = new McpServer({ name: 'shop', version: '1.0.0' });
    (await openGuard()).protect(server);
    let known = false;
    let effects = 0;
    // Answers later, so that only the SDK can check it.
    const inputSchema = { customer: z.string().refine(async () => known, 'is not known') };
    server.registerTool('create', { inputSchema }, async () => {
      effects += 1;
      return { content: [{ type: 'text', text: 'made' }] };
    });
    const client = await clientOf({
      server,
      register: () => {},
      connect: (transport) => server.connect(transport as never),
    });
    clients.push(client);
    const refused = await callTool(client, 'create', { customer: 'ada' });
    expect(refused.outcome.code).toBe('operation_failed');
    expect(refused.text).toContain('is not known');
    known = true;
    expect((await callTool(client, 'create', { customer: 'ada' })).outcome).toMatchObject({
      replayed: false,
      attempt: 2,
    });
    expect(effects).toBe(1);
  });

  it('supports zod 3 schemas and tools registered with the older tool()', async () => {
    const server = new McpServer({ name: 'shop', version: '1.0.0' });
    (await openGuard()).protect(server);
    let effects = 0;
    server.tool('create', 'Creates.', { customer: z3.string(), amount: z3.number().default(1) }, async () => {
      effects += 1;
      return { content: [{ type: 'text', text: 'made' }] };
    });
    server.tool('get', { customer: z3.string() }, { readOnlyHint: true }, async () => {
      effects += 1;
      return { content: [{ type: 'text', text: 'read' }] };
    });
    const client = await clientOf({
      server,
      register: () => {},
      connect: (transport) => server.connect(transport as never),
    });
    clients.push(client);
    await callTool(client, 'create', { customer: 'ada' });
    expect((await callTool(client, 'create', { customer: 'ada', amount: 1 })).outcome.replayed).toBe(true);
    expect((await callTool(client, 'create', { customer: 5 })).outcome.code).toBe('invalid_input');
    await callTool(client, 'get', { customer: 'ada' });
    await callTool(client, 'get', { customer: 'ada' });
    expect(effects).toBe(3);
  });

  it('refuses invalid arguments before the claim, and leaves fields out of the hash that the schema drops', async () => {
    const { effects, tool } = shop('create_invoice');
    const client = await served('McpServer of SDK 1', await openGuard(), [tool]);
    const refused = await callTool(client, 'create_invoice', { customer: 5 });
    expect(refused.outcome.code).toBe('invalid_input');
    expect(refused.outcome.operation).toBeUndefined();
    await callTool(client, 'create_invoice', { customer: 'ada' });
    const again = await callTool(client, 'create_invoice', { customer: 'ada', note: null, made_up: true });
    expect(again.outcome.replayed).toBe(true);
    expect(effects).toEqual(['ada']);
  });

  it('applies policies by name, and reports a conflict of the business key', async () => {
    const { effects, tool } = shop('create_invoice');
    const once = await openGuard({
      tools: { 'create_*': { window: '7d', identity: ({ customer, amount }) => ({ customer, amount }) } },
    });
    const client = await served('McpServer of SDK 1', once, [tool]);
    await callTool(client, 'create_invoice', { customer: 'ada', note: 'for March' });
    const reworded = await callTool(client, 'create_invoice', { customer: 'ada', note: 'March' });
    expect(reworded.outcome).toMatchObject({ code: 'idempotency_conflict', fields: ['note'] });
    expect(effects).toEqual(['ada']);
  });

  it('finds an effect by its marker with recovery reconcile', async () => {
    const upstream: string[] = [];
    const once = await openGuard({
      tools: {
        create_invoice: {
          recovery: 'reconcile',
          lookup: async (_input, { marker }) =>
            upstream.includes(marker) ? { status: 'found', result: 'it is there' } : { status: 'absent' },
        },
      },
    });
    const { tool } = shop('create_invoice', {
      run: async (_input, extra) => {
        upstream.push(once.operation(extra).marker);
        throw new Error('the answer was lost');
      },
    });
    const client = await served('McpServer of SDK 2', once, [tool]);
    const { outcome, text } = await callTool(client, 'create_invoice', { customer: 'ada' });
    expect(outcome).toMatchObject({ code: 'succeeded', recovered: 'reconcile' });
    expect(text).toBe('it is there');
    expect(upstream).toHaveLength(1);
  });

  it('runs an idempotent tool again after an unknown outcome, and replays a repeat', async () => {
    let runs = 0;
    const { tool } = shop('set_status', {
      annotations: { idempotentHint: true },
      run: async () => {
        runs += 1;
        if (runs === 1) throw new Error('reset');
        return { content: [{ type: 'text', text: 'set' }] };
      },
    });
    const client = await served('Server of SDK 1', await openGuard(), [tool]);
    const first = await callTool(client, 'set_status', { customer: 'ada' });
    expect(first.outcome).toMatchObject({ code: 'succeeded', recovered: 'natural' });
    await callTool(client, 'set_status', { customer: 'ada' });
    expect(runs).toBe(2);
    await callTool(client, 'set_status', { customer: 'bob' });
    expect(runs).toBe(3);
  });

  it('separates servers with different names on one store', async () => {
    const once = await openGuard();
    const made = ['one', 'two'].map(async (name) => {
      const server = new McpServer({ name, version: '1.0.0' });
      once.protect(server);
      server.registerTool('create', { inputSchema: { a: z.string() } }, async () => ({
        content: [{ type: 'text', text: name }],
      }));
      const client = await clientOf({
        server,
        register: () => {},
        connect: (transport) => server.connect(transport as never),
      });
      clients.push(client);
      return callTool(client, 'create', { a: 'x' });
    });
    const [first, second] = await Promise.all(made);
    expect(first?.outcome.operation).not.toBe(second?.outcome.operation);
    expect(second?.outcome.replayed).toBe(false);
  });

  it('refuses a call that asks for a task', async () => {
    const { effects, tool } = shop('create_invoice');
    const tasks = { requests: { tools: { call: {} } } };
    const server = new Server({ name: 'shop', version: '1.0.0' }, { capabilities: { tools: {}, tasks } });
    (await openGuard()).protect(server);
    server.setRequestHandler(CallToolRequestSchema, ({ params }, extra) => tool.run(params.arguments ?? {}, extra));
    const client = await clientOf({
      server,
      register: () => {},
      connect: (transport) => server.connect(transport as never),
    });
    clients.push(client);
    const params = { name: 'create_invoice', arguments: { customer: 'ada' }, task: { ttl: 1_000 } };
    const answer = await client.request({ method: 'tools/call', params }, z.looseObject({ content: z.unknown() }));
    expect(JSON.stringify(answer.content)).toContain('does not run as a task. Nothing was executed');
    expect(effects).toEqual([]);
  });

  it('throws a clear error for an object that is not a server, a second guard, and operation() outside a call', async () => {
    const once = await openGuard();
    const server = new McpServer({ name: 'shop', version: '1.0.0' });
    once.protect(server);
    expect(() => once.protect(server)).toThrow(/already protected/);
    expect(() => once.protect({ connect: async () => {} })).toThrow(/not a server of @modelcontextprotocol/);
    expect(() => once.operation({})).toThrow(/not the last argument of a handler/);
  });

  it('refuses a contradictory policy when the tool is registered', async () => {
    const once = await openGuard({ tools: { 'create_*': { recovery: 'reconcile' } } });
    const server = new McpServer({ name: 'shop', version: '1.0.0' });
    once.protect(server);
    expect(() => server.registerTool('create_invoice', {}, async () => ({ content: [] }))).toThrow(/needs lookup/);
  });
});

describe('the scope of an operation', () => {
  const shared = 'redis://127.0.0.1:1';

  it('refuses to start over stdio on a shared store without a scope', async () => {
    const once = await openGuard({ store: shared });
    const server = new McpServer({ name: 'shop', version: '1.0.0' });
    once.protect(server);
    await expect(server.connect(new StdioServerTransport())).rejects.toThrow(/MCP_ONCE_SUBJECT/);
  });

  it('refuses an unscoped call on a shared store, and executes nothing', async () => {
    const { effects, tool } = shop('create_invoice');
    const client = await served('Server of SDK 1', await openGuard({ store: shared }), [tool]);
    const { text, answer } = await callTool(client, 'create_invoice', { customer: 'ada' });
    expect(answer.isError).toBe(true);
    expect(text).toMatch(/scope of this operation is not known.*Nothing was executed/);
    expect(effects).toEqual([]);
  });

  it('separates users by the subject of their token, and refuses a token without a subject', async () => {
    const { effects, tool } = shop('create_invoice');
    const once = await openGuard();
    const make = servers['McpServer of SDK 1'];
    const server = make?.();
    if (!server) throw new Error('no server');
    once.protect(server.server);
    server.register([tool]);
    const { InMemoryTransport } = await import('@modelcontextprotocol/sdk/inMemory.js');
    const [near, far] = InMemoryTransport.createLinkedPair();
    let subject: string | undefined = 'ada';
    const send = near.send.bind(near);
    near.send = (message, options) => {
      const extra = subject === undefined ? {} : { sub: subject };
      return send(message, { ...options, authInfo: { token: 't', clientId: 'one', scopes: [], extra } });
    };
    const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
    const client = new Client({ name: 'test', version: '1.0.0' });
    clients.push(client);
    await server.connect(far);
    await client.connect(near);
    await callTool(client, 'create_invoice', { customer: 'x' });
    await callTool(client, 'create_invoice', { customer: 'x' });
    expect(effects).toHaveLength(1);
    subject = 'bob';
    await callTool(client, 'create_invoice', { customer: 'x' });
    expect(effects).toHaveLength(2);
    subject = undefined;
    expect((await callTool(client, 'create_invoice', { customer: 'x' })).text).toContain('names no subject');
    expect(effects).toHaveLength(2);
  });
});
