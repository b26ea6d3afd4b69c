import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { type GuardOptions, guard, z } from 'mcp-once';
import { describe, expect, it, onTestFinished } from 'vitest';
import { decodeEnvelope, encodeEnvelope } from '../../src/core/ledger/stores/envelope.ts';
import { openStore } from '../../src/core/ledger/stores/open.ts';
import { packageOf } from '../../src/guard/program-package.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { callTool, clientOf } from './servers.ts';

/** Writes a program with a `package.json`, and returns the path of its script. */
function programIn(folder: string, content: object | undefined): string {
  mkdirSync(join(folder, 'dist'), { recursive: true });
  if (content) writeFileSync(join(folder, 'package.json'), JSON.stringify(content));
  const script = join(folder, 'dist', 'server.js');
  writeFileSync(script, '');
  return script;
}

/** Runs work as if the process had been started with this script. */
async function asProgram<T>(script: string, work: () => Promise<T>): Promise<T> {
  const before = process.argv[1];
  process.argv[1] = script;
  try {
    return await work();
  } finally {
    process.argv[1] = before ?? '';
  }
}

/** A client of a guarded server `billing`, and the number of its effects. */
async function billing(script: string, options: GuardOptions) {
  const once = await asProgram(script, () => guard({ drain: 0, logLevel: 'silent', ...options }));
  onTestFinished(() => once.close());
  const server = new McpServer({ name: 'billing', version: '1.0.0' });
  once.protect(server);
  let effects = 0;
  server.registerTool('charge', { inputSchema: { customer: z.string() } }, async () => {
    effects += 1;
    return { content: [{ type: 'text', text: 'done' }] };
  });
  const client = await clientOf({ server, register: () => {}, connect: (far) => server.connect(far as never) });
  const charge = () => callTool(client, 'charge', { customer: 'ada' });
  return { once, client, charge, effects: () => effects };
}

/** Makes a ledger look as an earlier version left it, which did not know the form of keys. */
async function asEarlierVersion(store: string): Promise<void> {
  const opened = await openStore(store, { createFolder: false });
  const found = (await opened.get('repeat-secret')) ?? '';
  const { keysForm: _, ...entry } = decodeEnvelope(found) as Record<string, unknown>;
  await opened.compareAndSet('repeat-secret', found, encodeEnvelope(entry), Infinity, { replicate: false });
  await opened.close();
}

describe('two programs whose servers have one name', () => {
  it('execute a call each, on one store', async () => {
    const folder = temporaryFolder();
    const store = `sqlite:${join(folder, 'ledger.sqlite')}`;
    const one = await billing(programIn(join(folder, 'a'), { name: 'acme-api' }), { store });
    const other = await billing(programIn(join(folder, 'b'), { name: 'other-api' }), { store });
    const unnamed = await billing(programIn(join(folder, 'c'), undefined), { store });
    for (const each of [one, other, unnamed]) {
      expect((await each.charge()).outcome).toMatchObject({ code: 'succeeded', replayed: false });
      expect((await each.charge()).outcome).toMatchObject({ replayed: true });
    }
  });

  it('share operations under an explicit name', async () => {
    const folder = temporaryFolder();
    const options = { store: `sqlite:${join(folder, 'ledger.sqlite')}`, name: 'billing' };
    const one = await billing(programIn(join(folder, 'a'), { name: 'a' }), options);
    const other = await billing(programIn(join(folder, 'b'), { name: 'b' }), options);
    await one.charge();
    expect((await other.charge()).outcome).toMatchObject({ replayed: true });
    expect(other.effects()).toBe(0);
  });

  it('execute once.run each, where the code sets one store', async () => {
    const folder = temporaryFolder();
    const store = `sqlite:${join(folder, 'ledger.sqlite')}`;
    for (const name of ['a', 'b']) {
      const { once } = await billing(programIn(join(folder, name), { name }), { store });
      const outcome = await once.run({ tool: 'charge', arguments: { customer: 'ada' } }, () => 1);
      expect(outcome).toMatchObject({ code: 'succeeded', replayed: false });
    }
  });
});

describe('a ledger of an earlier version', () => {
  it('answers a repeat across the upgrade, and a token then executes once more', async () => {
    const folder = temporaryFolder();
    const store = `sqlite:${join(folder, 'ledger.sqlite')}`;
    const script = programIn(folder, { name: 'acme-api' });
    // The earlier identity is that of a server with this explicit name.
    const before = await billing(script, { store, name: 'billing' });
    await before.charge();
    await before.once.close();
    await asEarlierVersion(store);
    const after = await billing(script, { store });
    const { outcome } = await after.charge();
    expect(outcome).toMatchObject({ code: 'succeeded', replayed: true });
    expect(after.effects()).toBe(0);
    const again = await callTool(after.client, 'charge', { customer: 'ada', repeat_token: outcome.repeatToken });
    expect(again.outcome).toMatchObject({ code: 'succeeded', replayed: false });
    expect(after.effects()).toBe(1);
  });

  it('is not looked up once its keys have the present form', async () => {
    const folder = temporaryFolder();
    const store = `sqlite:${join(folder, 'ledger.sqlite')}`;
    const script = programIn(folder, { name: 'acme-api' });
    const named = await billing(script, { store, name: 'billing' });
    await named.charge();
    const unnamed = await billing(script, { store });
    expect((await unnamed.charge()).outcome).toMatchObject({ replayed: false });
  });
});

describe('packageOf', () => {
  it('finds the nearest package with a name above the script', () => {
    const folder = temporaryFolder();
    const script = programIn(folder, { name: 'acme-api' });
    writeFileSync(join(folder, 'dist', 'package.json'), '{"type":"module"}');
    expect(packageOf(script, '/')).toBe('acme-api');
  });

  it('takes the working directory where a tool in node_modules starts the program', () => {
    const folder = temporaryFolder();
    programIn(folder, { name: 'acme-api' });
    const runner = programIn(join(folder, 'node_modules', 'runner'), { name: 'runner' });
    const server = programIn(join(folder, 'node_modules', 'server'), {
      name: 'acme-server',
      dependencies: { 'mcp-once': '1' },
    });
    expect(packageOf(runner, folder)).toBe('acme-api');
    expect(packageOf(server, '/')).toBe('acme-server');
  });

  it('returns undefined without a package, and such a server needs a name on a shared store', async () => {
    const script = programIn(temporaryFolder(), undefined);
    expect(packageOf(script, '/')).toBeUndefined();
    await expect(billing(script, { store: 'redis://127.0.0.1:1' })).rejects.toThrow(/need the name of their program/);
  });
});
