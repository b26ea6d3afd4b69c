import { Keyv } from 'keyv';
import { type Guard, type GuardOptions, guard } from 'mcp-once';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from '../support/temporary.ts';
import { callTool, clientOf, servers } from './servers.ts';

async function openGuard(options: GuardOptions = {}): Promise<Guard> {
  const once = await guard({ store: 'memory:', drain: 0, logLevel: 'silent', ...options });
  onTestFinished(() => once.close());
  return once;
}

interface Lines {
  lines: { amount: number }[];
}

test('run executes and stores the arguments as they were at the call, although the caller changes them later', async () => {
  const once = await openGuard();
  const executed: number[] = [];
  const execute = async ({ lines }: Lines) => {
    executed.push(lines[0]?.amount ?? 0);
    return { amount: lines[0]?.amount };
  };
  const input = { lines: [{ amount: 100 }] };
  const running = once.run({ tool: 'charge', arguments: input }, execute);
  input.lines[0] = { amount: 999 };
  expect(await running).toMatchObject({ result: { amount: 100 } });
  const again = await once.run({ tool: 'charge', arguments: { lines: [{ amount: 100 }] } }, execute);
  expect(again).toMatchObject({ result: { amount: 100 }, replayed: true });
  expect(executed).toEqual([100]);
});

test('run gives each caller its own copy of the result', async () => {
  const once = await openGuard();
  const call = { tool: 'charge', arguments: { customer: 'ada' } };
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const execute = async () => {
    await released;
    return { lines: [{ amount: 1 }] };
  };
  const both = [once.run(call, execute), once.run(call, execute)];
  release();
  const results: unknown[] = [];
  for (const running of [...both, once.run(call, execute), once.run(call, execute)]) {
    const told = await running;
    if (told.code !== 'succeeded') throw new Error(told.code);
    results.push(structuredClone(told.result));
    told.result.lines.push({ amount: 666 });
    Object.assign(told.result.lines[0] ?? {}, { amount: 0 });
  }
  expect(results).toEqual(Array(4).fill({ lines: [{ amount: 1 }] }));
});

test('run gives each caller its own copy of the first result in a conflict', async () => {
  const once = await openGuard({ tools: { charge: { identity: ({ order }) => order } } });
  const first = { tool: 'charge', arguments: { order: 1, note: 'a' } };
  await once.run(first, async () => ({ lines: [1] }));
  const conflict = await once.run({ tool: 'charge', arguments: { order: 1, note: 'b' } }, async () => ({ lines: [2] }));
  if (conflict.code === 'succeeded') throw new Error('no conflict');
  (conflict.firstResult as { lines: number[] }).lines.push(2);
  expect(await once.run(first, async () => ({ lines: [3] }))).toMatchObject({ result: { lines: [1] } });
});

test("wrap replays the stored content although a framework changed the first caller's copy", async () => {
  const once = await openGuard();
  const handle = once.wrap('charge', async () => ({ content: [{ type: 'text', text: 'paid' }] }));
  const texts: (string | undefined)[] = [];
  for (let time = 0; time < 3; time += 1) {
    const { content } = await handle({ customer: 'ada' }, {});
    texts.push(content[0]?.text);
    Object.assign(content[0] ?? {}, { text: 'changed' });
  }
  expect(texts).toEqual(['paid', 'paid', 'paid']);
});

test("protect replays the stored content although the process changed the first caller's copy", async () => {
  const once = await openGuard();
  const server = servers['Server of SDK 1']?.();
  if (!server) throw new Error('no server');
  let effects = 0;
  server.register([{ name: 'charge', run: async () => ({ content: [{ type: 'text', text: `paid ${++effects}` }] }) }]);
  once.protect(server.server);
  const client = await clientOf(server);
  for (let time = 0; time < 3; time += 1) {
    const { answer } = await callTool(client, 'charge', { customer: 'ada' });
    expect(answer.content[0]?.text).toBe('paid 1');
    // The transport of this test hands over the very objects.
    Object.assign(answer.content[0] ?? {}, { text: 'changed' });
  }
});

test('two guards with two Keyv instances over one adapter execute a call once', async () => {
  const map = new Map();
  const options = () => ({ store: new Keyv({ store: map }), singleProcess: true });
  const guards = await Promise.all([openGuard(options()), openGuard(options())]);
  let effects = 0;
  const told = await Promise.all(
    Array.from({ length: 20 }, (_, index) => {
      return guards[index % 2]?.run({ tool: 'charge', arguments: { customer: 'ada' } }, async () => ++effects);
    }),
  );
  expect(effects).toBe(1);
  expect(told.every((each) => each?.code === 'succeeded' && each.result === 1)).toBe(true);
});

test.each(Object.keys(servers))(
  '%s: protect refuses a server that this or another guard already protects',
  async (kind) => {
    const server = servers[kind]?.();
    if (!server) throw new Error('no server');
    const folder = temporaryFolder();
    const [one, two] = [
      await openGuard({ store: `sqlite:${folder}/l` }),
      await openGuard({ store: `sqlite:${folder}/l` }),
    ];
    one.protect(server.server);
    expect(() => two.protect(server.server)).toThrow(/already protected/);
  },
);

test("close() during a handler's run prevents a second execution and any new one", async () => {
  const store = `sqlite:${temporaryFolder()}/ledger`;
  const once = await openGuard({ store });
  let effects = 0;
  let finish = (): void => {};
  const began = new Promise<void>((begin) => {
    void once.run({ tool: 'charge', arguments: { customer: 'ada' } }, async () => {
      effects += 1;
      begin();
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
    });
  });
  await began;
  await once.close();
  const late = await once.run({ tool: 'charge', arguments: { customer: 'bob' } }, async () => ++effects);
  expect(late.code).toBe('operation_failed');
  finish();
  const next = await openGuard({ store });
  const told = await next.run({ tool: 'charge', arguments: { customer: 'ada' } }, async () => ++effects);
  expect(told.code).toMatch(/outcome_unknown|in_flight/);
  expect(effects).toBe(1);
});

test('run reads a getter in the arguments once', async () => {
  const once = await openGuard();
  let reads = 0;
  const tricky = {
    get amount() {
      return ++reads;
    },
  };
  const executed: number[] = [];
  const execute = async ({ amount }: { amount: number }) => executed.push(amount);
  await once.run({ tool: 'charge', arguments: tricky }, execute);
  const [amount = 0] = executed;
  expect(await once.run({ tool: 'charge', arguments: { amount } }, execute)).toMatchObject({ replayed: true });
  expect(executed).toEqual([amount]);
});
