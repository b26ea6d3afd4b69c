import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runWith } from '../support/run-here.ts';
import { baseEnvironment, type Message, outcomeOf, RawClient, scripted, stage, wrapArgs } from './support/wrap.ts';

const effect = (what: string, more: Record<string, unknown> = {}) => ({ what, ...more });

async function statsOf(store: string): Promise<string> {
  return (await runWith(baseEnvironment, '.', ['ledger', 'stats', '--store', store])).stdout;
}

/** Waits for a line of the log. */
async function logged(client: RawClient, text: RegExp): Promise<void> {
  await expect.poll(() => client.stderr).toMatch(text);
}

const observedArgs = (store: string) => [...wrapArgs(store, [scripted], ['--observe', '--log-level', 'info'])];

describe('wrap --observe', () => {
  test('passes each call and answer unchanged, and says what a guard would have replayed', async () => {
    const at = stage();
    const direct = at.direct();
    await direct.initialize();
    const client = new RawClient(observedArgs(at.store), at.env);
    await client.initialize();
    const shown = async (each: RawClient) => (await each.ask('tools/list', {})).result;
    expect(await shown(client)).toEqual(await shown(direct));
    const answers: Message[] = [];
    for (let count = 0; count < 3; count += 1) answers.push((await client.call('effect', effect('a'))).result);
    expect(at.effects()).toHaveLength(3);
    const asDirect = (await direct.call('effect', effect('a'))).result;
    for (const answer of answers) expect(answer).toEqual(asDirect);
    await logged(client, /("would":"replayed","msg":"observed"[\s\S]*){2}/);
    await expect.poll(() => statsOf(at.store)).toMatch(/observed, would be replayed\s+2/);
  });

  test('control: without it, the same calls take effect once', async () => {
    const at = stage();
    const client = at.wrapped();
    await client.initialize();
    for (let count = 0; count < 3; count += 1) await client.call('effect', effect('a'));
    expect(at.effects()).toHaveLength(1);
  });

  test('passes a call while another one is in flight, and with a ledger that fails', async () => {
    const at = stage();
    const client = new RawClient(observedArgs(at.store), at.env);
    await client.initialize();
    const first = client.call('effect', effect('a', { mode: 'release' }));
    const second = client.call('effect', effect('a', { mode: 'release' }));
    await expect.poll(() => at.effects().length).toBe(2);
    writeFileSync(at.releaseFile, '');
    for (const answer of [await first, await second]) expect(outcomeOf(answer.result)).toBeUndefined();
    const broken = new RawClient(observedArgs(`sqlite:${join(at.folder, 'missing', 'x.sqlite')}`), at.env);
    await broken.initialize();
    expect((await broken.call('effect', effect('b'))).result.structuredContent).toEqual({ what: 'b' });
    rmSync(at.releaseFile);
  });

  test('an operation that was only observed is not the first one of a guard', async () => {
    const at = stage();
    const observed = new RawClient(observedArgs(at.store), at.env);
    await observed.initialize();
    await observed.call('effect', effect('a'));
    const client = at.wrapped();
    await client.initialize();
    expect(outcomeOf((await client.call('effect', effect('a'))).result)).toMatchObject({ replayed: false });
    expect(at.effects()).toHaveLength(2);
  });
});
