import { ledgerStats } from '../../core/ledger/operator.ts';
import { type Cli, exitCodes } from '../cli.ts';
import { tableOf } from '../table.ts';
import { isoOf, jsonOf, type LedgerOptions, withLedger } from './ledger.ts';

/** Prints how many operations there are. */
export async function runLedgerStats(cli: Cli, options: LedgerOptions): Promise<number> {
  const stats = await withLedger(cli, options, ({ ledger }) => ledgerStats(ledger));
  const { oldestUnknownAt, ...counts } = stats;
  const oldest = oldestUnknownAt === undefined ? undefined : isoOf(oldestUnknownAt);
  if (options.json) {
    cli.print(jsonOf({ ...counts, oldestUnknownAt: oldest ?? null }));
    return exitCodes.ok;
  }
  const rows = [
    ['operations', String(stats.operations)],
    ...Object.entries(stats.byState).map(([state, count]) => [`  ${state}`, String(count)]),
    ['unreadable', String(stats.unreadable)],
    ...Object.entries(stats.byTool).map(([tool, count]) => [`tool ${tool}`, String(count)]),
    ...(oldest === undefined ? [] : [['oldest unknown', oldest]]),
  ];
  cli.print(tableOf(['WHAT', 'COUNT'], rows));
  return exitCodes.ok;
}
