import { describe, expect, test } from 'vitest';
import type { Arguments, ServerProcess, Told } from './support/server.ts';
import { invoiceFor, paymentOf, testKey, unique, until, useStage } from './support/stage.ts';

const stage = useStage({ config: { lease: '1s', wait: '20s' } });

const invoicePath = '^/v1/invoices$';
const paymentPath = '^/v1/payment_intents$';
const itemPath = '^/v1/invoiceitems$';

const payments = (description: string) => stage.sandbox.described('payment_intents', description);

/** Returns the idempotency keys of the POSTs to a path since a request. */
async function keysSince(seq: number, path: string): Promise<(string | null)[]> {
  const requests = await stage.sandbox.requests('POST', new RegExp(path), seq);
  return requests.map((request) => request.idempotency_key);
}

async function heardTwice(server: ServerProcess, tool: string, args: Arguments): Promise<string[]> {
  return [await server.heard(tool, args), await server.heard(tool, args)];
}

describe('an effect whose answer was lost', () => {
  const lose = () =>
    stage.sandbox.fault({ fault: 'drop_answer', match: { method: 'POST', path: invoicePath, count: 2 } });

  test('is sent again under the same key: the caller gets the one invoice', async () => {
    const customer = await stage.sandbox.customer(testKey);
    const args = invoiceFor(customer, unique('lost'));
    const server = await stage.shared();
    const since = await stage.sandbox.newest();
    await lose();
    expect(await heardTwice(server, 'create_invoice', args)).toEqual(['recovered (resend)', 'replayed']);
    expect(await stage.sandbox.invoicesOf(customer)).toHaveLength(1);
    const keys = await keysSince(since, invoicePath);
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
  });

  test('control: without the ledger, leaves the caller uncertain, and another call makes a second invoice', async () => {
    const customer = await stage.sandbox.customer(testKey);
    const args = invoiceFor(customer, unique('lost'));
    const server = await stage.shared({ guarded: false });
    await stage.sandbox.fault({ fault: 'drop_answer', match: { method: 'POST', path: invoicePath } });
    expect(await heardTwice(server, 'create_invoice', args)).toEqual(['outcome_unknown', 'executed']);
    expect(await stage.sandbox.invoicesOf(customer)).toHaveLength(2);
  });
});

describe('an effect that was answered with 500', () => {
  const fail = () => stage.sandbox.fault({ fault: 'error_after_effect', match: { method: 'POST', path: paymentPath } });

  test('is looked up at the upstream, since the 500 is saved under the key', async () => {
    const description = unique('saved 500');
    const server = await stage.shared();
    const since = await stage.sandbox.newest();
    await fail();
    const told = await server.call('create_payment', paymentOf(description));
    expect(told.words).toBe('recovered (reconcile)');
    expect(await payments(description)).toEqual([told.result.id]);
    const requests = await stage.sandbox.requests('POST', new RegExp(paymentPath), since);
    expect(requests.map(({ status, replayed }) => [status, replayed])).toEqual([
      [500, false],
      [500, true],
      [500, true],
    ]);
    expect(new Set(requests.map((request) => request.idempotency_key)).size).toBe(1);
  });

  test('control: without the ledger, charges a second time when called again', async () => {
    const description = unique('saved 500');
    const server = await stage.shared({ guarded: false });
    await fail();
    expect(await heardTwice(server, 'create_payment', paymentOf(description))).toEqual(['outcome_unknown', 'executed']);
    expect(await payments(description)).toHaveLength(2);
  });
});

describe.each(['unauthorized', 'rate_limit'] as const)('a lost answer followed by refusals (%s)', (fault) => {
  /** Executes the first request without an answer, and refuses the next ones before any lookup. */
  const loseAndRefuse = async (): Promise<void> => {
    await stage.sandbox.fault({ fault: 'drop_answer', match: { method: 'POST', path: paymentPath } });
    await stage.sandbox.fault({ fault, match: { method: 'POST', path: paymentPath, nth: 2, count: 2 } });
  };

  test('stays unknown until it is recovered, and nothing is sent under another key', async () => {
    const description = unique(fault);
    const args = paymentOf(description);
    const server = await stage.server({ config: { tools: { create_payment: { recovery: 'resend' } } } });
    const since = await stage.sandbox.newest();
    await loseAndRefuse();
    const first = await server.call('create_payment', args);
    expect(first.words).toBe('outcome_unknown');
    expect(first.outcome.retryAfterMs).toBeGreaterThan(0);
    const second = await server.call('create_payment', args);
    expect(second.words).toBe('recovered (resend)');
    expect(await payments(description)).toEqual([second.result.id]);
    const keys = await keysSince(since, paymentPath);
    expect(keys).toHaveLength(4);
    expect(new Set(keys).size).toBe(1);
  });

  test('is recovered at once by the shipped recoveries, which find the payment upstream', async () => {
    const description = unique(fault);
    const server = await stage.shared();
    const since = await stage.sandbox.newest();
    await loseAndRefuse();
    expect(await heardTwice(server, 'create_payment', paymentOf(description))).toEqual([
      'recovered (reconcile)',
      'replayed',
    ]);
    expect(await payments(description)).toHaveLength(1);
    expect(new Set(await keysSince(since, paymentPath)).size).toBe(1);
  });

  test('control: without the ledger, charges a second time when called again', async () => {
    const description = unique(fault);
    const server = await stage.shared({ guarded: false });
    await stage.sandbox.fault({ fault: 'drop_answer', match: { method: 'POST', path: paymentPath } });
    await stage.sandbox.fault({ fault, match: { method: 'POST', path: paymentPath, nth: 2 } });
    const args = paymentOf(description);
    expect(await heardTwice(server, 'create_payment', args)).toEqual(['outcome_unknown', 'operation_failed']);
    // The refusal claims that calling again is safe, which is wrong here.
    expect(await server.heard('create_payment', args)).toBe('executed');
    expect(await payments(description)).toHaveLength(2);
  });
});

describe('a step that fails after others took effect', () => {
  const refuseLine = () => stage.sandbox.fault({ fault: 'rate_limit', match: { method: 'POST', path: itemPath } });

  test('is incomplete and names them: the same call continues from there, another call is a conflict', async () => {
    const customer = await stage.sandbox.customer(testKey);
    const args = invoiceFor(customer, unique('incomplete'));
    const [server, other] = [await stage.shared(), await stage.shared({ name: 'other' })];
    const since = await stage.sandbox.newest();
    await refuseLine();
    const first = await server.call('create_invoice', args);
    expect(first.words).toBe('operation_incomplete');
    expect(first.outcome.steps).toEqual(['invoice']);
    expect(first.text).toContain('invoice');
    const reworded = await other.call('create_invoice', { ...args, memo: 'in other words' });
    expect(reworded.words).toBe('idempotency_conflict (memo)');
    expect(reworded.outcome.steps).toEqual(['invoice']);
    expect(await stage.sandbox.invoicesOf(customer)).toHaveLength(1);
    const resumed = await other.call('create_invoice', args);
    expect([resumed.words, resumed.outcome.attempt]).toEqual(['executed', 2]);
    const [invoice, ...more] = await stage.sandbox.invoicesOf(customer);
    expect(more).toEqual([]);
    expect(resumed.result).toMatchObject({ id: invoice?.id, total: resumed.result.subtotal });
    expect(resumed.result.total).toBeGreaterThan(0);
    expect(await keysSince(since, invoicePath)).toHaveLength(1);
    // The refused request had no effect, and its key is not used again.
    expect(new Set(await keysSince(since, itemPath)).size).toBe(2);
  });

  test('control: without the ledger, makes a second invoice when called again', async () => {
    const customer = await stage.sandbox.customer(testKey);
    const args = invoiceFor(customer, unique('incomplete'));
    const server = await stage.shared({ guarded: false });
    await refuseLine();
    expect(await heardTwice(server, 'create_invoice', args)).toEqual(['operation_incomplete', 'executed']);
    expect(await stage.sandbox.invoicesOf(customer)).toHaveLength(2);
  });
});

describe('a reworded call after a crash', () => {
  test('finishes the first wording, and gets a conflict that names the field', async () => {
    const customer = await stage.sandbox.customer(testKey);
    const args = invoiceFor(customer, unique('first words'));
    const [first, second] = [await stage.server({ strike: { at: 'mcp-once:answer' } }), await stage.shared()];
    expect(await first.heard('create_invoice', args)).toBe('no answer');
    expect(await first.exited).toEqual({ code: null, signal: 'SIGKILL' });
    // A conflict from the start, which encloses the first result once the dead server's lease has lapsed.
    const told: Told[] = [];
    await until(async () => {
      told.push(await second.call('create_invoice', { ...args, memo: 'second words' }));
      return told.at(-1)?.outcome.firstResult !== undefined;
    });
    for (const { words } of told) expect(words).toBe('idempotency_conflict (memo)');
    const made = await stage.sandbox.invoicesOf(customer);
    expect(made.map(({ description }) => description)).toEqual([args.memo]);
    expect(told.at(-1)?.outcome.firstResult).toMatchObject({ id: made[0]?.id });
    expect(await second.heard('create_invoice', args)).toBe('replayed');
  });

  test('control: without the ledger, makes two invoices', async () => {
    const customer = await stage.sandbox.customer(testKey);
    const args = invoiceFor(customer, unique('first words'));
    const first = await stage.server({ guarded: false, strike: { at: 'mcp-once:answered' } });
    expect(await first.heard('create_invoice', args)).toBe('no answer');
    const second = await stage.shared({ guarded: false });
    expect(await second.heard('create_invoice', { ...args, memo: 'second words' })).toBe('executed');
    expect(await stage.sandbox.invoicesOf(customer)).toHaveLength(2);
  });
});
