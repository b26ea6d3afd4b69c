import { exitCodes, plain } from '../../command/cli.ts';
import type { Program } from '../../command/program.ts';
import { showOperation } from '../../core/ledger/operator.ts';
import { detailsOf, jsonOf, type LedgerCommandOptions, stepKeyOf, withOperation } from './ledger.ts';

export interface LedgerShowOptions extends LedgerCommandOptions {
  readonly arguments?: boolean;
  readonly step?: string;
}

/** Prints the record of one operation, with values only on request. */
export async function runLedgerShow(program: Program, given: string, options: LedgerShowOptions): Promise<number> {
  const { cli } = program;
  const { record } = await withOperation(program, options, given, ({ ledger }, key) => showOperation(ledger, key));
  const details = { ...detailsOf(record, options.arguments === true), ...stepKeyOf(record, options.step) };
  cli.print(options.json ? jsonOf(details) : linesOf(details));
  return exitCodes.ok;
}

function linesOf(details: Record<string, unknown>): string {
  const width = Math.max(...Object.keys(details).map((name) => name.length));
  return Object.entries(details)
    .map(
      ([name, value]) => `${name.padEnd(width)}  ${plain(typeof value === 'string' ? value : JSON.stringify(value))}`,
    )
    .join('\n');
}
