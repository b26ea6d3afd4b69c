import { existsSync, readFileSync, watch } from 'node:fs';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { bundledFile } from '../support/program.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { callTool } from './servers.ts';

const script = bundledFile('test/guard/guard-process.mjs');

function stage() {
  const folder = temporaryFolder();
  const file = join(folder, 'effects.txt');
  // Whole lines: a file is there before what is written to it.
  const effects = (): number => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0);
  const start = async (env: Record<string, string> = {}) => {
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [script],
      env: { EFFECTS: file, MCP_ONCE_STORE: `sqlite:${join(folder, 'ledger.sqlite')}`, ...env },
      stderr: 'ignore',
    });
    const client = new Client({ name: 'test', version: '1.0.0' });
    await client.connect(transport);
    onTestFinished(() => client.close());
    const kill = (): void => void (transport.pid && process.kill(transport.pid, 'SIGKILL'));
    return { client, kill };
  };
  const firstEffect = (): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (effects() === 0) return;
        watcher.close();
        resolve();
      };
      const watcher = watch(folder, look);
      look();
    });
  return { effects, start, firstEffect };
}

const call = { customer: 'ada' };

/** Three processes, the same call at the same time in each. */
async function atOnce(env: Record<string, string>) {
  const { start, effects } = stage();
  const started = await Promise.all([start(env), start(env), start(env)]);
  const answers = await Promise.all(started.map(({ client }) => callTool(client, 'create', call)));
  return { effects: effects(), texts: new Set(answers.map(({ answer }) => answer.content[0]?.text)) };
}

/** One process is killed after the effect and before its answer; another one gets the repeat. */
async function killedInTheMiddle(env: Record<string, string>) {
  const { start, effects, firstEffect } = stage();
  const first = await start({ ...env, HANG: '1' });
  const lost = callTool(first.client, 'create', call).catch(() => undefined);
  await firstEffect();
  first.kill();
  await lost;
  const second = await start(env);
  const { outcome, text } = await callTool(second.client, 'create', call);
  const again = await callTool(second.client, 'create', call);
  return { effects: effects(), outcome, text, again: again.outcome };
}

describe('several processes on one file', () => {
  it('control: without a guard, each of three processes executes', async () => {
    expect((await atOnce({ GUARD: 'off' })).effects).toBe(3);
  });

  it('runs the call in one of three processes, and all of them answer with its result', async () => {
    const { effects, texts } = await atOnce({});
    expect(effects).toBe(1);
    expect(texts.size).toBe(1);
  });

  it('control: without a guard, the repeat after SIGKILL executes again', async () => {
    expect((await killedInTheMiddle({ GUARD: 'off' })).effects).toBeGreaterThan(1);
  });

  it('reports an unknown outcome after SIGKILL during the run, and executes nothing again', async () => {
    const { effects, outcome, again } = await killedInTheMiddle({});
    expect(effects).toBe(1);
    expect(outcome.code).toBe('outcome_unknown');
    expect(again.code).toBe('outcome_unknown');
  });

  it('finds the effect by its marker after SIGKILL during the run, with a lookup', async () => {
    const { effects, outcome, text, again } = await killedInTheMiddle({ RECOVERY: 'reconcile' });
    expect(effects).toBe(1);
    expect(outcome).toMatchObject({ code: 'succeeded', recovered: 'reconcile' });
    expect(text).toContain('found');
    expect(again).toMatchObject({ code: 'succeeded', replayed: true });
  });
});
