import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createApp, openConfiguredLedger, sections } from '../../src/app.ts';
import { openClientVariables } from '../../src/cli/sandbox.ts';
import { type Environment, loadConfig } from '../../src/config/config.ts';
import type { Outcome } from '../../src/core/call/outcome.ts';
import type { ToolCall } from '../../src/core/call/types.ts';
import { systemClock } from '../../src/core/clock.ts';
import { forgetOperation } from '../../src/core/ledger/operator.ts';
import { SqliteConnection } from '../../src/core/ledger/stores/sqlite-driver.ts';
import { emit, onEvent } from '../../src/core/observe/events.ts';
import { createLog, type Log, logEvents } from '../../src/core/observe/log.ts';
import { keysText } from '../support/encryption.ts';
import { refusalOf } from '../support/engine.ts';
import { temporaryFolder } from '../support/temporary.ts';

async function appIn(folder: string, environment: Environment = {}, file?: string) {
  const all = { HOME: folder, XDG_DATA_HOME: folder, LOCALAPPDATA: folder, ...environment };
  const config = await loadConfig({ sections, environment: all, overrides: { logLevel: 'silent', config: file } });
  const log = createLog({ level: 'silent' });
  const variables = await openClientVariables(all, config, log);
  const app = await createApp(config, { ...variables, log });
  onTestFinished(() => app.close());
  const call = (args: unknown, tool = 'create_customer'): Promise<Outcome> => {
    const { scope } = app;
    return app.handle({
      tool,
      arguments: args,
      scope,
      meta: {},
      signal: new AbortController().signal,
    } satisfies ToolCall);
  };
  return { app, config, call };
}

function resultOf(answer: Outcome) {
  if (answer.type !== 'result') throw new Error(JSON.stringify(answer));
  return answer;
}

const alice = { name: 'Alice', email: 'alice@example.com' };

describe('the ledger of an app', () => {
  test('does not exist before the first call', async () => {
    const folder = temporaryFolder();
    const { app, config, call } = await appIn(folder);
    expect(app.catalog.find('create_invoice')).toBeDefined();
    expect(existsSync(join(folder, 'mcp-once'))).toBe(false);
    resultOf(await call(alice));
    expect(existsSync(config.store.slice('sqlite:'.length))).toBe(true);
    expect(existsSync(join(folder, 'mcp-once', 'sandbox.sqlite'))).toBe(true);
  });

  test('refuses each call while it cannot be opened, and opens later', async () => {
    const folder = temporaryFolder();
    const store = join(folder, 'later', 'ledger.sqlite');
    const { call } = await appIn(folder, { MCP_ONCE_STORE: `sqlite:${store}` });
    const refused = await Promise.all([call(alice), call(alice)]);
    expect(refused).toMatchObject([{ code: 'ledger_unavailable' }, { code: 'ledger_unavailable' }]);
    mkdirSync(join(folder, 'later'));
    expect(resultOf(await call(alice)).replayed).toBe(false);
  });

  test('opens once for concurrent first calls', async () => {
    const { call } = await appIn(temporaryFolder());
    const answers = await Promise.all(Array.from({ length: 8 }, () => call(alice)));
    const ids = new Set(answers.map((answer) => JSON.stringify(resultOf(answer).result)));
    expect(ids.size).toBe(1);
    expect(answers.filter((answer) => !resultOf(answer).replayed)).toHaveLength(1);
  });
});

test('an app treats two sandboxes on one ledger as two upstreams', async () => {
  const folder = temporaryFolder();
  const store = { MCP_ONCE_STORE: `sqlite:${join(folder, 'ledger.sqlite')}` };
  const sandboxed = async (name: string) => {
    const data = join(folder, name);
    return resultOf(
      await (await appIn(folder, { ...store, XDG_DATA_HOME: data, LOCALAPPDATA: data, HOME: data })).call(alice),
    );
  };
  const [one, other, again] = [await sandboxed('one'), await sandboxed('other'), await sandboxed('one')];
  expect([one.replayed, other.replayed, again.replayed]).toEqual([false, false, true]);
  expect(other.result).not.toEqual(one.result);
});

describe('the secret of repeat tokens', () => {
  test("is shared by all apps on one store: one accepts the other's token", async () => {
    const folder = temporaryFolder();
    const [one, other] = [await appIn(folder), await appIn(folder)];
    const first = resultOf(await one.call(alice));
    const { repeatToken } = resultOf(await one.call(alice));
    const second = resultOf(await other.call({ ...alice, repeat_token: repeatToken }));
    expect(second.replayed).toBe(false);
    expect(second.result).not.toEqual(first.result);
    expect(await one.call({ ...alice, repeat_token: 'forged' })).toMatchObject({ code: 'invalid_repeat_token' });
  });

  test('comes from MCP_ONCE_SECRET when it is set', async () => {
    const folder = temporaryFolder();
    const one = await appIn(folder, { MCP_ONCE_SECRET: 'a'.repeat(32) });
    const other = await appIn(folder, { MCP_ONCE_SECRET: 'b'.repeat(32) });
    resultOf(await one.call(alice));
    const { repeatToken } = resultOf(await one.call(alice));
    expect(await other.call({ ...alice, repeat_token: repeatToken })).toMatchObject({ code: 'invalid_repeat_token' });
    resultOf(await one.call({ ...alice, repeat_token: repeatToken }));
  });
});

describe('with MCP_ONCE_ENCRYPTION_KEYS', () => {
  const onFile = (folder: string, ...ids: string[]) =>
    appIn(folder, {
      MCP_ONCE_STORE: `sqlite:${join(folder, 'ledger.sqlite')}`,
      ...(ids.length > 0 ? { MCP_ONCE_ENCRYPTION_KEYS: keysText(...ids) } : {}),
    });

  /** What is stored, in the order of the keys: the operation first. */
  const stored = (folder: string): string[] => {
    const database = new SqliteConnection(join(folder, 'ledger.sqlite'), { readOnly: true });
    onTestFinished(() => void database.close());
    return database.prepareColumn<[], string>('SELECT value FROM entries ORDER BY key').all();
  };

  test('the app seals every entry, also the secret of repeat tokens', async () => {
    const folder = temporaryFolder();
    const { call } = await onFile(folder, 'a');
    resultOf(await call(alice));
    resultOf(await call(alice));
    const entries = stored(folder);
    expect(entries).toHaveLength(2);
    for (const entry of entries) expect(JSON.parse(entry).value).toMatchObject({ kind: 'sealed', keyId: 'a' });

    const control = temporaryFolder();
    const plain = await onFile(control);
    resultOf(await plain.call(alice));
    resultOf(await plain.call(alice));
    expect(stored(control).map((entry) => JSON.parse(entry).value.kind)).toEqual(['operation', 'secret']);
  });

  test('the app seals the secret again with the first key, so that the old key can be removed', async () => {
    const folder = temporaryFolder();
    const before = await onFile(folder, 'a');
    resultOf(await before.call(alice));
    const { repeatToken } = resultOf(await before.call(alice));
    const both = await onFile(folder, 'b', 'a');
    resultOf(await both.call({ ...alice, name: 'Bob', email: 'bob@example.com' }));
    resultOf(await both.call({ ...alice, name: 'Bob', email: 'bob@example.com' }));
    const after = await onFile(folder, 'b');
    expect(await after.call(alice)).toMatchObject({ code: 'record_unreadable' });
    const again = resultOf(await after.call({ ...alice, repeat_token: repeatToken }));
    expect(again.replayed).toBe(false);
  });

  test('an operator can forget a secret whose key is lost, and the next app creates a new one', async () => {
    const folder = temporaryFolder();
    const before = await onFile(folder, 'a');
    resultOf(await before.call(alice));
    const { repeatToken } = resultOf(await before.call(alice));
    const { config, call } = await onFile(folder, 'b');
    const bob = { name: 'Bob', email: 'bob@example.com' };
    // What it would execute now nobody could be told of who has the other keys.
    const refused = refusalOf(await call(bob));
    expect(refused).toMatchObject({ code: 'ledger_unavailable', message: expect.stringContaining('"a"') });
    const ledger = await openConfiguredLedger(config);
    onTestFinished(() => ledger.store.close());
    const operator = { ledger, clock: systemClock, randomId: randomUUID, unresolvedRetentionMs: 60_000 };
    await expect(forgetOperation(operator, 'repeat-secret')).rejects.toThrow(/cannot be read/);
    await forgetOperation(operator, 'repeat-secret', true);
    expect(resultOf(await call(bob)).replayed).toBe(false);
    expect(resultOf(await call(bob))).toMatchObject({ replayed: true, repeatToken: expect.any(String) });
    expect(await call({ ...alice, repeat_token: repeatToken })).toMatchObject({ code: 'invalid_repeat_token' });
  });

  test('the next reader seals a secret that was stored in clear', async () => {
    const folder = temporaryFolder();
    const plain = await onFile(folder);
    resultOf(await plain.call(alice));
    const { repeatToken } = resultOf(await plain.call(alice));
    const sealed = await onFile(folder, 'a');
    expect(resultOf(await sealed.call({ ...alice, repeat_token: repeatToken })).replayed).toBe(false);
    expect(
      stored(folder)
        .map((entry) => JSON.parse(entry).value.kind)
        .sort(),
    ).toEqual(['operation', 'sealed', 'sealed']);
  });
});

describe('draining', () => {
  test('waits for running executions and begins no further one', async () => {
    const { app, call } = await appIn(temporaryFolder());
    const claimed = eventOf('claimed');
    const running = call(alice);
    await claimed;
    const [cutOff, answer] = await Promise.all([app.drain(), running]);
    expect(cutOff).toBe(0);
    // Claimed, but nothing was sent before the drain began; or it was, and then it has its result.
    expect(answer.type === 'result' || refusalOf(answer).code === 'operation_failed').toBe(true);
    expect(await call({ ...alice, name: 'Bob' })).toMatchObject({ type: 'refusal' });
  });

  test('ends at once when nothing has run', async () => {
    const { app } = await appIn(temporaryFolder());
    expect(await app.drain()).toBe(0);
  });
});

test('an app logs an unknown tool name up to the maximum length of a name', () => {
  const logged: unknown[] = [];
  const take: Log['info'] = (message, fields) => logged.push([message, fields]);
  onTestFinished(logEvents({ debug: take, info: take, warn: take, error: take }));
  const whose = { tenant: 'acme', subject: 'ann' };
  emit({ type: 'answered', ...whose, tool: 'x'.repeat(1_000_000), code: 'unknown_tool', replayed: false });
  expect(logged).toEqual([['answered', { ...whose, tool: 'x'.repeat(64), code: 'unknown_tool', replayed: false }]]);
});

describe('instructions', () => {
  test('say that nothing real is billed when the sandbox is used, and only then', async () => {
    const sandboxed = (await appIn(temporaryFolder())).app;
    expect(sandboxed.upstreams).toContainEqual(expect.objectContaining({ origin: 'mcp-once-sandbox' }));
    expect(sandboxed.instructions(sandboxed.catalog.tools)).toContain('Nothing real is billed');
    const real = (await appIn(temporaryFolder(), { STRIPE_SECRET_KEY: 'sk_test_4eC39HqLyjWDarjtT1zdp7dc' })).app;
    expect(real.upstreams).not.toContainEqual(expect.objectContaining({ origin: 'mcp-once-sandbox' }));
    expect(real.instructions(real.catalog.tools)).not.toContain('billed');
    expect(real.instructions(real.catalog.tools)).toContain('repeat_token');
  });

  test("do not mention Stripe's billing for another provider's sandbox", async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'tools'));
    writeFileSync(join(folder, 'tools', 'pay.mjs'), toolInSandbox);
    writeFileSync(join(folder, 'c.json'), JSON.stringify({ toolsDirs: ['tools'] }));
    const environment = { STRIPE_SECRET_KEY: 'sk_live_4eC39HqLyjWDarjtT1zdp7dc' };
    const { app } = await appIn(folder, environment, join(folder, 'c.json'));
    expect(app.catalog.find('pay')).toBeDefined();
    expect(app.upstreams).toContainEqual(expect.objectContaining({ mode: 'sandbox' }));
    expect(app.instructions(app.catalog.tools)).not.toContain('billed');
  });
});

const toolInSandbox = `
  import { defineClient, defineTool, z } from 'mcp-once';
  const client = defineClient({
    name: 'bank', env: z.object({}), open: () => ({}),
    upstream: () => ({ origin: 'https://sandbox.bank.example', mode: 'sandbox', account: 'main' }),
  });
  export const pay = defineTool({
    name: 'pay', title: 'Pay', description: 'Pays.', effect: 'create', client,
    input: z.strictObject({}), output: z.object({}), run: async () => ({}),
  });
`;

function eventOf(type: string): Promise<void> {
  return new Promise((resolve) => {
    const stop = onEvent((event) => {
      if (event.type !== type) return;
      stop();
      resolve();
    });
  });
}
