import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { SqliteConnection } from '../../src/core/ledger/stores/sqlite-driver.ts';
import { connect, outcomeOf, RawClient, stage, textOf, wrapArgs } from '../wrap/support/wrap.ts';

// Servers from npm with a database and a file. Effects are counted there, not in the responses.

const require = createRequire(import.meta.url);
const holding = fileURLToPath(new URL('../wrap/support/holding.mjs', import.meta.url));

interface Kept {
  /** The server's program and its arguments. */
  readonly server: readonly string[];
  readonly env: Record<string, string>;
  readonly write: { readonly name: string; readonly arguments: Record<string, unknown> };
  /** Reads the effects from the server's data. */
  readonly effects: () => unknown[];
}

function sqlite(folder: string): Kept {
  const path = join(folder, 'kept.sqlite');
  const database = new SqliteConnection(path);
  database.exec('CREATE TABLE payments (id INTEGER PRIMARY KEY, amount INTEGER)');
  database.close();
  return {
    server: [join(dirname(require.resolve('mcp-server-sqlite/package.json')), 'dist/cli.js')],
    env: { SQLITE_DB_PATH: path }, // Its option --db comes too late: it would make ./database.db.
    write: { name: 'execute', arguments: { sql: 'INSERT INTO payments (amount) VALUES (5)' } },
    effects: () => {
      const reader = new SqliteConnection(path, { readOnly: true });
      try {
        return reader.prepareColumn<[], number>('SELECT amount FROM payments').all();
      } finally {
        reader.close();
      }
    },
  };
}

function taskmanager(folder: string): Kept {
  const path = join(folder, 'tasks.json');
  return {
    server: [require.resolve('@kazuph/mcp-taskmanager')],
    env: { TASK_MANAGER_FILE_PATH: path },
    write: {
      name: 'request_planning',
      arguments: { originalRequest: 'r', tasks: [{ title: 't', description: 'd' }] },
    },
    effects: () =>
      JSON.parse(readFileSync(path, 'utf8')).requests.map((each: { originalRequest: string }) => each.originalRequest),
  };
}

describe.each([
  { name: 'mcp-server-sqlite', keep: sqlite, effect: 5 },
  { name: 'mcp-taskmanager', keep: taskmanager, effect: 'r' },
])('$name', ({ keep, effect }) => {
  const staged = () => {
    const { folder, store } = stage();
    // The claim of a dead proxy is held until its lease expires.
    const config = join(folder, 'mcp-once.json');
    writeFileSync(config, JSON.stringify({ lease: '3s' }));
    const options = ['--config', config];
    const { server, env, write, effects } = keep(folder);
    const pidFile = join(folder, 'pid');
    const held = [holding, ...server];
    /** Resolves when the server's data contains the effect and the response is held back. */
    const halfway = async (args: readonly string[]) => {
      const client = new RawClient(args, { ...env, HOLD: 'yes', PID: pidFile });
      await client.initialize();
      const answer = client.call(write.name, write.arguments);
      await expect.poll(() => effects()).toEqual([effect]);
      return { client, answer, upstream: Number(readFileSync(pidFile, 'utf8')) };
    };
    return {
      write,
      effects,
      halfway,
      direct: () => connect(server, { env }),
      wrapped: () => connect(wrapArgs(store, server, options), { env }),
      held,
      heldWrapped: wrapArgs(store, held, options),
      again: (args: readonly string[]) => connect(args, { env }),
    };
  };

  test('executes once for two calls through the proxy, and replays the first result', async () => {
    const { write, effects, wrapped } = staged();
    const client = await wrapped();
    const [first, second] = [await client.callTool(write), await client.callTool(write)];
    expect(effects()).toEqual([effect]);
    expect(outcomeOf(first)).toMatchObject({ code: 'succeeded', replayed: false });
    expect(outcomeOf(second)).toMatchObject({ code: 'succeeded', replayed: true });
    expect(textOf(second)).toBe(textOf(first));
    const repeat_token = outcomeOf(second)?.repeatToken;
    await client.callTool({ ...write, arguments: { ...write.arguments, repeat_token } });
    expect(effects()).toEqual([effect, effect]);
  });

  test('control: executes twice without the proxy', async () => {
    const { write, effects, direct } = staged();
    const client = await direct();
    await client.callTool(write);
    await client.callTool(write);
    expect(effects()).toEqual([effect, effect]);
  });

  test('executes once for three concurrent proxies', async () => {
    const { write, effects, wrapped } = staged();
    const clients = await Promise.all([wrapped(), wrapped(), wrapped()]);
    const told = await Promise.all(clients.map((client) => client.callTool(write)));
    expect(told.map((each) => outcomeOf(each)?.code)).toEqual(['succeeded', 'succeeded', 'succeeded']);
    expect(told.filter((each) => outcomeOf(each)?.replayed)).toHaveLength(2);
    expect(new Set(told.map(textOf)).size).toBe(1);
    expect(effects()).toEqual([effect]);
  });

  // Sequentially, because concurrent writes of two servers can overwrite each other.
  test('control: executes three times in three servers without the proxy', async () => {
    const { write, effects, direct } = staged();
    const clients = await Promise.all([direct(), direct(), direct()]);
    for (const client of clients) await client.callTool(write);
    expect(effects()).toEqual([effect, effect, effect]);
  });

  test('executes nothing for a repeat after SIGKILL of the proxy between effect and response', async () => {
    const { write, effects, halfway, heldWrapped, again } = staged();
    const { client } = await halfway(heldWrapped);
    client.child.kill('SIGKILL');
    await client.exited;
    const told = await (await again(heldWrapped)).callTool(write);
    expect(outcomeOf(told)).toMatchObject({ code: 'outcome_unknown' });
    expect(effects()).toEqual([effect]);
  });

  test('executes nothing for a repeat after SIGKILL of the server between effect and response', async () => {
    const { write, effects, halfway, heldWrapped, again } = staged();
    const { client, answer, upstream } = await halfway(heldWrapped);
    process.kill(upstream, 'SIGKILL');
    expect(outcomeOf((await answer).result)).toMatchObject({ code: 'outcome_unknown' });
    expect(outcomeOf((await client.call(write.name, write.arguments)).result)).toMatchObject({
      code: 'outcome_unknown',
    });
    const told = await (await again(heldWrapped)).callTool(write);
    expect(outcomeOf(told)).toMatchObject({ code: 'outcome_unknown' });
    expect(effects()).toEqual([effect]);
  });

  test('control: repeats the effect after SIGKILL of the server without the proxy', async () => {
    const { write, effects, halfway, held, again } = staged();
    const { client, upstream } = await halfway(held);
    process.kill(upstream, 'SIGKILL');
    await client.exited;
    await (await again(held)).callTool(write);
    expect(effects()).toEqual([effect, effect]);
  });
});
