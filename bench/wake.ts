import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { handleCall } from '../src/core/call/handle-call.ts';
import { openStore } from '../src/core/ledger/stores/open.ts';
import { engineOver, ledgerOver, orderCall } from './support/engine.ts';
import { percentile } from './support/measure.ts';
import { orderArguments, orderResult } from './support/orders.ts';
import { type BenchContext, print } from './support/report.ts';
import { createOrder } from './tools/create-order.ts';

/** How long the waiter in the other process has before the call in flight ends, in ms. */
const beforeMs = 60;

/** Measures the time from the end of a run to the answer of an identical call that waits in another process. */
export async function run({ quick, redisUrl, folder, report }: BenchContext): Promise<void> {
  const stores = [
    { name: 'Redis', url: redisUrl, atMost: 50 },
    { name: 'SQLite', url: `sqlite:${join(folder, 'ledger.sqlite')}`, atMost: 100 },
  ];
  for (const { name, url, atMost } of stores) {
    const latenciesMs = await settles(url, quick ? 15 : 50);
    const p50 = percentile(latenciesMs, 50).toFixed(2);
    report.value(`settle to the waiter's answer in another process, ${name}`, Math.max(...latenciesMs), 'ms at most', {
      atMost,
    });
    report.note(`of ${latenciesMs.length} settles, their own write included: p50 ${p50} ms`);
  }
}

async function settles(url: string, count: number): Promise<number[]> {
  const waiter = fork(fileURLToPath(new URL('./wake-waiter.js', import.meta.url)), [url]);
  const store = await openStore(url);
  let finish: () => void = () => {};
  const slow = {
    ...createOrder,
    run: () =>
      new Promise((resolve) => {
        finish = () => resolve(orderResult);
      }),
  };
  const engine = engineOver(ledgerOver(store), slow);
  const latenciesMs: number[] = [];
  await once(waiter, 'message');
  for (let index = 0; index < count; index += 1) {
    const args = orderArguments();
    const owner = handleCall(engine, orderCall(args));
    await delay(5);
    const answered = answer(waiter);
    waiter.send(args);
    await delay(beforeMs);
    const endedNs = process.hrtime.bigint();
    finish();
    const { atNs, replayed } = await answered;
    await owner;
    if (!replayed) print('      a waiter was not answered with the replay');
    latenciesMs.push(Number(BigInt(atNs) - endedNs) / 1e6);
  }
  waiter.disconnect();
  await store.close();
  return latenciesMs;
}

/** All processes share the system's monotonic clock. */
async function answer(waiter: ChildProcess): Promise<{ atNs: string; replayed: boolean }> {
  const [message] = await once(waiter, 'message');
  return message as { atNs: string; replayed: boolean };
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
