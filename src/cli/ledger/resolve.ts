import { exitCodes, refuse, UsageError } from '../../command/cli.ts';
import type { Program } from '../../command/program.ts';
import type { Config } from '../../config/config.ts';
import { describeError } from '../../core/errors.ts';
import { parseJson } from '../../core/exact-json.ts';
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

/** Ends an operation with an unknown outcome as a person found it at the upstream. */
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
 * Checks a result against the tool's declared output, since every repeat will get it. For a tool with content results it
 * wraps the API's answer, which is what a person has at hand.
 */
async function checkedResult(program: Program, config: Config, name: string, given: unknown): Promise<unknown> {
  const catalog = await program
    .catalog(config)
    .catch((error: unknown) =>
      refuse(
        `The result cannot be checked because the tools do not load: ${describeError(error)} (--force accepts it unchecked).`,
      ),
    );
  const tool = catalog.find(name);
  if (!tool) {
    refuse(
      `The result cannot be checked because this configuration does not serve the tool ${name}. Name its configuration with --config or its folder with --tools, or accept the result unchecked with --force.`,
    );
  }
  const result = tool.results === 'content' && !isContentResult(given) ? contentOfValue(given) : given;
  if (tool.acceptsOutput(result)) return result;
  refuse(
    `The result does not match the declared output of ${name}. Correct the file, or accept it unchecked with --force.`,
  );
}

async function readResult(file: string, bytesMax: number): Promise<unknown> {
  const read = await readText(file, bytesMax);
  if (!read.ok) refuse(`The result cannot be read from ${file}: ${read.why}.`);
  try {
    return parseJson(read.text);
  } catch {
    return refuse(`The file ${file} is not valid JSON.`);
  }
}

function resolvedLine({ key, tool, status }: OperationRecord): string {
  switch (status.state) {
    case 'succeeded':
      return `Operation ${key} (${tool}) has succeeded. A repeat of the call replays its result.`;
    case 'incomplete':
      return `Operation ${key} (${tool}) is incomplete because some of its steps took effect. The same call continues from there.`;
    default:
      return `Operation ${key} (${tool}) has failed. The same call executes it again.`;
  }
}
