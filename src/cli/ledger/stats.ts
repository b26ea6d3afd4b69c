import { exitCodes } from '../../command/cli.ts';
import type { Program } from '../../command/program.ts';
import { tableOf } from '../../command/table.ts';
import { ledgerStats } from '../../core/ledger/operator.ts';
import { isoOf, jsonOf, type LedgerCommandOptions, withLedger } from './ledger.ts';

/** Prints the number of operations by state and tool. */
export async function runLedgerStats(program: Program, options: LedgerCommandOptions): Promise<number> {
  const { cli } = program;
  const stats = await withLedger(program, options, ({ ledger }) => ledgerStats(ledger));
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
    ...(stats.observed.replayed + stats.observed.refused === 0
      ? []
      : [
          ['observed, would be replayed', String(stats.observed.replayed)],
          ['observed, would be refused', String(stats.observed.refused)],
        ]),
    ...(oldest === undefined ? [] : [['oldest unknown', oldest]]),
  ];
  cli.print(tableOf(['WHAT', 'COUNT'], rows));
  return exitCodes.ok;
}
