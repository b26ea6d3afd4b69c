import { afterEach, describe, expect, test } from 'vitest';
import { program } from '../support/program.ts';
import { makeTemporaryFolder } from '../support/temporary.ts';
import { type Arguments, ServerProcess, type Told } from './support/server.ts';
import { unique, useStage } from './support/stage.ts';

const stage = useStage();

const lines = [
  { description: 'Consulting', unit_amount: 12_500, quantity: 2 },
  { description: 'Travel', unit_amount: 4_200, quantity: 1 },
];

/** Returns an invoice for a customer of its own, named by e-mail address. */
function invoiceOf(what: string, more: Arguments = {}): Arguments {
  const email = `${unique(what).replace(' ', '-')}@example.com`;
  return { customer: { name: 'Ada Lovelace', email }, currency: 'usd', lines, memo: 'Thank you', ...more };
}

/** Returns what happened to an object at the upstream since an earlier look. */
async function effects(): Promise<(action: string) => Promise<number>> {
  const { actions: before } = await stage.sandbox.effects();
  return async (action) => (await stage.sandbox.count(action)) - (before[action] ?? 0);
}

const idOf = ({ result }: Told): string => (result as { id: string }).id;

describe('a draft', () => {
  test.each([
    ['send', 'send_invoice', 'invoice.sent'],
    ['finalize', 'finalize_invoice', 'invoice.finalized'],
  ])('that a later call wants to %s leads to %s, which does it once', async (action, tool, effect) => {
    const [server, count] = [await stage.shared(), await effects()];
    const invoice = invoiceOf('draft');
    const draft = await server.call('create_invoice', invoice);
    const conflict = await server.call('create_invoice', { ...invoice, action });
    expect(conflict.words).toBe('idempotency_conflict (action)');
    expect(conflict.text).toContain(`call ${tool}`);
    expect(idOf(conflict)).toBe(idOf(draft));
    const done = await server.call(tool, { invoice: idOf(conflict) });
    expect(done.result).toMatchObject({ status: 'open', number: expect.stringMatching(/-0001$/) });
    expect(await server.heard(tool, { invoice: idOf(conflict) })).toBe('replayed');
    expect(await count(effect)).toBe(1);
    expect(await count('invoice.created')).toBe(1);
  });

  test('that a later call wants with other lines and another memo leads to update_draft_invoice', async () => {
    const [server, count] = [await stage.shared(), await effects()];
    const invoice = invoiceOf('draft');
    const draft = await server.call('create_invoice', invoice);
    const whole = [{ description: 'All of it', unit_amount: 29_200 }];
    const conflict = await server.call('create_invoice', { ...invoice, lines: whole, memo: 'Thanks' });
    expect(conflict.text).toContain('update_draft_invoice changes its lines');
    const change = { invoice: idOf(draft), lines: whole, memo: 'Thanks', due_days: 60 };
    const changed = await server.call('update_draft_invoice', change);
    expect(changed.result).toMatchObject({ status: 'draft', total: 29_200 });
    expect(await server.heard('update_draft_invoice', change)).toBe('replayed');
    const seen = await server.call('get_invoice', { invoice: idOf(draft) });
    expect(seen.result).toMatchObject({ memo: 'Thanks', lines: [{ description: 'All of it', amount: 29_200 }] });
    expect(await count('invoice_item.created')).toBe(3);
    expect(await count('invoice_item.removed')).toBe(2);
  });

  test('is deleted once, and a finalized invoice is refused and stays', async () => {
    const [server, count] = [await stage.shared(), await effects()];
    const invoice = { invoice: idOf(await server.call('create_invoice', invoiceOf('draft'))) };
    expect((await server.call('void_invoice', invoice)).words).toBe('operation_failed');
    expect((await server.call('delete_draft_invoice', invoice)).result).toEqual({ id: invoice.invoice, deleted: true });
    expect(await server.heard('delete_draft_invoice', invoice)).toBe('replayed');
    const open = { invoice: idOf(await server.call('create_invoice', invoiceOf('open', { action: 'finalize' }))) };
    for (const tool of ['delete_draft_invoice', 'finalize_invoice']) {
      expect((await server.call(tool, open)).words, tool).toBe('operation_failed');
    }
    expect((await server.call('update_draft_invoice', { ...open, memo: 'New' })).text).toContain('its status is open');
    expect([await count('invoice.deleted'), await count('invoice.voided'), await count('invoice.updated')]).toEqual([
      1, 0, 0,
    ]);
  });

  test('is finalized at most once when the answer is lost and the server is killed', async () => {
    const [server, count] = [await stage.server(), await effects()];
    const invoice = { invoice: idOf(await server.call('create_invoice', invoiceOf('draft'))) };
    await stage.sandbox.fault({ fault: 'drop_answer', match: { method: 'POST', path: '/v1/invoices/*/finalize' } });
    await server.heard('finalize_invoice', invoice);
    await server.kill();
    await stage.sandbox.clearFaults();
    const other = await stage.server();
    expect((await other.call('finalize_invoice', invoice)).result).toMatchObject({ status: 'open' });
    expect(await count('invoice.finalized')).toBe(1);
  });
});

describe('one customer', () => {
  test.each([
    [
      'by another spelling of the address',
      ({ email }: Arguments) => ({ name: 'Ada Lovelace', email: ` ${String(email).toUpperCase()} ` }),
    ],
    ['by id', (_: Arguments, id: string) => ({ id })],
  ])('gets one invoice, named by address and then %s', async (_, renamed) => {
    const [server, count] = [await stage.shared(), await effects()];
    const invoice = invoiceOf('customer');
    const first = await server.call('create_invoice', invoice);
    const customer = renamed(invoice.customer as Arguments, (first.result as { customer: string }).customer);
    // In another process: the session does not matter.
    const again = await (await stage.shared({ name: 'other' })).call('create_invoice', { ...invoice, customer });
    expect([again.words, again.result]).toEqual(['replayed', first.result]);
    expect(await count('invoice.created')).toBe(1);
    expect(await count('customer.created')).toBe(1);
  });

  test('keeps its operations when its address changes', async () => {
    const [server, count] = [await stage.shared(), await effects()];
    const id = idOf(await server.call('create_customer', { name: unique('Grace') }));
    const invoice = invoiceOf('customer', { customer: { id }, action: 'send' });
    expect((await server.call('create_invoice', invoice)).words).toBe('operation_incomplete');
    const email = `${unique('late').replace(' ', '-')}@example.com`;
    await server.call('update_customer', { customer: id, email });
    expect((await server.call('create_invoice', invoice)).words).toBe('executed');
    expect(await count('invoice.created')).toBe(1);
    expect(await count('invoice.sent')).toBe(1);
  });

  test('of two with one name and address is billed by each id, once', async () => {
    const [server, count] = [await stage.shared(), await effects()];
    const who = { name: 'Twin', email: `${unique('twin').replace(' ', '-')}@example.com` };
    const one = idOf(await server.call('create_customer', who));
    const { repeatToken } = (await server.call('create_customer', who)).outcome;
    const two = idOf(await server.call('create_customer', { ...who, repeat_token: repeatToken }));
    await server.call('create_invoice', invoiceOf('twin', { customer: { id: one } }));
    const second = invoiceOf('twin', { customer: { id: two } });
    const other = await server.call('create_invoice', second);
    expect([other.words, other.result]).toEqual(['executed', expect.objectContaining({ customer: two })]);
    expect(await server.heard('create_invoice', second)).toBe('replayed');
    expect(await count('invoice.created')).toBe(2);
  });
});

describe('the lines of an invoice', () => {
  test.each([
    ['the order', [lines[1], lines[0]]],
    ['splitting', [{ ...lines[0], quantity: 1 }, lines[1], { ...lines[0], description: 'consulting', quantity: 1 }]],
  ])('are the same whatever %s is', async (_, others) => {
    const [server, count] = [await stage.shared(), await effects()];
    const invoice = invoiceOf('lines');
    const first = await server.call('create_invoice', invoice);
    const again = await server.call('create_invoice', { ...invoice, lines: others });
    expect([again.words, again.result]).toEqual(['replayed', first.result]);
    expect(await count('invoice.created')).toBe(1);
  });
});

describe('a refund', () => {
  async function paid(server: ServerProcess, description: string) {
    const payment = {
      amount: 5_000,
      currency: 'usd',
      payment_method: 'pm_card_visa',
      description: unique(description),
    };
    const { result } = await server.call('create_payment', {
      ...payment,
      customer: await stage.sandbox.customer('sk_test_e2e'),
    });
    return result as { id: string; charge: string };
  }

  test('of the whole payment happens once, by payment, by charge, and with the amount', async () => {
    const [server, count] = [await stage.shared(), await effects()];
    const { id, charge } = await paid(server, 'refund');
    const first = await server.call('refund_payment', { payment: id });
    expect(first.result).toMatchObject({ amount: 5_000, fully_refunded: true });
    for (const again of [{ payment: charge }, { payment: id, amount: 5_000 }, { payment: charge, amount: 5_000 }]) {
      const told = await server.call('refund_payment', again);
      expect([told.words, told.result]).toEqual(['replayed', first.result]);
    }
    expect(await count('refund.created')).toBe(1);
  });

  test('of a part happens once, by payment and by charge, and the rest is another refund', async () => {
    const [server, count] = [await stage.shared(), await effects()];
    const { id, charge } = await paid(server, 'refund');
    const first = await server.call('refund_payment', { payment: charge, amount: 2_000 });
    expect(first.result).toMatchObject({ fully_refunded: false });
    expect((await server.call('refund_payment', { payment: id, amount: 2_000 })).result).toEqual(first.result);
    expect((await server.call('refund_payment', { payment: id })).result).toMatchObject({
      amount: 3_000,
      fully_refunded: true,
    });
    expect(await count('refund.created')).toBe(2);
  });
});

describe('after an undo', () => {
  test.each([
    ['deleted', 'delete_draft_invoice', 'draft'],
    ['voided', 'void_invoice', 'finalize'],
  ])('of an invoice that was %s, the same call creates it once more, in any session', async (_, undo, action) => {
    const [server, count] = [await stage.shared(), await effects()];
    const invoice = invoiceOf('undone', { action });
    const other = invoiceOf('kept', { action });
    const first = await server.call('create_invoice', invoice);
    const kept = await server.call('create_invoice', other);
    await server.call(undo, { invoice: idOf(first) });
    const [next, later] = [await stage.shared({ name: 'other' }), await stage.shared({ name: 'third' })];
    const both = await Promise.all([next.call('create_invoice', invoice), later.call('create_invoice', invoice)]);
    expect(both.map(({ words }) => words).sort()).toEqual(['executed', 'replayed']);
    expect(both.map(idOf)).not.toContain(idOf(first));
    // The undo of one invoice does not make another one be created again.
    expect((await server.call('create_invoice', other)).result).toEqual(kept.result);
    expect(await count('invoice.created')).toBe(3);
  });

  test('of the whole payment the same call charges again, but not after the refund of a part', async () => {
    const [server, count] = [await stage.shared(), await effects()];
    const customer = await stage.sandbox.customer('sk_test_e2e');
    const payment = { amount: 7_000, currency: 'usd', payment_method: 'pm_card_visa', customer };
    const first = await server.call('create_payment', payment);
    await server.call('refund_payment', { payment: idOf(first), amount: 3_000 });
    expect(await server.heard('create_payment', payment)).toBe('replayed');
    await server.call('refund_payment', { payment: idOf(first) });
    expect(await server.heard('create_payment', payment)).toBe('executed');
    expect(await server.heard('create_payment', payment)).toBe('replayed');
    expect(await count('charge.succeeded')).toBe(2);
  });

  test('a repeat with the key of a host is still a repeat', async () => {
    const [server, count] = [await stage.shared(), await effects()];
    const invoice = invoiceOf('host');
    const meta = { 'mcp-once/idempotency-key': unique('key') };
    const first = await server.call('create_invoice', invoice, { meta });
    await server.call('delete_draft_invoice', { invoice: idOf(first) });
    expect((await server.call('create_invoice', invoice, { meta })).words).toBe('replayed');
    expect(await count('invoice.created')).toBe(1);
  });
});

describe('the sandbox of serve', () => {
  const folder = makeTemporaryFolder();
  const servers: ServerProcess[] = [];
  const { PATH = '' } = process.env;

  async function serve(): Promise<ServerProcess> {
    const env = { PATH, HOME: folder.path, XDG_DATA_HOME: folder.path, MCP_ONCE_LOG_LEVEL: 'warn' };
    const server = await ServerProcess.start([program, 'serve'], env);
    servers.push(server);
    return server;
  }

  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.kill()));
    folder.remove();
  });

  test('is named in every description and result, and serves the page of an invoice at one address', async () => {
    const server = await serve();
    const { tools } = await server.client.listTools();
    const ofStripe = tools.filter(({ name }) => name !== 'send_email');
    expect(ofStripe.length).toBeGreaterThan(10);
    for (const { name, description } of ofStripe) expect(description, name).toMatch(/^SANDBOX: /);
    expect(tools.find(({ name }) => name === 'send_email')?.description).not.toContain('SANDBOX');

    const args = invoiceOf('page', { action: 'finalize' });
    const made = await server.client.callTool({ name: 'create_invoice', arguments: args });
    const { id, hosted_url: address, mcp_once: notice } = made.structuredContent as Record<string, string>;
    expect(notice).toEqual({ replayed: false, note: 'SANDBOX: nothing real is billed.' });
    expect(JSON.stringify(made.content)).toContain('SANDBOX');
    const seen = await server.client.callTool({ name: 'get_invoice', arguments: { invoice: id } });
    expect(seen.structuredContent).toMatchObject({ hosted_url: address, mcp_once: notice });
    const replay = await server.client.callTool({ name: 'create_invoice', arguments: args });
    expect(replay.structuredContent).toMatchObject({
      mcp_once: { replayed: true, note: expect.stringMatching(/^SANDBOX: .*Replayed/) },
    });

    // Beside the first process, and after it.
    const beside = await serve();
    const elsewhere = await beside.call('get_invoice', { invoice: id });
    expect(elsewhere.result).toMatchObject({ hosted_url: address });
    expect(await (await fetch(String(address))).text()).toContain(`(${id})`);
    await Promise.all([server.kill(), beside.kill()]);
    const next = await serve();
    expect(await (await fetch(String(address))).text()).toContain('nothing real is billed');
    expect((await next.call('get_invoice', { invoice: id })).result).toMatchObject({ hosted_url: address });
  });

  test('serves the pages from another process when the first one ends', async () => {
    const first = await serve();
    const made = await first.call('create_invoice', invoiceOf('page', { action: 'finalize' }));
    const { hosted_url: address } = made.result as { hosted_url: string };
    await serve();
    await first.kill();
    await expect
      .poll(
        () =>
          fetch(address).then(
            ({ status }) => status,
            () => 0,
          ),
        { timeout: 20_000 },
      )
      .toBe(200);
  });
});
