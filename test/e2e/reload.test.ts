import { spawn, spawnSync } from 'node:child_process';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StdioClientTransport as ModernStdio } from '@modelcontextprotocol/client/stdio';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createToken } from '../../src/http/access/static-tokens.ts';
import { eventually } from '../support/event.ts';
import { messageOf, openSession, post } from '../support/http-server.ts';
import { program } from '../support/program.ts';
import { CountingUpstream, httpListener, type Listener, listener, toolText } from '../support/reload.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { HttpProcess } from './support/http.ts';
import { until } from './support/stage.ts';

const eras = ['2025', '2026'] as const;

/** A configuration, a folder of tools, and their upstream. */
async function stage(config: object = {}) {
  const folder = temporaryFolder();
  const tools = temporaryFolder();
  const upstream = await CountingUpstream.start();
  const env = { PATH: process.env.PATH ?? '', HOME: folder, XDG_DATA_HOME: folder, MCP_ONCE_LOG_LEVEL: 'info' };
  const file = join(folder, 'config.json');
  // Replace the file atomically, since a server may be reading it.
  const write = (path: string, text: string) => {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  };
  const configure = (more: object = {}) => {
    write(file, JSON.stringify({ bundledTools: false, toolsDirs: [tools], ...config, ...more }));
  };
  configure();
  const tool = (name: string, how: Parameters<typeof toolText>[2] = {}) => {
    write(join(tools, `${name}.mjs`), toolText(name, upstream.url, how));
  };
  const broken = (name: string) => write(join(tools, `${name}.mjs`), "throw new Error('no weather')");
  const remove = (name: string) => rmSync(join(tools, `${name}.mjs`));
  tool('send_one');
  tool('send_two');
  return { folder, upstream, env, configure, tool, broken, remove, args: [program, 'serve', '--config', file] };
}

/** A server that can be asked to reload. */
interface Reloadable {
  readonly stderr: string;
  signal(signal: NodeJS.Signals): void;
}

const ends = /the tools were reloaded|The tools stay as they were/g;
const endsIn = ({ stderr }: Reloadable) => stderr.match(ends)?.length ?? 0;

/** Resolves when a reload has succeeded or failed. */
async function reload(server: Reloadable): Promise<void> {
  const before = endsIn(server);
  server.signal('SIGHUP');
  await until(() => endsIn(server) > before);
}

async function startHttp({ args, env }: { args: string[]; env: Record<string, string> }): Promise<HttpProcess> {
  const server = await HttpProcess.startHere([...args, '--http', '127.0.0.1:0'], env);
  onTestFinished(async () => void (await server.kill()));
  return server;
}

const heard = (listeners: readonly Listener[], times: number) =>
  eventually(() => expect(listeners.map((each) => each.told())).toEqual(listeners.map(() => times)));

describe('a reload over HTTP', () => {
  async function listening() {
    const on = await stage();
    const server = await startHttp(on);
    const listeners = await Promise.all(eras.map((era) => httpListener(era, server.url)));
    return { ...on, server, listeners };
  }

  test('notifies clients of both eras of a new tool, which they list and call', async () => {
    const { server, listeners, tool, upstream } = await listening();
    for (const each of listeners) {
      expect(each.capability()).toEqual({ listChanged: true });
      expect(await each.tools()).toEqual(['send_one', 'send_two']);
    }
    tool('send_three');
    await reload(server);
    await heard(listeners, 1);
    for (const each of listeners) expect(await each.tools()).toEqual(['send_one', 'send_three', 'send_two']);
    const [older, newer] = listeners as [Listener, Listener];
    expect((await older.call('send_three', { item: 'a' })).words).toBe('executed');
    expect((await newer.call('send_three', { item: 'a' })).words).toBe('replayed');
    expect(upstream.count('a')).toBe(1);
  });

  test('reports an error on stderr, keeps the old tools, and notifies nobody until the error is fixed', async () => {
    const { server, listeners, tool, broken, configure } = await listening();
    tool('send_three');
    broken('send_two');
    await reload(server);
    expect(server.stderr).toMatch(
      /^mcp-once: Tool file \S+send_two\.mjs: loading it failed: no weather\. The tools stay/m,
    );
    tool('send_two');
    configure({ tools: { send_won: { window: '1h' } } });
    await reload(server);
    expect(server.stderr).toMatch(/unknown tool "send_won"; did you mean "send_one"\? The tools stay as they were\.$/m);
    for (const each of listeners) {
      expect(await each.tools()).toEqual(['send_one', 'send_two']);
      expect((await each.call('send_two', { item: 'a' })).outcome.code).toBe('succeeded');
    }
    expect(listeners.map((each) => each.told())).toEqual([0, 0]);
    configure();
    await reload(server);
    await heard(listeners, 1);
    for (const each of listeners) expect(await each.tools()).toEqual(['send_one', 'send_three', 'send_two']);
  });

  test('notifies nobody of an unchanged list, and once of a changed list', async () => {
    const { server, listeners, tool, configure, upstream } = await listening();
    for (const each of listeners) await each.call('send_one', { item: 'a' });
    await reload(server);
    for (const each of listeners) await each.call('send_one', { item: 'b' });
    // An unchanged file is the same module and keeps its client.
    expect(upstream.arrived).toEqual(['a', 'b']);
    // Its code changed, which no list shows.
    tool('send_one', { version: 2 });
    configure({ tools: { send_two: { window: '1h' } }, lease: 5_000 });
    await reload(server);
    expect(server.stderr).toMatch(/^mcp-once: changed, and not in effect before a restart: lease\.$/m);
    for (const each of listeners) await each.tools();
    expect(listeners.map((each) => each.told())).toEqual([0, 0]);
    tool('send_one', { version: 2, says: 'Sends an item, and says so.' });
    await reload(server);
    await heard(listeners, 1);
    for (const each of listeners) await each.tools();
    expect(listeners.map((each) => each.told())).toEqual([1, 1]);
  });

  test.each(eras)('replays a repeat across it, and runs the new code for a new call (%s)', async (era) => {
    const on = await stage();
    const server = await startHttp(on);
    const client = await httpListener(era, server.url);
    expect(await client.call('send_one', { item: 'a' })).toMatchObject({ words: 'executed', result: { version: 1 } });
    await reload(server);
    expect((await client.call('send_one', { item: 'a' })).words).toBe('replayed');
    on.tool('send_one', { version: 2, says: 'Sends an item, and says so.' });
    await reload(server);
    expect(await client.call('send_one', { item: 'a' })).toMatchObject({ words: 'replayed', result: { version: 1 } });
    expect(on.upstream.count('a')).toBe(1);
    // The control: another identity has another effect, by the reloaded tool.
    expect(await client.call('send_one', { item: 'b' })).toMatchObject({ words: 'executed', result: { version: 2 } });
    expect(on.upstream.count('b')).toBe(1);
  });

  test('recovers the unknown outcome of an earlier tool with the tool that has its name now', async () => {
    const { server, listeners, tool, upstream } = await listening();
    const [older, newer] = listeners as [Listener, Listener];
    const codeOf = async (client: Listener) => (await client.call('send_one', { item: 'lost' })).outcome.code;
    expect(await codeOf(older)).toBe('outcome_unknown');
    // The control: the same tool still cannot recover it.
    await reload(server);
    expect(await codeOf(newer)).toBe('outcome_unknown');
    const lookup = "async () => ({ status: 'found', result: { version: 2 } })";
    tool('send_one', { version: 2, more: `recovery: 'reconcile', lookup: ${lookup},` });
    await reload(server);
    const told = await older.call('send_one', { item: 'lost' });
    expect(told).toMatchObject({ words: 'recovered (reconcile)', result: { version: 2 } });
    expect((await newer.call('send_one', { item: 'lost' })).words).toBe('replayed');
    expect(upstream.count('lost')).toBe(1);
  });

  test('finishes a call in flight with the tool it began with, then closes the client of that tool', async () => {
    const { server, listeners, tool, upstream } = await listening();
    const [older, newer] = listeners as [Listener, Listener];
    upstream.hold('a');
    const inFlight = older.call('send_one', { item: 'a' });
    await until(() => upstream.count('a') === 1);
    tool('send_one', { version: 2, says: 'Otherwise.' });
    await reload(server);
    expect((await newer.call('send_one', { item: 'b' })).result).toEqual({ version: 2 });
    const repeat = newer.call('send_one', { item: 'a' });
    expect(upstream.count('send_one 1 closed')).toBe(0);
    upstream.release('a');
    expect(await inFlight).toMatchObject({ words: 'executed', result: { version: 1 } });
    expect(await repeat).toMatchObject({ words: 'replayed', result: { version: 1 } });
    await until(() => upstream.count('send_one 1 closed') === 1);
    expect(upstream.arrived).not.toContain('send_one 2 closed');
    expect(upstream.count('a')).toBe(1);
  });

  test('answers the caller of a tool that is removed while it runs, and then lists it no longer', async () => {
    const { server, listeners, remove, upstream } = await listening();
    const [older] = listeners as [Listener, Listener];
    upstream.hold('a');
    const inFlight = older.call('send_one', { item: 'a' });
    await until(() => upstream.count('a') === 1);
    remove('send_one');
    await reload(server);
    await heard(listeners, 1);
    upstream.release('a');
    expect((await inFlight).words).toBe('executed');
    for (const each of listeners) {
      expect((await each.call('send_one', { item: 'a' })).outcome.code).toBe('unknown_tool');
      expect(await each.tools()).toEqual(['send_two']);
    }
    expect(upstream.count('a')).toBe(1);
  });

  test('serves several requests during one reload together, with the last content', async () => {
    const { server, listeners, tool, upstream, configure } = await listening();
    upstream.hold('loading');
    const top = `await fetch('${upstream.url}', { method: 'POST', body: '{"item":"loading"}' });`;
    tool('send_one', { version: 2, top });
    server.signal('SIGHUP');
    await until(() => upstream.count('loading') === 1);
    for (const window of ['1h', '2h']) {
      configure({ tools: { send_two: { window } } });
      server.signal('SIGHUP');
      // Wait for each signal to arrive, since the system may merge pending signals.
      expect((await fetch(new URL('/healthz', server.url))).status).toBe(200);
    }
    configure({ tools: { send_two: { enabled: false } } });
    server.signal('SIGHUP');
    expect((await fetch(new URL('/healthz', server.url))).status).toBe(200);
    expect(endsIn(server)).toBe(0);
    upstream.release('loading');
    await heard(listeners, 1);
    await until(() => endsIn(server) >= 2);
    for (const each of listeners) expect(await each.tools()).toEqual(['send_one']);
    // Of four requests, the last may have arrived only while the others were served.
    expect(endsIn(server)).toBeLessThan(4);
    expect(upstream.count('loading')).toBe(1);
  });

  test('notifies a caller only of the tools that it may see', async () => {
    const part = createToken();
    const whole = createToken();
    const who = { tenant: 'acme', subject: 'alice' };
    const tokens = [
      { hash: part.hash, ...who, tools: ['send_two', 'send_three'] },
      { hash: whole.hash, ...who },
    ];
    const on = await stage({ access: { tokens } });
    const server = await startHttp(on);
    const listen = ({ token }: { token: string }) =>
      Promise.all(eras.map((era) => httpListener(era, server.url, { authorization: `Bearer ${token}` })));
    const [parts, wholes] = [await listen(part), await listen(whole)];
    for (const each of parts) expect(await each.tools()).toEqual(['send_two']);
    on.tool('send_zero');
    await reload(server);
    await heard(wholes, 1);
    for (const each of parts) {
      expect(await each.tools()).toEqual(['send_two']);
      expect((await each.call('send_zero', { item: 'a' })).outcome.code).toBe('unknown_tool');
    }
    expect(parts.map((each) => each.told())).toEqual([0, 0]);
    on.tool('send_three');
    await reload(server);
    await heard(wholes, 2);
    await heard(parts, 1);
    for (const each of parts) {
      expect(await each.tools()).toEqual(['send_three', 'send_two']);
      expect((await each.call('send_three', { item: 'a' })).outcome.code).toBe('succeeded');
    }
    expect(parts.map((each) => each.told())).toEqual([1, 1]);
    expect(on.upstream.count('a')).toBe(1);
  });
});

test('a reload notifies a session by the latest token it used', async () => {
  const [part, whole] = [createToken(), createToken()];
  const who = { tenant: 'acme', subject: 'alice' };
  const tokens = [
    { hash: part.hash, ...who, tools: ['send_two'] },
    { hash: whole.hash, ...who },
  ];
  const on = await stage({ access: { tokens } });
  const server = await startHttp(on);
  const bearer = ({ token }: { token: string }) => ({ authorization: `Bearer ${token}` });
  const session = await openSession(server.url, bearer(part));
  const left = new AbortController();
  onTestFinished(() => left.abort());
  const listen = async (token: { token: string }) => {
    const headers = { ...session, ...bearer(token), accept: 'text/event-stream' };
    const stream = await fetch(server.url, { headers, signal: left.signal });
    const listened = { received: '', ended: Promise.resolve() };
    listened.ended = (async () => {
      for await (const chunk of stream.body ?? []) listened.received += Buffer.from(chunk).toString();
    })();
    listened.ended.catch(() => undefined);
    return listened;
  };
  const first = await listen(part);
  const listWith = async (token: { token: string }) => {
    const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
    const { result } = await messageOf(await post(server.url, list, { ...session, ...bearer(token) }));
    return (result.tools as { name: string }[]).map(({ name }) => name);
  };
  on.tool('send_zero');
  await reload(server);
  expect(await listWith(part)).toEqual(['send_two']);
  expect(first.received).not.toContain('list_changed');
  expect(await listWith(whole)).toEqual(['send_one', 'send_two', 'send_zero']);
  // The stream that the lesser token opened ends, and its client opens it again with its token of now.
  await first.ended;
  const second = await listen(whole);
  on.remove('send_zero');
  await reload(server);
  await until(() => second.received.includes('notifications/tools/list_changed'));
});

describe('a reload over stdio', () => {
  async function start(era: (typeof eras)[number], args: string[], env: Record<string, string>) {
    const [command, stderr] = [process.execPath, 'pipe'] as const;
    const transport =
      era === '2025'
        ? new StdioClientTransport({ command, args, env, stderr })
        : new ModernStdio({ command, args, env, stderr });
    const server = {
      stderr: '',
      signal: (signal: NodeJS.Signals) => void process.kill(transport.pid ?? 0, signal),
    };
    transport.stderr?.on('data', (chunk: Buffer) => {
      server.stderr += chunk.toString();
    });
    return { server, client: await listener(era, transport) };
  }

  test.each(eras)('notifies the client once of a changed list, and of nothing else (%s)', async (era) => {
    const { args, env, tool, broken, upstream } = await stage();
    const { server, client } = await start(era, args, env);
    expect(client.capability()).toEqual({ listChanged: true });
    expect(await client.tools()).toEqual(['send_one', 'send_two']);
    expect((await client.call('send_one', { item: 'a' })).words).toBe('executed');
    await reload(server);
    broken('send_three');
    await reload(server);
    expect(server.stderr).toContain('no weather. The tools stay as they were.');
    tool('send_three');
    await reload(server);
    await heard([client], 1);
    expect(await client.tools()).toEqual(['send_one', 'send_three', 'send_two']);
    expect((await client.call('send_one', { item: 'a' })).words).toBe('replayed');
    expect(upstream.count('a')).toBe(1);
  });

  test('reads the document of an API again', async () => {
    const { folder, env } = await stage();
    const file = join(folder, 'api.json');
    const document = (...operations: string[]) => {
      const paths = operations.map((operationId) => [
        `/${operationId}`,
        { get: { operationId, responses: { 200: { description: 'Done.' } } } },
      ]);
      const servers = [{ url: 'http://127.0.0.1:9' }];
      const text = { openapi: '3.1.0', info: { title: 'T', version: '1' }, servers, paths: Object.fromEntries(paths) };
      writeFileSync(file, JSON.stringify(text));
    };
    document('one');
    const { server, client } = await start('2025', [program, 'openapi', file], env);
    expect(await client.tools()).toEqual(['one']);
    await reload(server);
    document('one', 'two');
    await reload(server);
    await heard([client], 1);
    expect(await client.tools()).toEqual(['one', 'two']);
  });
});

const hasScript = process.platform === 'linux' && spawnSync('script', ['--version']).status === 0;

/** Serves in a new terminal. @returns its output and a function that closes the terminal. */
async function inTerminal(command: readonly string[], env: Record<string, string>) {
  const terminal = spawn('script', ['-qec', command.join(' '), '/dev/null'], { env: { ...env, SHELL: '/bin/sh' } });
  const closed = new Promise((resolve) => terminal.once('close', resolve));
  const close = async () => {
    terminal.kill('SIGKILL');
    await closed;
  };
  onTestFinished(close);
  let printed = '';
  terminal.stdout.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
  });
  return { printed: () => printed, close };
}

describe.runIf(hasScript)('a server in a terminal', () => {
  const isServing = (url: string) =>
    fetch(new URL('/healthz', url)).then(
      ({ ok }) => ok,
      () => false,
    );

  test('reloads its tools on SIGHUP, and ends when the terminal is gone', async () => {
    const { args, env, folder } = await stage();
    const pidFile = join(folder, 'pid');
    const serve = [process.execPath, ...args, '--http', '127.0.0.1:0'];
    const terminal = await inTerminal(['echo $$ >', pidFile, '&& exec', ...serve], env);
    await until(() => /http:\S+\/mcp/.test(terminal.printed()));
    const [url = ''] = /http:\S+\/mcp/.exec(terminal.printed()) ?? [];
    const pid = Number(spawnSync('cat', [pidFile], { encoding: 'utf8' }).stdout);
    onTestFinished(() => {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
    });
    process.kill(pid, 'SIGHUP');
    await until(() => terminal.printed().includes('the tools were reloaded'));
    expect(await isServing(url)).toBe(true);
    await terminal.close();
    await until(async () => !(await isServing(url)));
  });
});
