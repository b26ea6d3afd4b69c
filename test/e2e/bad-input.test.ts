import { writeFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Served } from '../support/cli-process.ts';
import type { Arguments, ServerProcess } from './support/server.ts';
import { fixtureTools, paymentOf, testKey, unique, useStage } from './support/stage.ts';
import { FixtureUpstream } from './support/upstream.ts';

const stage = useStage();

const payments = (description: string) => stage.sandbox.described('payment_intents', description);

/** Returns a value nested in `depth` containers. */
function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

const withProto = (args: Arguments): Arguments =>
  JSON.parse(`${JSON.stringify(args).slice(0, -1)},"__proto__":{"admin":true}}`);

interface Case {
  readonly name: string;
  readonly tool?: string;
  spoil(args: Arguments): Arguments;
  readonly code: string;
  readonly says: readonly RegExp[];
}

const cases: readonly Case[] = [
  {
    name: 'an unknown tool',
    tool: 'create_paymant',
    spoil: (args) => args,
    code: 'unknown_tool',
    says: [/create_payment/],
  },
  {
    name: 'a field that is missing',
    spoil: ({ currency: _, ...rest }) => rest,
    code: 'invalid_input',
    says: [/currency/],
  },
  {
    name: 'a field of another type',
    spoil: (args) => ({ ...args, amount: 'five' }),
    code: 'invalid_input',
    says: [/amount .*number/],
  },
  {
    name: 'a field beyond its bound',
    spoil: (args) => ({ ...args, amount: 100_000_000 }),
    code: 'invalid_input',
    says: [/amount .*99999999/],
  },
  {
    name: 'a field that is not known',
    spoil: (args) => ({ ...args, ammount: 5 }),
    code: 'invalid_input',
    says: [/ammount/],
  },
  {
    name: 'more than 1 MiB',
    spoil: (args) => ({ ...args, description: 'x'.repeat(1_048_577) }),
    code: 'invalid_input',
    says: [/1048576 bytes/],
  },
  {
    name: 'nested deeper than 64',
    spoil: (args) => ({ ...args, metadata: nested(64) }),
    code: 'invalid_input',
    says: [/metadata/, /deeper than 64/],
  },
  {
    name: 'an integer beyond 2^53 - 1',
    spoil: (args) => ({ ...args, amount: Number('9007199254740993') }),
    code: 'invalid_input',
    says: [/amount .*2\^53 - 1/],
  },
  { name: '__proto__', spoil: withProto, code: 'invalid_input', says: [/__proto__/] },
  {
    name: 'half a surrogate pair',
    spoil: (args) => ({ ...args, receipt_email: '\ud800@example.com' }),
    code: 'invalid_input',
    says: [/receipt_email .*surrogate/],
  },
];

/** Checks that the server accepts the valid call and that the count rises. */
async function expectWorks(server: ServerProcess, args: Arguments): Promise<void> {
  expect(await server.heard('create_payment', args)).toBe('executed');
  expect(await payments(String(args.description))).toHaveLength(1);
}

describe.each([
  ['guarded', true],
  ['control: without the ledger, too', false],
])('%s', (_, guarded) => {
  test('refuses wrong arguments with field and reason, executes nothing and shows no value', async () => {
    const server = await stage.server({ guarded });
    const before = await stage.sandbox.newest();
    for (const { name, tool = 'create_payment', spoil, code, says } of cases) {
      const secret = unique('secret');
      const told = await server.call(tool, spoil(paymentOf(secret)));
      expect(told.words, name).toBe(code);
      for (const words of [...says, /Nothing was executed/]) expect(told.text, name).toMatch(words);
      expect(told.text, name).not.toContain(secret);
    }
    expect(await stage.sandbox.newest()).toBe(before);
    await expectWorks(server, paymentOf(unique('good')));
  });
});

/** Starts a server on this stage and talks to it in lines, for input that the official client would not send. */
function rawServer(args: readonly string[] = [], env: Record<string, string> = {}): Promise<Served> {
  return Served.start(stage.path('.'), args, {
    MCP_ONCE_STORE: `sqlite:${stage.ledgerFile}`,
    STRIPE_SECRET_KEY: testKey,
    STRIPE_API_BASE: stage.sandbox.url,
    ...env,
  });
}

/** Returns the answer to the latest write: the newest line. */
async function answerTo(served: Served, bytes: string): Promise<unknown> {
  const lines = served.lines.length;
  served.child.stdin.write(bytes);
  await served.until(() => served.lines.length > lines);
  return JSON.parse(served.lines.at(-1) ?? '');
}

describe('an invalid line on stdin', () => {
  const call = (args: string) =>
    `{"jsonrpc":"2.0","id":77,"method":"tools/call","params":{"name":"create_payment","arguments":${args}}}`;

  test('gets an error, and the server continues', async () => {
    const served = await rawServer();
    const before = await stage.sandbox.newest();
    const args = paymentOf(unique('raw'));
    const good = JSON.stringify(args);
    expect(await answerTo(served, `${call(good).slice(0, -2)}\n`)).toMatchObject({
      id: null,
      error: { code: -32700, message: expect.stringContaining('Nothing was executed') },
    });
    expect(await answerTo(served, `[${call(good)}]\n`)).toMatchObject({ id: null, error: { code: -32600 } });
    expect(await answerTo(served, `${call(`{"pad":"${'x'.repeat(9 * 1024 * 1024)}"}`)}\n`)).toMatchObject({
      id: null,
      error: { code: -32600, message: expect.stringContaining('8388608 bytes') },
    });
    const unsafe = good.replace(/"amount":\d+/, '"amount":9007199254740993');
    expect(await answerTo(served, `${call(unsafe)}\n`)).toMatchObject({
      id: 77,
      result: { isError: true, _meta: { 'mcp-once/outcome': { code: 'invalid_input' } } },
    });
    expect(await stage.sandbox.newest()).toBe(before);
    expect(await answerTo(served, `${call(good)}\n`)).toMatchObject({ id: 77, result: { structuredContent: {} } });
    expect(await payments(String(args.description))).toHaveLength(1);
    // The control for all of these: a valid call without a ledger.
    const control = await stage.server({ guarded: false });
    expect(await control.heard('create_payment', args)).toBe('executed');
    expect(await payments(String(args.description))).toHaveLength(2);
  });
});

test.each([
  ['', 1],
  [' (control: without the ledger)', 20],
])('stdout carries one protocol message a line and nothing that tools print%s', async (_, effects) => {
  const upstream = await FixtureUpstream.start();
  onTestFinished(() => upstream.close());
  const off = stage.path('off.json');
  writeFileSync(off, '{ "tools": { "*": { "class": "off" } } }');
  const env = { DOCUMENTS_URL: upstream.url, MCP_ONCE_LOG_LEVEL: 'debug' };
  const served = await rawServer(['--tools', fixtureTools, ...(effects > 1 ? ['--config', off] : [])], env);
  const name = unique('document');
  await Promise.all(Array.from({ length: 20 }, () => served.call('put_document', { name })));
  expect(upstream.writes).toHaveLength(effects);
  expect(await served.end()).toEqual({ code: 0, signal: null });
  expect(served.stderr).toContain('what a tool prints is no protocol');
  expect(served.lines).toHaveLength(21);
  for (const line of served.lines) expect(JSON.parse(line)).toMatchObject({ jsonrpc: '2.0', result: {} });
});
