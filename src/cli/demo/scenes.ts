import type { DemoClient, Told } from './client.ts';
import type { Stage } from './stage.ts';

/** What one call got, in words ("executed", "no answer"), and the invoice that its answer named. */
export interface Heard {
  readonly words: string;
  readonly invoice?: string;
}

/** One line of the table. */
export interface Scene {
  readonly title: string;
  /** How many invoices somebody meant. */
  readonly meant: number;
  /** What the calls must get, in this order unless `anyOrder` is set. */
  readonly tell: readonly string[];
  readonly anyOrder?: boolean;
  /** How many invoices must exist, where that differs from `meant`: in the control. */
  readonly made?: number;
  play(stage: Stage, customer: string): Promise<readonly Heard[]>;
}

const invoicePath = '^/v1/invoices$';

function invoiceFor(customer: string, memo = 'Thank you'): Record<string, unknown> {
  return {
    customer: { name: 'Ada Lovelace', email: `${customer}@example.com` },
    currency: 'usd',
    lines: [{ description: 'Analytical engine, one hour', unit_amount: 12_500, quantity: 2 }],
    due_days: 14,
    memo,
    action: 'finalize',
  };
}

/** The same arguments as a model writes them again: keys in another order, null for an optional member. */
function rewritten(args: Record<string, unknown>): Record<string, unknown> {
  return { ...Object.fromEntries(Object.entries(args).reverse()), repeat_token: null };
}

/** The scenes, in the order in which the demo plays them. */
export const scenes: readonly Scene[] = [
  {
    title: 'Called, and called again with the arguments in another order',
    meant: 1,
    tell: ['executed', 'replayed'],
    async play(stage, customer) {
      const server = await stage.server();
      const args = invoiceFor(customer);
      return [await heard(server, args), await heard(server, rewritten(args))];
    },
  },
  {
    title: 'Called at the same time in three server processes',
    meant: 1,
    tell: ['executed', 'replayed', 'replayed'],
    anyOrder: true,
    async play(stage, customer) {
      const servers = await Promise.all([stage.server(), stage.server(), stage.server()]);
      return Promise.all(servers.map((server) => heard(server, invoiceFor(customer))));
    },
  },
  {
    title: 'The invoicing API made the invoice, and the answer was lost',
    meant: 1,
    tell: ['recovered (resend)'],
    async play(stage, customer) {
      await stage.fault({ fault: 'drop_answer', match: { method: 'POST', path: invoicePath } });
      return [await heard(await stage.server(), invoiceFor(customer))];
    },
  },
  {
    title: 'The client gave up while the API worked, and called again',
    meant: 1,
    tell: ['no answer', 'replayed'],
    async play(stage, customer) {
      const server = await stage.server();
      const held = await stage.hold({ method: 'POST', path: invoicePath });
      const givingUp = new AbortController();
      const calling = heard(server, invoiceFor(customer), givingUp.signal);
      await Promise.race([held(), calling]);
      givingUp.abort();
      const lost = await calling;
      const repeating = heard(server, invoiceFor(customer));
      await stage.release();
      return [lost, await repeating];
    },
  },
  {
    title: 'The server was killed (SIGKILL) during the call, which was sent again through another server',
    meant: 1,
    tell: ['no answer', 'recovered (resend)'],
    async play(stage, customer) {
      const [first, second] = await Promise.all([stage.server('short lease'), stage.server('short lease')]);
      const held = await stage.hold({ method: 'POST', path: invoicePath });
      const calling = heard(first, invoiceFor(customer));
      await Promise.race([held(), calling]);
      first.kill();
      const lost = await calling;
      await stage.release();
      return [lost, await heard(second, invoiceFor(customer))];
    },
  },
  {
    title: 'Called again with the memo in other words',
    meant: 1,
    tell: ['executed', 'idempotency_conflict (memo)'],
    async play(stage, customer) {
      const server = await stage.server();
      return [await heard(server, invoiceFor(customer)), await heard(server, invoiceFor(customer, 'Many thanks'))];
    },
  },
  {
    title: 'Meant twice: sent again with the repeat_token of the replay, and that call was repeated too',
    meant: 2,
    tell: ['executed', 'replayed', 'executed', 'replayed'],
    async play(stage, customer) {
      const server = await stage.server();
      const args = invoiceFor(customer);
      const first = await heard(server, args);
      const replay = await server.call('create_invoice', args);
      const again = { ...args, repeat_token: replay.outcome.repeatToken };
      return [first, wordsOf(replay), await heard(server, again), await heard(server, again)];
    },
  },
  {
    title: 'Control: called twice with the guard switched off',
    meant: 1,
    made: 2,
    tell: ['executed', 'executed'],
    async play(stage, customer) {
      const server = await stage.server('unguarded');
      return [await heard(server, invoiceFor(customer)), await heard(server, invoiceFor(customer))];
    },
  },
];

async function heard(server: DemoClient, args: Record<string, unknown>, signal?: AbortSignal): Promise<Heard> {
  try {
    return wordsOf(await server.call('create_invoice', args, signal));
  } catch {
    // The official client rejects when it gives up and when its server has died.
    return { words: 'no answer' };
  }
}

function wordsOf({ outcome, result }: Told): Heard {
  const invoice = (result as { id?: string } | undefined)?.id;
  const named = invoice === undefined ? {} : { invoice };
  if (outcome.code !== 'succeeded') {
    const fields = outcome.fields ? ` (${outcome.fields.join(', ')})` : '';
    return { words: `${outcome.code}${fields}`, ...named };
  }
  if (outcome.replayed) return { words: 'replayed', ...named };
  return { words: outcome.recovered === undefined ? 'executed' : `recovered (${outcome.recovered})`, ...named };
}
