import { exitCodes, refuse, UsageError } from '../../command/cli.ts';
import type { Program } from '../../command/program.ts';
import type { Config } from '../../config/config.ts';
import { describeError } from '../../core/errors.ts';
import { type FoundOutcome, resolveOperation, showOperation } from '../../core/ledger/operator.ts';
import type { OperationRecord } from '../../core/ledger/record.ts';
import { readText } from '../../core/read-text.ts';
import { contentOfValue, isContentResult } from '../../core/tool/content.ts';
import { jsonOf, type LedgerCommandOptions, summaryOf, withLedger } from './ledger.ts';

export interface LedgerResolveOptions extends LedgerCommandOptions {
  /** A file with the result as JSON; true without one. */
  readonly succeeded?: string | true;
  readonly failed?: boolean;
  readonly message?: string;
  readonly force?: boolean;
}

const messageCharsMax = 500;

/** Ends an operation whose outcome is not known, by what a person has found at the upstream. */
export async function runLedgerResolve(program: Program, key: string, options: LedgerResolveOptions): Promise<number> {
  const { cli } = program;
  if ((options.succeeded === undefined) === (options.failed !== true)) {
    throw new UsageError('ledger resolve needs either --succeeded [FILE] or --failed');
  }
  if (options.succeeded !== undefined && options.message !== undefined) {
    throw new UsageError('--message goes with --failed only');
  }
  if ((options.message?.length ?? 0) > messageCharsMax) {
    throw new UsageError(`--message may have up to ${messageCharsMax} characters`);
  }
  const resolved = await withLedger(program, options, async (operator) => {
    const { record } = await showOperation(operator.ledger, key);
    const found = await foundOf(program, operator.config, record, options);
    return resolveOperation(operator, key, found);
  });
  cli.print(options.json ? jsonOf(summaryOf(resolved)) : resolvedLine(resolved));
  return exitCodes.ok;
}

async function foundOf(
  program: Program,
  config: Config,
  record: OperationRecord,
  options: LedgerResolveOptions,
): Promise<FoundOutcome> {
  const { succeeded, message, force } = options;
  if (succeeded === undefined) return { state: 'failed', message, undone: force };
  if (succeeded === true) return { state: 'succeeded' };
  const result = await readResult(succeeded, config.resultBytesMax);
  return {
    state: 'succeeded',
    result: force === true ? result : await checkedResult(program, config, record.tool, result),
  };
}

/**
 * What is stored is what every repeat gets: it has to be what the tool says that it returns. Of a tool whose results are
 * content a person has what the API answered, which is made into such a result.
 */
async function checkedResult(program: Program, config: Config, name: string, given: unknown): Promise<unknown> {
  const catalog = await program
    .catalog(config)
    .catch((error: unknown) =>
      refuse(
        `The result cannot be checked, since the tools do not load: ${describeError(error)} (--force takes it as it is).`,
      ),
    );
  const tool = catalog.find(name);
  if (!tool) {
    refuse(
      `The result cannot be checked: the tool ${name} is not served here. Name its configuration with --config or its folder with --tools, or take the result as it is with --force.`,
    );
  }
  const result = tool.results === 'content' && !isContentResult(given) ? contentOfValue(given) : given;
  if (tool.acceptsOutput(result)) return result;
  refuse(`The result is not what ${name} declares as its output: correct the file, or take it as it is with --force.`);
}

async function readResult(file: string, bytesMax: number): Promise<unknown> {
  const read = await readText(file, bytesMax);
  if (!read.ok) refuse(`The result cannot be taken from ${file}: ${read.why}.`);
  try {
    return JSON.parse(read.text) as unknown;
  } catch {
    return refuse(`The file ${file} is not valid JSON.`);
  }
}

function resolvedLine({ key, tool, status }: OperationRecord): string {
  switch (status.state) {
    case 'succeeded':
      return `Operation ${key} (${tool}) has succeeded: a repeat of the call replays it.`;
    case 'incomplete':
      return `Operation ${key} (${tool}) is incomplete, since some of its steps took effect: the same call again goes on from there.`;
    default:
      return `Operation ${key} (${tool}) has failed: the same call again executes it anew.`;
  }
}
