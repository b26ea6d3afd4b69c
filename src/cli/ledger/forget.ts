import { createInterface } from 'node:readline/promises';
import { exitCodes, UsageError } from '../../command/cli.ts';
import type { Program } from '../../command/program.ts';
import { forgetOperation } from '../../core/ledger/operator.ts';
import { jsonOf, type LedgerCommandOptions, withOperation } from './ledger.ts';

export interface LedgerForgetOptions extends LedgerCommandOptions {
  readonly yes?: boolean;
  readonly force?: boolean;
}

const warning = 'the same call will then execute again, under new idempotency keys, even if it took effect before.';

/** Deletes the record of an operation, after a confirmation. @returns 1 when the person declines. */
export async function runLedgerForget(program: Program, given: string, options: LedgerForgetOptions): Promise<number> {
  const { cli } = program;
  if (!options.yes && !cli.isTerminal) throw new UsageError(`ledger forget needs --yes: ${warning}`);
  const key = await withOperation(program, options, given, async (_, full) => full);
  if (options.yes) cli.tell(`mcp-once: forgetting ${key}: ${warning}`);
  else if (!(await confirmed(key))) {
    cli.tell('mcp-once: nothing was forgotten.');
    return exitCodes.failure;
  }
  const record = await withOperation(program, options, key, (operator) =>
    forgetOperation(operator, key, options.force),
  );
  if (options.json) cli.print(jsonOf({ operation: key, forgotten: true }));
  else cli.print(`Operation ${key}${record ? ` (${record.tool})` : ''} is forgotten.`);
  return exitCodes.ok;
}

async function confirmed(key: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`Forget ${key}? ${warning} [y/N] `);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
