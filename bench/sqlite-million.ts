import { statSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { ClaimRequest } from '../src/core/ledger/new-record.ts';
import { openMemoryStore } from '../src/core/ledger/stores/memory.ts';
import { openSqliteStore } from '../src/core/ledger/stores/sqlite.ts';
import type { Store } from '../src/core/ledger/stores/store.ts';
import { claimAndSettle, claimed, ledgerOver, orderRequests, replay } from './support/engine.ts';
import { dayMs, type Filled, fillSqlite, nthKey, smallResult, templates } from './support/fill.ts';
import { alternate, block, percentile, ratioOf, typical } from './support/measure.ts';
import { type BenchContext, microseconds } from './support/report.ts';

const fewRecords = 1_000;
const throughLedger = 20_000;
/** Records are settled evenly over this time and kept for 7 days, so that a fifth has expired. */
const spanMs = 8.75 * dayMs;
const expiredShare = 0.2;
/** The store must not sweep by itself during other measurements. */
const neverMs = 2 ** 30;
const blockMs = 600;
/** Far less than the store's own interval between sweeps. */
const betweenSweepsMs = 20;

/** Measures a ledger of a million records: its size, its replays and its sweep. */
export async function run(context: BenchContext): Promise<void> {
  const { quick, folder, report } = context;
  const count = quick ? 100_000 : 1_000_000;
  const memory = ledgerOver(openMemoryStore());
  const nextRequest = await orderRequests(memory);
  const records = await templates(memory, nextRequest());
  const paths = { few: join(folder, 'few.sqlite'), many: join(folder, 'many.sqlite') };
  await fillSqlite(paths.few, fewRecords, records, dayMs);
  const startedMs = performance.now();
  const filled = await fillSqlite(paths.many, count, records, spanMs);
  report.note(
    `${count.toLocaleString('en-US')} records of ${Math.round(filled.bytesOfValues / count)} bytes, made by the ledger, inserted as claimed, updated as settled, many per commit; filled in ${Math.round((performance.now() - startedMs) / 1_000)} s`,
  );
  await size(context, paths.many, filled, count);
  const few = await openSqliteStore({ path: paths.few, sweepIntervalMs: neverMs });
  const many = await openSqliteStore({ path: paths.many, sweepIntervalMs: neverMs });
  await replays(context, few, many, records.settled, count);
  await sweeps(context, many, nextRequest);
  await few.close();
  await many.close();
}

/** Measures the file after a checkpoint. The same size through the ledger itself shows that the filling is fair. */
async function size({ folder, report }: BenchContext, path: string, filled: Filled, count: number): Promise<void> {
  const onDisk = statSync(path).size;
  const name = `bytes on disk for a byte stored, ${count.toLocaleString('en-US')} records`;
  report.value(name, onDisk / filled.bytesStored, 'x', { atMost: 1.6 });
  const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  report.note(
    `${mb(onDisk)} on disk, ${mb(filled.bytesStored)} of keys and values, ${mb(filled.bytesOfValues)} of values`,
  );

  const own = join(folder, 'own.sqlite');
  const store = await openSqliteStore({ path: own });
  const ledger = ledgerOver(store);
  const nextRequest = await orderRequests(ledger);
  let bytes = 0;
  await block(64, throughLedger, async () => {
    const claim = await claimed(ledger, nextRequest());
    await claim.settle({ state: 'succeeded', settledAt: Date.now(), result: smallResult }, [], false);
  });
  for await (const { key, value } of store.scan()) bytes += Buffer.byteLength(`mcp-once::${key}${value}`);
  await store.close();
  report.note(
    `${throughLedger.toLocaleString('en-US')} through the ledger itself, 64 at once: ${(statSync(own).size / bytes).toFixed(2)} x`,
  );
}

async function replays(
  { quick, report }: BenchContext,
  few: Store,
  many: Store,
  like: ClaimRequest | object,
  count: number,
): Promise<void> {
  // With a margin for the time that filling took.
  const alive = Math.ceil(count * (expiredShare + 0.01));
  const anyOf = (from: number, to: number): ClaimRequest => {
    const key = nthKey(from + Math.floor(Math.random() * (to - from)));
    return { ...(like as ClaimRequest), key, supersedes: false };
  };
  const ledgers = { few: ledgerOver(few), many: ledgerOver(many) };
  const blocks = await alternate(quick ? 8 : 30, {
    many: () => block(1, 1_000, () => replay(ledgers.many, anyOf(alive, count))),
    few: () => block(1, 1_000, () => replay(ledgers.few, anyOf(0, fewRecords))),
  });
  report.ratio(
    `a replay among ${count.toLocaleString('en-US')} / among ${fewRecords.toLocaleString('en-US')}`,
    ratioOf(blocks.many, blocks.few),
    [
      `p50 ${microseconds(typical(blocks.many, 'p50Us'))} and ${microseconds(typical(blocks.few, 'p50Us'))}, each record with the same probability; "flat" is read as 1.25 x`,
    ],
    { atMost: 1.25 },
  );
}

/** Measures event loop delays with incoming calls, during a sweep and without one. */
async function sweeps({ quick, report }: BenchContext, store: Store, nextRequest: () => ClaimRequest): Promise<void> {
  const ledger = ledgerOver(store);
  const pauses = { sweeping: [] as number[], calm: [] as number[] };
  let removed = 0;
  let sweptMs = 0;
  for (let round = 0; round < (quick ? 8 : 20); round += 1) {
    const order = ['sweeping', 'calm'] as const;
    for (const kind of round % 2 === 0 ? order : [...order].reverse()) {
      const monitor = monitorEventLoopDelay({ resolution: 1 });
      const stop = new AbortController();
      const calls = callsEvery5Ms(() => claimAndSettle(ledger, nextRequest()), stop.signal);
      monitor.enable();
      const untilMs = performance.now() + blockMs;
      let found = 0;
      while (performance.now() < untilMs) {
        const startedMs = performance.now();
        if (kind === 'sweeping') {
          found += await store.sweep();
          sweptMs += performance.now() - startedMs;
        }
        await delay(kind === 'sweeping' ? betweenSweepsMs : blockMs);
      }
      monitor.disable();
      stop.abort();
      await calls;
      removed += found;
      // Without expired records there is no sweep to measure.
      if (kind === 'calm' || found > 0) pauses[kind].push(monitor.max / 1e6);
    }
  }
  report.value('longest pause of the event loop while sweeping', Math.max(...pauses.sweeping), 'ms', { atMost: 20 });
  for (const kind of ['sweeping', 'calm'] as const) {
    const worst = pauses[kind];
    report.note(
      `${kind === 'calm' ? 'the same calls without a sweep' : 'sweeping'}: longest pause of a block of ${blockMs} ms: median ${percentile(worst, 50).toFixed(1)} ms, p90 ${percentile(worst, 90).toFixed(1)} ms, max ${Math.max(...worst).toFixed(1)} ms`,
    );
  }
  report.note(
    `${removed.toLocaleString('en-US')} expired records removed, ${Math.round((removed / sweptMs) * 1_000)}/s while sweeping`,
  );
}

async function callsEvery5Ms(call: () => Promise<void>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await call();
    await delay(5);
  }
}
