import { type FaultRule, type Sandbox, startSandbox } from '../../sandbox/start.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { Store } from '../../src/core/ledger/stores/store.ts';
import { createCustomer } from '../../tools/create-customer.ts';
import { createInvoice } from '../../tools/create-invoice.ts';
import { createPayment } from '../../tools/create-payment.ts';
import { deleteDraftInvoice } from '../../tools/delete-draft-invoice.ts';
import { finalizeInvoice } from '../../tools/finalize-invoice.ts';
import { getInvoice } from '../../tools/get-invoice.ts';
import { listCustomers } from '../../tools/list-customers.ts';
import { listInvoices } from '../../tools/list-invoices.ts';
import { refundPayment } from '../../tools/refund-payment.ts';
import { sendEmail } from '../../tools/send-email.ts';
import { sendInvoice } from '../../tools/send-invoice.ts';
import { updateCustomer } from '../../tools/update-customer.ts';
import { updateDraftInvoice } from '../../tools/update-draft-invoice.ts';
import { voidInvoice } from '../../tools/void-invoice.ts';
import { control, effectsOf, sdkFor } from '../sandbox/harness.ts';
import { testEngine } from '../support/engine.ts';
import { type ManualClock, settleDown } from '../support/manual-clock.ts';

export const shippedTools = [
  createCustomer,
  createInvoice,
  createPayment,
  deleteDraftInvoice,
  finalizeInvoice,
  getInvoice,
  listCustomers,
  listInvoices,
  refundPayment,
  sendEmail,
  sendInvoice,
  updateCustomer,
  updateDraftInvoice,
  voidInvoice,
];

/** Opens the sandbox, the official SDK on it, and engines whose tools call it. */
export async function openWorld(options: { now?: () => number } = {}) {
  const sandbox: Sandbox = await startSandbox({ port: 0, dataFile: ':memory:', faults: true, ...options });
  const look = () => effectsOf(sandbox);
  return {
    sandbox,
    stripe: sdkFor(sandbox),
    look,
    /** Returns how often an action took effect at the sandbox. */
    count: async (action: string): Promise<number> => (await look()).actions[action] ?? 0,
    /** Returns whether the latest request has had its effect. */
    lastTookEffect: async (): Promise<boolean> => {
      const { requests, effects } = await look();
      const last = requests.at(-1)?.idempotency_key;
      return effects.some((effect) => effect.idempotency_key === last);
    },
    fault: (rule: FaultRule) => control(sandbox, 'POST', 'faults', rule),
    clearFaults: () => control(sandbox, 'DELETE', 'faults'),
    arrived: (path: string, count: number) =>
      control(sandbox, 'GET', `await?${new URLSearchParams({ path, method: 'POST', count: String(count) })}`),
    engine: ({ environment, ...how }: { clock?: Clock; store?: Store; environment?: Record<string, string> } = {}) =>
      testEngine({
        tools: shippedTools,
        environment: { STRIPE_SECRET_KEY: 'sk_test_sandbox', STRIPE_API_BASE: sandbox.url, ...environment },
        ...how,
      }),
    close: () => sandbox.close(),
  };
}

export type World = Awaited<ReturnType<typeof openWorld>>;

/** Advances a manual clock in steps of a second until there is an answer, with real time for real requests between. */
export async function running<T>(clock: ManualClock, answer: Promise<T>): Promise<T> {
  let isOver = false;
  const over = answer.finally(() => {
    isOver = true;
  });
  over.catch(() => undefined);
  for (let second = 0; second < 3_600 && !isOver; second += 1) {
    await clock.advance(1_000);
    await new Promise((resolve) => setTimeout(resolve, 3));
    // Both ends of each request are in this process: on a busy machine its I/O needs turns, not time.
    await settleDown(50);
  }
  return over;
}
