import { execFileSync } from 'node:child_process';
import { beforeAll, expect, test } from 'vitest';
import type { ServerProcess } from './support/server.ts';
import { invoiceFor, type Strike, testKey, unique, until, useStage } from './support/stage.ts';

const stage = useStage({ config: { lease: '1s', wait: '20s' } });

let customer: string;
beforeAll(async () => {
  customer = await stage.sandbox.customer(testKey);
});

interface Case {
  readonly name: string;
  readonly at: string;
  readonly step?: string;
  /** How many POSTs of the owner may still arrive when it wakes, because they were sent before it was suspended. */
  readonly late: number;
}

const cases: readonly Case[] = [
  { name: 'when it owned the operation', at: 'mcp-once:claimed', late: 0 },
  { name: 'when it had handed over the first request', at: 'mcp-once:dispatch', step: 'invoice', late: 1 },
  { name: 'when the first request was answered', at: 'mcp-once:answer', late: 0 },
];

/** Calls through an owner that suspends itself. Resolves when it is suspended. */
async function suspendedOwner(guarded: boolean, where: Pick<Strike, 'at' | 'step'>, memo: string) {
  const strike: Strike = { ...where, signal: 'SIGSTOP' };
  const [owner, other] = await Promise.all([stage.server({ guarded, strike }), stage.shared({ guarded })]);
  const args = invoiceFor(customer, memo);
  const calling = owner.call('create_invoice', args);
  await until(() => standsStill(owner));
  return { owner, other, args, calling };
}

function standsStill(server: ServerProcess): boolean {
  return /^T/.test(execFileSync('ps', ['-o', 'stat=', '-p', String(server.pid)], { encoding: 'utf8' }));
}

const posts = (since: number) => stage.sandbox.requests('POST', /^\/v1\//, since);

test.each(cases)(
  'an owner suspended past its lease $name dispatches nothing more when it wakes',
  async ({ late, name: _, ...where }) => {
    const memo = unique('suspended');
    const { owner, other, args, calling } = await suspendedOwner(true, where, memo);
    const recovered = await other.call('create_invoice', args);
    expect(recovered.words).toBe('recovered (resend)');
    const since = await stage.sandbox.newest();
    owner.signal('SIGCONT');
    const woken = await calling;
    expect(woken.words).toBe('replayed');
    expect(woken.result).toEqual(recovered.result);
    // A request that was already sent carries the same key and gets the saved answer.
    expect((await posts(since)).map(({ replayed }) => replayed)).toEqual(Array.from({ length: late }, () => true));
    expect(await stage.sandbox.described('invoices', memo)).toEqual([recovered.result.id]);
    expect(recovered.result.total).toBeGreaterThan(0);
    expect(await stage.sandbox.effectsOn(recovered.result.id)).toEqual(['invoice.created']);
    // It continues to serve.
    expect(await owner.heard('create_invoice', args)).toBe('replayed');
  },
);

test('control: without the ledger, both servers make an invoice', async () => {
  const memo = unique('suspended');
  const { owner, other, args, calling } = await suspendedOwner(false, { at: 'mcp-once:answered' }, memo);
  expect(await other.heard('create_invoice', args)).toBe('executed');
  owner.signal('SIGCONT');
  expect((await calling).words).toBe('executed');
  expect(await stage.sandbox.described('invoices', memo)).toHaveLength(2);
});
