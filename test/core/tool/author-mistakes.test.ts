import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadTools } from '../../../src/core/tool/load.ts';
import { defineClient, defineTool, NotExecuted, z } from '../../../src/index.ts';
import { refusalOf, resultOf, testEngine } from '../../support/engine.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const upstream = () => ({ origin: 'https://shop.example', mode: 'live', account: 'main' });
const parts = { title: 'T', description: 'D', effect: 'create', input: z.object({}) } as const;
const withId = { ...parts, output: z.object({ id: z.string() }) };

/** An engine that keeps what it logs. */
function logged(...tools: Parameters<typeof testEngine>[0]['tools']) {
  const lines: { readonly level: string; readonly message: string; readonly fields: object }[] = [];
  const at =
    (level: string) =>
    (message: string, fields: object = {}) =>
      void lines.push({ level, message, fields });
  const log = { debug: at('debug'), info: at('info'), warn: at('warn') };
  const { engine, ...rest } = testEngine({ tools, log });
  return { ...rest, engine, lines, text: () => lines.map(({ message }) => message).join('\n') };
}

describe('defineClient', () => {
  test.each<[object, RegExp]>([
    [{ open: () => 1, upstream }, /The client without a name: name is missing/],
    [{ name: 'shop', upstream }, /"shop": open is missing/],
    [{ name: 'shop', open: () => 1 }, /"shop": upstream is missing/],
    [{ name: 'shop', open: 5, upstream }, /"shop": open must be a function/],
    [{ name: 'shop', open: () => 1, upstream, env: {} }, /"shop": env must be a schema of zod 4/],
    [{ name: 'shop', open: () => 1, upstream, env: z.string() }, /"shop": env must be an object of variables/],
    [{ name: 'shop', open: () => 1, upstream, classify: 'no' }, /"shop": classify must be a function/],
  ])('refuses %o', (definition, message) => {
    expect(() => defineClient(definition as never)).toThrow(message);
  });

  test('needs no variables', () => {
    const client = defineClient({ name: 'shop', open: () => 1, upstream });
    expect(client.variables).toEqual([]);
    expect(client.configure({}).upstream).toEqual(upstream());
  });

  test('names a variable that is not set, in plain words', () => {
    const client = defineClient({ name: 'shop', env: z.object({ SHOP_TOKEN: z.string() }), open: () => 1, upstream });
    expect(() => client.configure({})).toThrow('The client "shop": SHOP_TOKEN is missing.');
  });
});

test('the compiler points at a misspelt field of a definition', () => {
  expect(() =>
    defineTool({
      ...withId,
      name: 'create',
      // @ts-expect-error the error has to stand in this line
      widnow: '1h',
      run: async () => ({ id: 'x' }),
    }),
  ).toThrow('"widnow" is not part of a tool definition; did you mean "window"?');
});

describe('loading', () => {
  const tool = `import { defineTool, z } from 'mcp-once';
    export const NAME = defineTool({ name: 'NAME', title: 'T', description: 'D', effect: 'read',
      input: z.object({}), output: z.object({}), run: async () => ({}) });`;

  test('names the file and the line of a syntax error', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'bad.mjs'), 'const a = 1;\nconst b = ;\n');
    // The runner of the tests reads files itself. Node rejects with this error, which does not tell the line.
    const load = () => Promise.reject(new SyntaxError("Unexpected token ';'"));
    await expect(loadTools([folder], () => {}, load)).rejects.toThrow(/bad\.mjs:2: Unexpected token ';'\.$/);
  });

  test('names the files that it does not load, and no other module of a tool', async () => {
    const folder = temporaryFolder();
    for (const name of ['more', 'parts']) mkdirSync(join(folder, name));
    writeFileSync(join(folder, 'a.mjs'), tool.replaceAll('NAME', 'a'));
    writeFileSync(join(folder, 'old.cjs'), '');
    writeFileSync(join(folder, 'package.json'), '{}');
    writeFileSync(join(folder, 'more', 'b.mjs'), tool.replaceAll('NAME', 'b'));
    writeFileSync(join(folder, 'parts', 'money.mjs'), 'export const cents = 100;');
    const warnings: string[] = [];
    expect(await loadTools([folder], (message) => warnings.push(message))).toHaveLength(1);
    expect(warnings).toEqual([
      `the tools folder ${folder} has files that are not loaded (more/b.mjs, old.cjs): mcp-once loads the .js and .mjs files at its top level`,
    ]);
  });
});

describe('a result that is not as declared', () => {
  test('is named with its field, in the answer, the ledger and the log', async () => {
    const create = defineTool({ ...withId, name: 'create', run: async () => ({ number: 7 }) as never });
    const { call, records, text } = logged(create);
    const why = 'it does not match the output schema of the tool: id is missing';
    expect(refusalOf(await call('create', {})).message).toContain(why);
    expect((await records())[0]?.status).toMatchObject({ stub: { message: why } });
    expect(text()).toContain(why);
  });
});

describe('an error of a tool that uses steps', () => {
  const failing = (run: (context: { step: (name: string, send: () => Promise<unknown>) => unknown }) => unknown) =>
    // The source text of the function names the steps.
    defineTool({ ...withId, name: 'create', run: async (_, { step }) => run({ step } as never) as never });

  test('is a failure before the first step, and the same call runs again', async () => {
    let broken = true;
    const create = failing(({ step }) => {
      if (broken) throw new Error('no such customer');
      return step('create', async () => ({ id: 'x' }));
    });
    const { call, lines } = logged(create);
    expect(refusalOf(await call('create', {})).code).toBe('operation_failed');
    expect(lines).toContainEqual({
      level: 'warn',
      message: 'create failed: no such customer',
      fields: expect.objectContaining({ stack: expect.stringContaining('author-mistakes.test.ts') }),
    });
    broken = false;
    expect(resultOf(await call('create', {})).replayed).toBe(false);
  });

  test('leaves doubt in the first step', async () => {
    const create = failing(({ step }) => step('create', () => Promise.reject(new Error('the answer was lost'))));
    const { call, text } = logged(create);
    expect(refusalOf(await call('create', {})).code).toBe('outcome_unknown');
    expect(text()).toContain('create unknown: the answer was lost');
  });

  test('is said to last where the code is broken', async () => {
    const create = failing(({ step }) => {
      const customer = undefined as unknown as { id: string };
      return step(customer.id, async () => ({ id: 'x' }));
    });
    const { message } = refusalOf(await logged(create).call('create', {}));
    expect(message).toContain('It had no effect. The same call fails until the author of the tool has fixed it.');
    expect(message).not.toContain('safe to call again');
  });
});

describe('the log', () => {
  test('warns of a step that the tool does not await, once', async () => {
    const create = defineTool({
      ...withId,
      name: 'create',
      window: 0,
      run: async (_, ctx) => {
        void ctx.step('create', async () => ({ id: 'x' }));
        return { id: 'x' };
      },
    });
    const { call, lines } = logged(create);
    await call('create', {});
    await call('create', {});
    expect(lines.map(({ message }) => message)).toEqual([
      'tool create: it ended while its step "create" was running: write "await ctx.step(...)"',
    ]);
  });

  test('warns of a create without any step, and not of one with an upstream key', async () => {
    const bare = defineTool({ ...withId, name: 'bare', run: async () => ({ id: 'x' }) });
    const keyed = defineTool({ ...withId, name: 'keyed', run: async (_, ctx) => ({ id: ctx.upstreamKey }) });
    const { call, text } = logged(bare, keyed);
    await call('keyed', {});
    expect(text()).toBe('');
    await call('bare', {});
    expect(text()).toMatch(/^tool bare: it creates something without ctx.step and without ctx.upstreamKey/);
  });

  test('has a definite failure of a tool, and the failure of a read', async () => {
    const run = async () => {
      throw new NotExecuted('closed on Sunday');
    };
    const create = defineTool({ ...withId, name: 'create', run });
    const read = defineTool({ ...withId, name: 'get', effect: 'read', run });
    const { call, lines } = logged(create, read);
    await call('create', {});
    await call('get', {});
    expect(lines.map(({ level, message }) => [level, message])).toEqual([
      ['info', 'create failed: closed on Sunday'],
      ['info', 'get failed: closed on Sunday'],
    ]);
  });
});

test('a store that is closed because the process ends does not invite another call', async () => {
  const create = defineTool({ ...withId, name: 'create', run: async () => ({ id: 'x' }) });
  const { call, store, close } = logged(create);
  close.abort();
  await store.close();
  const { message, retryAfterMs } = refusalOf(await call('create', {}));
  expect(message).toContain('the server is shutting down');
  expect({ retryAfterMs }).toEqual({ retryAfterMs: undefined });
});
