import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { outcomeOf, RawClient, stage, textOf, wrapArgs } from './support/wrap.ts';

const changing = fileURLToPath(new URL('./support/changing.mjs', import.meta.url));
const text = { type: 'string' };

type Properties = Readonly<Record<string, unknown>>;

function tool(name: string, properties: Properties, required: readonly string[] = []) {
  return { name, inputSchema: { type: 'object', properties, required } };
}

/** Sets up a server whose tools change, and whose process can end after the first effect. */
function changingStage(...first: readonly ReturnType<typeof tool>[]) {
  const { folder, store, env, effects } = stage();
  const listed = `${folder}/listed`;
  const list = (...tools: readonly unknown[]): void => writeFileSync(listed, JSON.stringify(tools));
  list(...first);
  const server = { ...env, LISTED: listed };
  const start = async (isDirect = false): Promise<RawClient> => {
    const client = new RawClient(isDirect ? [changing] : wrapArgs(store, [changing]), server);
    await client.initialize();
    await client.ask('tools/list', {});
    return client;
  };
  const change = async (client: RawClient, ...tools: readonly unknown[]): Promise<void> => {
    list(...tools);
    await client.ask('x/changed');
    await client.until(({ method }) => method === 'notifications/tools/list_changed');
  };
  /** Ends the server after the next effect, and gives it other tools after its restart. */
  const diesInto = (...tools: readonly unknown[]): void => writeFileSync(`${env.EFFECTS}.dies`, JSON.stringify(tools));
  return { list, start, change, diesInto, effects };
}

const pay = tool('pay', { what: text });
const call = async (client: RawClient, name = 'pay', more: Properties = {}) =>
  (await client.call(name, { what: 'a', ...more })).result;

describe('tools that change between a call and its repeat', () => {
  const optional = tool('pay', { what: text, note: { ...text, default: '' } });

  test.each([
    ['in the same process', true],
    ['in another process', false],
  ])('replays the first result after the tool got an optional field, %s', async (_, isSame) => {
    const { start, change, list, effects } = changingStage(pay);
    const client = await start();
    await call(client);
    if (isSame) await change(client, optional);
    else list(optional);
    const again = isSame ? client : await start();
    expect(outcomeOf(await call(again))).toMatchObject({ replayed: true });
    expect(outcomeOf(await call(again, 'pay', { note: '' }))).toMatchObject({ replayed: true });
    expect(effects()).toHaveLength(1);
  });

  test('control: repeats the effect without the proxy', async () => {
    const { start, change, effects } = changingStage(pay);
    const client = await start(true);
    await call(client);
    await change(client, optional);
    await call(client);
    expect(effects()).toHaveLength(2);
  });

  test('replays the first result after the tool got a required field', async () => {
    const { start, change, effects } = changingStage(pay);
    const client = await start();
    await call(client);
    await change(client, tool('pay', { what: text, currency: text }, ['currency']));
    expect(outcomeOf(await call(client))).toMatchObject({ replayed: true });
    expect(effects()).toHaveLength(1);
  });

  test.each([
    ['in the same process', true],
    ['in another process', false],
  ])('replays the operation of a removed tool, %s', async (_, isSame) => {
    const { start, change, list, effects } = changingStage(pay);
    const client = await start();
    await call(client);
    const renamed = tool('pay_now', { what: text });
    if (isSame) await change(client, renamed);
    else list(renamed);
    const again = isSame ? client : await start();
    expect(outcomeOf(await call(again))).toMatchObject({ replayed: true });
    // A call under another name is another operation.
    expect(outcomeOf(await call(again, 'pay_now'))).toMatchObject({ replayed: false });
    expect(effects().map((line) => JSON.parse(line).name)).toEqual(['pay', 'pay_now']);
  });

  test('passes on the server’s error for a removed tool that was never called, and stores nothing', async () => {
    const { start, change, effects } = changingStage(pay);
    const client = await start();
    await change(client);
    const { error } = await client.call('pay', { what: 'a' });
    expect(error.message).toMatch(/no tool pay/);
    await change(client, pay);
    expect(outcomeOf(await call(client))).toMatchObject({ code: 'succeeded' });
    expect(effects()).toHaveLength(1);
  });
});

describe('tools that change while the outcome of a call is unknown', () => {
  const keyed = tool('pay', { what: text, idempotency_key: text }, ['idempotency_key']);

  test.each([
    ['guarded', pay, true],
    ['guarded', pay, false],
    ['with a key', keyed, true],
    ['with a key', keyed, false],
  ])('sends nothing again for a removed tool (%s), and says so', async (_, first, isSame) => {
    const { start, diesInto, effects } = changingStage(first);
    diesInto();
    const client = await start();
    const lost = await call(client);
    const told = await call(isSame ? client : await start());
    expect([lost, told].map((each) => outcomeOf(each)?.code)).toEqual(['outcome_unknown', 'outcome_unknown']);
    expect(textOf(told)).toMatch(/Its server no longer lists this tool/);
    expect(effects()).toHaveLength(1);
  });

  const codes = async (first: typeof pay, second: typeof pay, isSame: boolean) => {
    const { start, diesInto, effects } = changingStage(first);
    diesInto(second);
    const client = await start();
    const lost = await call(client);
    const told = await call(isSame ? client : await start());
    return { codes: [lost, told].map((each) => outcomeOf(each)?.code), effects: effects() };
  };
  const unknown = ['outcome_unknown', 'outcome_unknown'];

  test.each([
    ['now takes a key', pay, keyed, true],
    ['now takes a key', pay, keyed, false],
    ['no longer takes a key', keyed, pay, true],
    ['no longer takes a key', keyed, pay, false],
  ])('sends nothing again to a tool that %s', async (_, first, second, isSame) => {
    const told = await codes(first, second, isSame);
    expect(told.codes).toEqual(unknown);
    expect(told.effects).toHaveLength(1);
  });

  test('control: sends the same key again to a tool that still takes it', async () => {
    const told = await codes(keyed, keyed, true);
    expect(told.codes).toEqual(['succeeded', 'succeeded']);
    const keys = told.effects.map((line) => JSON.parse(line).idempotency_key);
    expect(keys).toHaveLength(2);
    expect(new Set(keys).size).toBe(1);
  });
});
