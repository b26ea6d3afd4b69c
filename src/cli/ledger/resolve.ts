import { clientEnvironment, features } from '../../app.ts';
import { exitCodes, refuse, UsageError } from '../../command/cli.ts';
import type { Program } from '../../command/program.ts';
import type { Config } from '../../config/config.ts';
import { describeError } from '../../core/errors.ts';
import { parseJson } from '../../core/exact-json.ts';
import { type FoundOutcome, resolveOperation, showOperation } from '../../core/ledger/operator.ts';
import type { OperationRecord } from '../../core/ledger/record.ts';
import { readText } from '../../core/read-text.ts';
import { ClientPool } from '../../core/tool/client-pool.ts';
import { contentOfValue, isContentResult } from '../../core/tool/content.ts';
import type { Tool, Upstream } from '../../core/tool/types.ts';
import { shownClientVariables } from '../sandbox.ts';
import { jsonOf, type LedgerCommandOptions, summaryOf, withOperation } from './ledger.ts';

export interface LedgerResolveOptions extends LedgerCommandOptions {
  /** A file with the result as JSON; true without one. */
  readonly succeeded?: string | true;
  readonly failed?: boolean;
  readonly message?: string;
  readonly force?: boolean;
}

const messageCharsMax = 500;

/** Ends an operation with an unknown outcome as a person found it at the upstream. */
export async function runLedgerResolve(
  program: Program,
  given: string,
  options: LedgerResolveOptions,
): Promise<number> {
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
  const resolved = await withOperation(program, options, given, async (operator, key) => {
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
    result:
      force === true
        ? result
        : await checkedResult(program, await toolsConfig(program, config, options), record, result),
  };
}

/**
 * Checks a result against the tool's declared output, since every repeat will get it. For a tool with content results it
 * wraps the API's answer, which is what a person has at hand.
 */
async function checkedResult(
  program: Program,
  config: Config,
  { tool: name, upstream }: OperationRecord,
  given: unknown,
): Promise<unknown> {
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
      `The result cannot be checked because this configuration does not serve the tool ${name}. Name ${howToName}, or accept the result unchecked with --force.`,
    );
  }
  await refuseElsewhere(program, config, tool, upstream);
  const result = tool.results === 'content' && !isContentResult(given) ? contentOfValue(given) : given;
  if (tool.acceptsOutput(result)) return result;
  const problem = tool.outputProblem?.(result);
  refuse(
    `The result does not match the declared output of ${name}${problem === undefined ? '' : `: ${problem}`}. Correct the file, or accept it unchecked with --force.`,
  );
}

const howToName = 'its configuration with --config, its folder with --tools, or its document with --openapi';

/** Refuses to check a result against a tool of the same name on another upstream: its output may differ. */
async function refuseElsewhere(
  program: Program,
  config: Config,
  { name, client }: Tool,
  there: Upstream,
): Promise<void> {
  const variables = clientEnvironment(await shownClientVariables(program.cli.environment, config));
  let here: Upstream;
  try {
    here = new ClientPool(variables).upstream(client);
  } catch (error) {
    refuse(
      `The result cannot be checked because the upstream of ${name} is not known: ${describeError(error)} (--force accepts it unchecked).`,
    );
  }
  if (here.origin === there.origin && here.mode === there.mode && here.account === there.account) return;
  refuse(
    `The result cannot be checked because the tool ${name} of this configuration acts on ${placeOf(here)}, and the operation belongs to ${placeOf(there)}. Name ${howToName}, or accept the result unchecked with --force.`,
  );
}

function placeOf({ origin, mode, account }: Upstream): string {
  return `${origin} (${mode}, account ${account})`;
}

/** Returns the configuration whose tools check a result: that of the ledger, or one made of options such as `--openapi`. */
async function toolsConfig(program: Program, config: Config, options: LedgerResolveOptions): Promise<Config> {
  for (const feature of features) {
    const sections = await (await feature.toolOptions?.())?.sectionsOf(options as Record<string, unknown>);
    if (sections !== undefined) return program.config({ ...options, bundledTools: false, sections }, 'operate');
  }
  return config;
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
      return status.stub
        ? `Operation ${key} (${tool}) has succeeded, without a result: a repeat of the call learns that it took effect. To add the result or to correct this, resolve it again with --succeeded FILE or --failed.`
        : `Operation ${key} (${tool}) has succeeded. A repeat of the call replays its result.`;
    case 'incomplete':
      return `Operation ${key} (${tool}) is incomplete because some of its steps took effect. The same call continues from there.`;
    default:
      return `Operation ${key} (${tool}) has failed. The same call executes it again.`;
  }
}
