import { randomUUID } from 'node:crypto';
import { statfsSync } from 'node:fs';
import { join } from 'node:path';
import { openSqliteStore } from '../src/core/ledger/stores/sqlite.ts';
import { openBareSqlite } from './support/bare-sqlite.ts';
import { claimAndSettle, ledgerOver, orderRequests, recordBytes, replay, sealedLedgerOver } from './support/engine.ts';
import { alternate, type Block, block, ratioOf, typical } from './support/measure.ts';
import { type BenchContext, microseconds, rate } from './support/report.ts';

const dayMs = 86_400_000;
/** The magic number of tmpfs (Linux statfs(2)), where a sync costs nothing. */
const tmpfs = 0x01021994;

/** Claim and settle, durable, against the same two statements in the bare driver. */
export async function run({ quick, folder, report }: BenchContext): Promise<void> {
  if (statfsSync(folder).type === tmpfs) report.note('the temporary folder is in memory: set TMPDIR to a real disk');
  const store = await openSqliteStore({ path: join(folder, 'ledger.sqlite') });
  const bare = await openBareSqlite(join(folder, 'bare.sqlite'));
  const ledger = ledgerOver(store);
  const nextRequest = await orderRequests(ledger);
  const bytes = await recordBytes(ledger, nextRequest());
  const bareCall = (): void => {
    const key = `mcp-once::${randomUUID()}`;
    bare.claim(key, bytes.claimed, Date.now() + 30 * dayMs);
    bare.settle(key, bytes.claimed, bytes.settled, Date.now() + 7 * dayMs);
  };
  const rounds = quick ? 6 : 20;

  const lone = await alternate(rounds, {
    ours: () => block(1, 150, () => claimAndSettle(ledger, nextRequest())),
    bare: () => block(1, 150, bareCall),
  });
  report.ratio(
    'a lone claim + settle / the bare driver',
    ratioOf(lone.ours, lone.bare),
    [raw('claim + settle', lone.ours), raw('INSERT, UPDATE', lone.bare)],
    { atMost: 1.2 },
  );

  for (const concurrency of [64, 16]) {
    const { ours, each } = await alternate(rounds, {
      ours: () => block(concurrency, 2_560, () => claimAndSettle(ledger, nextRequest())),
      each: () => block(concurrency, 256, bareCall),
    });
    const target = concurrency === 64 ? { atLeast: 6 } : {};
    report.ratio(
      `rate, ${concurrency} at once / a commit for each statement`,
      ratioOf(ours, each, 'perSecond'),
      [`claim + settle ${rate(typical(ours, 'perSecond'))}, bare ${rate(typical(each, 'perSecond'))}`],
      target,
    );
  }

  const sealed = sealedLedgerOver(store);
  const encrypted = await alternate(rounds, {
    sealed: () => block(1, 150, () => claimAndSettle(sealed, nextRequest())),
    plain: () => block(1, 150, () => claimAndSettle(ledger, nextRequest())),
  });
  report.ratio('a lone claim + settle, records encrypted / as they are', ratioOf(encrypted.sealed, encrypted.plain), [
    raw('encrypted', encrypted.sealed),
    raw('as they are', encrypted.plain),
  ]);

  const kept = Array.from({ length: 256 }, nextRequest);
  for (const request of kept) await claimAndSettle(ledger, request);
  for (const { key } of kept) bare.claim(`mcp-once::${key}`, bytes.settled, Date.now() + 7 * dayMs);
  let turn = 0;
  const next = () => kept[turn++ % kept.length] ?? nextRequest();
  const replays = await alternate(rounds, {
    ours: () => block(1, 1_000, () => replay(ledger, next())),
    bare: () => block(1, 1_000, () => bare.read(`mcp-once::${next().key}`)),
  });
  report.ratio('a replay / bare SELECT', ratioOf(replays.ours, replays.bare), [
    raw('replay', replays.ours),
    raw('SELECT', replays.bare),
  ]);
  await store.close();
  bare.database.close();
}

function raw(name: string, blocks: readonly Block[]): string {
  return `${name}: p50 ${microseconds(typical(blocks, 'p50Us'))}`;
}
