import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { untilDrained } from '../../src/command/lifetime.ts';
import { environmentIn, Served } from '../support/cli-process.ts';
import { program } from '../support/program.ts';
import { runHere } from '../support/run-here.ts';
import { temporaryFolder } from '../support/temporary.ts';

/** An upstream that answers when the test says so. */
async function slowUpstream() {
  const waiting: ServerResponse[] = [];
  let arrive = (): void => {};
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const server = createServer((_request, response) => {
    waiting.push(response);
    arrive();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, arrived, release: () => waiting[0]?.end('made') };
}

const slowTool = `
  import { defineTool, z } from 'mcp-once';
  export const slow = defineTool({
    name: 'slow', title: 'Slow', description: 'Asks an upstream.', effect: 'create',
    input: z.object({ url: z.string() }), output: z.object({ text: z.string() }),
    run: async ({ url }, { signal }) => ({ text: await (await fetch(url, { signal })).text() }),
  });
`;

function folderWithTool(text: string, name = 'tool.mjs'): string {
  const folder = temporaryFolder();
  writeFileSync(join(folder, name), text);
  return folder;
}

async function statesIn(folder: string): Promise<string[]> {
  const { stdout } = await runHere(folder, ['ledger', 'list', '--json']);
  return (JSON.parse(stdout) as { state: string }[]).map(({ state }) => state);
}

const debug = ['--tools', '.', '--log-level', 'debug'];

describe('a call in flight', () => {
  test.each<[string, (served: Served) => void]>([
    ['SIGTERM', (served) => served.child.kill('SIGTERM')],
    ['SIGINT', (served) => served.child.kill('SIGINT')],
    ['the end of stdin', (served) => served.child.stdin.end()],
  ])('gets its result at %s, is settled, and the exit code is 0', async (_, stop) => {
    const folder = folderWithTool(slowTool);
    const { url, arrived, release } = await slowUpstream();
    const served = await Served.start(folder, debug);
    const answer = served.call('slow', { url });
    await arrived;
    stop(served);
    await served.until(() => served.stderr.includes('draining'));
    release();
    expect((await answer).structuredContent).toEqual({ text: 'made' });
    expect(await served.exited).toEqual({ code: 0, signal: null });
    expect(await statesIn(folder)).toEqual(['succeeded']);
  });

  test('is cut off after the drain time, and its outcome is unknown', async () => {
    const folder = folderWithTool(slowTool);
    writeFileSync(join(folder, 'c.json'), '{ "drain": 0 }');
    const { url, arrived } = await slowUpstream();
    const served = await Served.start(folder, [...debug, '--config', 'c.json']);
    const answer = served.call('slow', { url });
    await arrived;
    served.child.kill('SIGTERM');
    expect((await answer)._meta['mcp-once/outcome'].code).toBe('outcome_unknown');
    expect(await served.exited).toEqual({ code: 0, signal: null });
    expect(await statesIn(folder)).toEqual(['unknown']);
  });

  test('gets the drain time once after the end of stdin', async () => {
    const given: number[] = [];
    await untilDrained({
      app: { drain: async (ms) => given.push(ms) },
      transport: { settled: () => new Promise(() => {}) },
      stop: { stopped: Promise.resolve('stdin ended'), signalled: new Promise(() => {}), now: () => {} },
      log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
      drainMs: 100,
      close: async () => {},
    });
    // Node's timers may be a millisecond early.
    expect(given.map((ms) => ms <= 1)).toEqual([true]);
  });

  test('is ended at once by a second signal', async () => {
    const { url, arrived } = await slowUpstream();
    const folder = folderWithTool(slowTool);
    const served = await Served.start(folder, debug);
    served.call('slow', { url }).catch(() => undefined);
    await arrived;
    served.child.kill('SIGTERM');
    await served.until(() => served.stderr.includes('draining'));
    served.child.kill('SIGTERM');
    expect(await served.exited).toEqual({ code: 1, signal: null });
    expect(await statesIn(folder)).toEqual(['in_flight']);
  });

  test.each<[string, (served: Served) => void]>([
    ['SIGTERM', (served) => served.child.kill('SIGTERM')],
    ['the end of stdin', (served) => served.child.stdin.end()],
  ])('is not ended by SIGHUP, before or during a drain, and is ended by %s', async (_, stop) => {
    const folder = folderWithTool(slowTool);
    const { url, arrived, release } = await slowUpstream();
    const served = await Served.start(folder, debug);
    served.child.kill('SIGHUP');
    await served.until(() => served.stderr.includes('the tools were reloaded'));
    const answer = served.call('slow', { url });
    await arrived;
    stop(served);
    await served.until(() => served.stderr.includes('draining'));
    served.child.kill('SIGHUP');
    await served.until(() => served.stderr.split('the tools were reloaded').length === 3);
    release();
    expect((await answer).structuredContent).toEqual({ text: 'made' });
    expect(await served.exited).toEqual({ code: 0, signal: null });
    expect(await statesIn(folder)).toEqual(['succeeded']);
  });

  test('is settled before the process ends when the client is gone and its pipes are broken', async () => {
    const folder = folderWithTool(slowTool);
    const { url, arrived, release } = await slowUpstream();
    const served = await Served.start(folder, debug);
    served.call('slow', { url }).catch(() => undefined);
    await arrived;
    served.child.stdout.destroy();
    served.child.stderr.destroy();
    served.child.stdin.end();
    release();
    await served.exited;
    expect(await statesIn(folder)).toEqual(['succeeded']);
  });
});

describe('stdout carries protocol only', () => {
  test('whatever a tool prints goes to stderr', async () => {
    const folder = folderWithTool(`
      import { defineTool, z } from 'mcp-once';
      console.log('printed at load');
      export default defineTool({
        name: 'chatty', title: 'Chatty', description: 'Prints.', effect: 'create',
        input: z.object({}), output: z.object({}),
        run: async () => { console.log('printed by run'); process.stdout.write('written by run\\n'); return {}; },
      });
    `);
    const served = await Served.start(folder, ['--tools', '.']);
    await served.call('chatty', {});
    expect(await served.end()).toEqual({ code: 0, signal: null });
    for (const line of served.lines) expect(JSON.parse(line)).toMatchObject({ jsonrpc: '2.0' });
    for (const said of ['printed at load', 'printed by run', 'written by run']) expect(served.stderr).toContain(said);
  });

  test('a stray rejection of a tool is logged, and the server lives on', async () => {
    const folder = folderWithTool(`
      import { defineTool, z } from 'mcp-once';
      void Promise.reject(new Error('forgotten at load'));
      export default defineTool({
        name: 'stray', title: 'Stray', description: 'Forgets a promise.', effect: 'create',
        input: z.object({ n: z.number() }), output: z.object({}),
        run: async () => { void Promise.reject(new Error('nobody listens')); return {}; },
      });
    `);
    const served = await Served.start(folder, ['--tools', '.']);
    expect(served.stderr).toContain('forgotten at load');
    await served.call('stray', { n: 1 });
    await served.until(() => served.stderr.includes('nobody listens'));
    expect((await served.call('stray', { n: 2 })).isError).toBeUndefined();
    expect((await served.end()).code).toBe(0);
  });
});

test('serve warns at start about an empty tools folder and an invalid variable, and serves the other tools', async () => {
  const folder = temporaryFolder();
  const served = await Served.start(folder, ['--tools', '.', '--log-level', 'silent'], { SMTP_URL: 'hunter2' });
  expect(served.stderr).toContain(`mcp-once: the tools folder ${folder} contains no tool`);
  expect(served.stderr).toMatch(/mcp-once: The client "smtp": SMTP_URL .* refused: send_email\.$/m);
  expect(served.stderr).not.toContain('hunter2');
  expect((await served.call('create_customer', { name: 'Alice' })).isError).toBeUndefined();
  await served.end();
});

describe('a tool file outside the project', () => {
  test.each(['tool.mjs', 'tool.js'])(
    '%s imports mcp-once and zod, and the engine recognises its NotExecuted',
    async (name) => {
      const folder = folderWithTool(
        `
      import { defineTool, NotExecuted } from 'mcp-once';
      import { z } from 'zod';
      export const sure = defineTool({
        name: 'sure', title: 'Sure', description: 'Knows that it did nothing.', effect: 'create',
        input: z.object({}), output: z.object({}),
        run: async () => { throw new NotExecuted('closed on Sundays'); },
      });
    `,
        name,
      );
      const served = await Served.start(folder, ['--tools', '.']);
      const { result } = await served.request('tools/list', {});
      const names = (result.tools as { name: string }[]).map((tool) => tool.name);
      expect(names).toEqual(expect.arrayContaining(['sure', 'create_invoice']));
      const { _meta } = await served.call('sure', {});
      expect(_meta['mcp-once/outcome'].code).toBe('operation_failed');
      await served.end();
    },
  );

  test.each([
    ['throw new Error("no weather")', 'loading it failed: no weather'],
    ['export const x = 1', 'it exports no tool'],
    [slowTool.replace("name: 'slow'", "name: 'create_invoice'"), 'the name "create_invoice" is already used by'],
  ])('ends the start with one line when it is invalid', async (text, expected) => {
    const served = new Served(folderWithTool(text), ['--tools', '.'], {});
    expect((await served.exited).code).toBe(1);
    expect(served.stderr).toMatch(/^mcp-once: Tool file .*tool\.mjs: /);
    expect(served.stderr).toContain(expected);
    expect(served.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(served.lines).toEqual([]);
  });
});

describe('the sandbox', () => {
  test('is used without a Stripe key, and it is said that nothing real is billed', async () => {
    const served = new Served(temporaryFolder(), [], {});
    const { result } = await served.request('initialize', {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: 'test', version: '1' },
    });
    expect(result.instructions).toContain('Nothing real is billed');
    expect(result.serverInfo).toMatchObject({ name: 'mcp-once' });
    expect(served.stderr).toContain('nothing real is billed');
    const customer = await served.call('create_customer', { name: 'Alice' });
    expect(customer.structuredContent.id).toMatch(/^cus_/);
    await served.end();
  });

  test('runs alone: its address is the one line on stdout, and a signal ends it', async () => {
    const folder = temporaryFolder();
    const child = spawn(process.execPath, [program, 'sandbox', '--data', 's.sqlite'], {
      cwd: folder,
      env: environmentIn(folder),
    });
    const exited = new Promise((resolve) => child.on('exit', (code) => resolve(code)));
    onTestFinished(async () => {
      child.kill('SIGKILL');
      await exited;
    });
    const url = await new Promise<string>((resolve) => child.stdout.once('data', (text) => resolve(String(text))));
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\n$/);
    expect((await fetch(url.trim())).status).toBeGreaterThanOrEqual(400);
    child.kill('SIGTERM');
    expect(await exited).toBe(0);
  });
});

test('the log says at the start which tools are served, refused and left out', async () => {
  const folder = folderWithTool(slowTool);
  const tools = { list_customers: { enabled: false } };
  writeFileSync(join(folder, 'c.json'), JSON.stringify({ tools }));
  const served = await Served.start(folder, ['--tools', '.', '--config', 'c.json', '--log-level', 'info']);
  await served.until(() => served.stderr.includes('serves '));
  expect(served.stderr).toMatch(/serves \d+ tools: [^;]*create_invoice[^;]*slow/);
  expect(served.stderr).toMatch(/; refuses calls of send_email: [^;]*SMTP_URL/);
  expect(served.stderr).toMatch(/; leaves out, as configured: list_customers/);
});

test('--watch reloads the tools when a file changes', async () => {
  const folder = temporaryFolder();
  const tool = (name: string) => `
    import { defineTool, z } from 'mcp-once';
    export const tool = defineTool({ name: '${name}', title: 'T', description: 'D', effect: 'read',
      input: z.object({}), output: z.object({}), run: async () => ({}) });`;
  writeFileSync(join(folder, 'tool.mjs'), tool('before'));
  const served = await Served.start(folder, ['--tools', '.', '--store', 'memory:', '--watch']);
  writeFileSync(join(folder, 'tool.mjs'), tool('after'));
  await served.until(() => served.stderr.includes('the tools were reloaded'));
  const { result } = await served.request('tools/list', {});
  const names = result.tools.map(({ name }: { name: string }) => name);
  expect(names).toContain('after');
  expect(names).not.toContain('before');
});
