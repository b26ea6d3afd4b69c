import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import type { Outcome } from '../../src/core/call/outcome.ts';
import type { ToolCall } from '../../src/core/call/types.ts';
import { createEngine, openLedger } from '../../src/core/engine.ts';
import { createCatalog } from '../../src/core/tool/catalog.ts';
import { ClientPool } from '../../src/core/tool/client-pool.ts';
import { defineTool } from '../../src/core/tool/define-tool.ts';
import { loadedBy } from '../support/loaded-modules.ts';
import { temporaryFolder } from '../support/temporary.ts';

const minute = 60_000;
const stores = { memory: () => 'memory:', sqlite: () => `sqlite:${join(temporaryFolder(), 'ledger.sqlite')}` };

type Run = (signal: AbortSignal) => Promise<{ id: number }>;

/** An engine over one tool. Several over one store stand for several processes. */
function engineOver(store: string, run: Run) {
  const tool = defineTool({
    name: 'create_thing',
    title: 'Create thing',
    description: 'Creates a thing.',
    effect: 'create',
    input: z.strictObject({ what: z.string(), note: z.string().optional() }),
    output: z.object({ id: z.number() }),
    identity: ({ what }) => what,
    run: (_input, { signal }) => run(signal),
  });
  const opened = { count: 0 };
  const engine = createEngine({
    catalog: createCatalog([tool]),
    clients: new ClientPool({}),
    settings: {
      waitMs: 5_000,
      maxRunMs: minute,
      recordRetentionMs: 60 * minute,
      resultBytesMax: 1_024,
      hostKeys: true,
      conversationScope: false,
      twinMs: 10_000,
      rewordedMs: 900_000,
    },
    ledger: () => {
      opened.count += 1;
      return openLedger({ store, leaseMs: 500, unresolvedRetentionMs: 60 * minute, encryptionKeys: [] });
    },
  });
  onTestFinished(() => engine.close());
  const call = (args: object): Promise<Outcome> => {
    const scope = { tenant: 'default', subject: 'ada' };
    const signal = new AbortController().signal;
    return engine.handle({ tool: 'create_thing', arguments: args, scope, meta: {}, signal } satisfies ToolCall);
  };
  return { engine, call, opened };
}

/** A promise, and the function that resolves it. */
function promiseWithResolver(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** Counts its executions, and returns the number of each as its result. */
function counted(): { run: Run; executions: () => number } {
  let executions = 0;
  const run = async () => {
    executions += 1;
    return { id: executions };
  };
  return { run, executions: () => executions };
}

describe.each(Object.entries(stores))('an engine built from core, with a %s: store', (_name, storeUrl) => {
  test('executes a call once and replays its result', async () => {
    const { run, executions } = counted();
    const { call } = engineOver(storeUrl(), run);
    expect(await call({ what: 'chair' })).toMatchObject({ type: 'result', result: { id: 1 }, replayed: false });
    expect(await call({ what: 'chair' })).toMatchObject({ type: 'result', result: { id: 1 }, replayed: true });
    expect(executions()).toBe(1);
  });

  test('refuses a call that has the same identity and other arguments', async () => {
    const { run, executions } = counted();
    const { call } = engineOver(storeUrl(), run);
    await call({ what: 'chair', note: 'red' });
    expect(await call({ what: 'chair', note: 'blue' })).toMatchObject({
      code: 'idempotency_conflict',
      fields: ['note'],
      firstResult: { id: 1 },
    });
    expect(executions()).toBe(1);
  });

  test('opens its ledger at the first call, and not before', async () => {
    const { call, opened } = engineOver(storeUrl(), counted().run);
    expect(opened.count).toBe(0);
    await Promise.all([call({ what: 'chair' }), call({ what: 'table' })]);
    expect(opened.count).toBe(1);
  });

  test('cuts off executions at the end of a drain, and reports their outcome as unknown', async () => {
    const started = promiseWithResolver();
    const { engine, call } = engineOver(storeUrl(), (signal) => {
      started.resolve();
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    });
    const first = call({ what: 'chair' });
    await started.promise;
    expect(await engine.isReady()).toBe(true);
    expect(await engine.drain(0)).toBe(1);
    expect(await first).toMatchObject({ code: 'outcome_unknown' });
    expect(await engine.isReady()).toBe(false);
  });

  test('waits for running executions at a drain', async () => {
    const [started, finished] = [promiseWithResolver(), promiseWithResolver()];
    const { engine, call } = engineOver(storeUrl(), async () => {
      started.resolve();
      await finished.promise;
      return { id: 7 };
    });
    const first = call({ what: 'chair' });
    await started.promise;
    const drained = engine.drain(minute);
    finished.resolve();
    expect(await drained).toBe(0);
    expect(await first).toMatchObject({ result: { id: 7 } });
  });
});

test('an engine opens no ledger after it was closed', async () => {
  const { engine, call, opened } = engineOver('memory:', counted().run);
  await engine.close();
  expect(await call({ what: 'chair' })).toMatchObject({ reason: { type: 'shutting_down' } });
  expect(opened.count).toBe(0);
});

test.each(Object.entries(stores))('an engine loads modules of core only, with a %s: store', async (name, storeUrl) => {
  const script = fileURLToPath(new URL('engine-process.mjs', import.meta.url));
  const { stdout, own, packages } = await loadedBy(script, storeUrl());
  expect(JSON.parse(stdout)).toEqual([
    { type: 'result', replayed: false, result: { id: 1 } },
    { type: 'result', replayed: true, result: { id: 1 } },
  ]);
  expect(own).toContain('src/core/call/handle-call.js');
  expect(own.filter((path) => !path.startsWith('src/core/'))).toEqual([]);
  expect(packages.filter((each) => !packagesOf[name as keyof typeof packagesOf].includes(each))).toEqual([]);
});

/** The packages that core uses with each store. */
const storePackages = ['keyv', '@keyv/serialize'];
const packagesOf = {
  memory: ['zod', ...storePackages],
  sqlite: ['zod', ...storePackages, '@photostructure/sqlite', 'node-gyp-build'],
};
