import { exitCodes } from '../../command/cli.ts';
import type { Program } from '../../command/program.ts';
import { tableOf } from '../../command/table.ts';
import { type ListedEntry, type ListFilter, listOperations } from '../../core/ledger/operator.ts';
import { ageOf, jsonOf, type LedgerCommandOptions, listedSummary, withLedger } from './ledger.ts';

export type LedgerListOptions = LedgerCommandOptions & ListFilter;

/** Prints the newest operations that match. */
export async function runLedgerList(program: Program, options: LedgerListOptions): Promise<number> {
  const { cli } = program;
  const { state, tool, limit } = options;
  const listed = await withLedger(program, options, ({ ledger }) => listOperations(ledger, { state, tool, limit }));
  if (options.json) cli.print(jsonOf(listed.map(listedSummary)));
  else cli.print(listed.length === 0 ? 'No operations.' : table(listed));
  if (listed.length === limit) cli.tell(`mcp-once: the list shows the newest ${limit}; use --limit to see more.`);
  return exitCodes.ok;
}

function table(listed: readonly ListedEntry[]): string {
  const nowMs = Date.now();
  return tableOf(
    ['OPERATION', 'TOOL', 'STATE', 'AGE', 'GENERATION', 'ATTEMPT', 'WHOSE', 'WHY'],
    listed.map((each) => {
      if (each.type === 'unreadable') return [each.key, '?', 'unreadable', '', '', '', '', short(each.message)];
      const { key, tool, status, createdAt, generation, attempt, scope } = each.record;
      const why = 'message' in status ? short(status.message) : '';
      const whose = `${scope.tenant}/${scope.subject}`;
      return [key, tool, status.state, ageOf(createdAt, nowMs), String(generation), String(attempt), whose, why];
    }),
  );
}

function short(message: string): string {
  return message.length > 80 ? `${message.slice(0, 79)}…` : message;
}
