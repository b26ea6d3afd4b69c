import { beforeAll, describe, expect, test } from 'vitest';
import { isSoak } from '../support/soak.ts';
import type { Arguments, Told } from './support/server.ts';
import { invoiceFor, testKey, unique, useStage } from './support/stage.ts';

const stage = useStage();

let customer: string;
beforeAll(async () => {
  customer = await stage.sandbox.customer(testKey);
});

const invoices = (memo: string) => stage.sandbox.described('invoices', memo);

/** Returns the same call as a model may write it again: keys in another order, null for omitted fields. */
function rewritten(args: Arguments): Arguments {
  const reversed = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(reversed);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([name, member]) => [name, reversed(member)]),
    );
  };
  const { customer: who, ...rest } = reversed(args) as { customer: object };
  return { repeat_token: null, ...rest, customer: { email: null, ...who, name: null } };
}

/** Counts the callers by what they heard. */
function tally(told: readonly Told[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { words } of told) counts[words] = (counts[words] ?? 0) + 1;
  return counts;
}

/** Checks that all callers got the one existing invoice. */
async function expectOneInvoice(memo: string, told: readonly Told[]): Promise<void> {
  const made = await invoices(memo);
  expect(made).toHaveLength(1);
  for (const { result } of told) expect(result).toEqual(told[0]?.result);
  expect(told[0]?.result.id).toBe(made[0]);
}

describe('a repeated call', () => {
  test('makes one invoice with reordered keys and added nulls, and its replay matches the schema', async () => {
    const memo = unique('again');
    const args = invoiceFor(customer, memo);
    const server = await stage.shared();
    // After this the client checks each result against the tool's output schema.
    await server.client.listTools();
    const told = [await server.call('create_invoice', args), await server.call('create_invoice', rewritten(args))];
    expect(told.map(({ words }) => words)).toEqual(['executed', 'replayed']);
    await expectOneInvoice(memo, told);
    expect(told[1]?.outcome).toMatchObject({ operation: told[0]?.outcome.operation, generation: 1, attempt: 1 });
  });

  test('is replayed from the ledger by a server that was started later', async () => {
    const memo = unique('later');
    const args = invoiceFor(customer, memo);
    const first = await stage.server();
    const told = [await first.call('create_invoice', args)];
    await first.kill();
    told.push(await (await stage.server()).call('create_invoice', rewritten(args)));
    expect(told.map(({ words }) => words)).toEqual(['executed', 'replayed']);
    await expectOneInvoice(memo, told);
  });

  test('control: without the ledger, makes two invoices', async () => {
    const memo = unique('again');
    const args = invoiceFor(customer, memo);
    const server = await stage.shared({ guarded: false });
    const told = [await server.call('create_invoice', args), await server.call('create_invoice', rewritten(args))];
    expect(tally(told)).toEqual({ executed: 2 });
    expect(await invoices(memo)).toHaveLength(2);
  });
});

describe('50 calls at once in one process', () => {
  const atOnce = async (guarded: boolean, memo: string): Promise<Told[]> => {
    const args = invoiceFor(customer, memo);
    const server = await stage.shared({ guarded });
    const call = (index: number) => server.call('create_invoice', index % 2 === 0 ? args : rewritten(args));
    return Promise.all(Array.from({ length: 50 }, (_, index) => call(index)));
  };

  test('have one effect and all get its result', async () => {
    const memo = unique('fifty');
    const told = await atOnce(true, memo);
    expect(tally(told)).toEqual({ executed: 1, replayed: 49 });
    await expectOneInvoice(memo, told);
  });

  test('control: without the ledger, have 50 effects', async () => {
    const memo = unique('fifty');
    expect(tally(await atOnce(false, memo))).toEqual({ executed: 50 });
    expect(await invoices(memo)).toHaveLength(50);
  });
});

describe('five calls at once in each of three processes', () => {
  /** A control has one process in `npm test`. */
  const serversOf = async (guarded: boolean) =>
    guarded || isSoak ? stage.servers(3, { guarded }) : [await stage.shared({ guarded })];
  const atOnce = async (guarded: boolean, memo: string): Promise<Told[]> => {
    const args = invoiceFor(customer, memo);
    const servers = await serversOf(guarded);
    const calls = servers.flatMap((server) => Array.from({ length: 5 }, () => server.call('create_invoice', args)));
    return Promise.all(calls);
  };

  test('have one effect and all get its result', async () => {
    const memo = unique('three');
    const told = await atOnce(true, memo);
    expect(tally(told)).toEqual({ executed: 1, replayed: 14 });
    await expectOneInvoice(memo, told);
  });

  test('control: without the ledger, have an effect each', async () => {
    const memo = unique('three');
    const calls = isSoak ? 15 : 5;
    expect(tally(await atOnce(false, memo))).toEqual({ executed: calls });
    expect(await invoices(memo)).toHaveLength(calls);
  });
});
