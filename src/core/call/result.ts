import { isDeeperThan, resultDepthMax } from '../depth.ts';
import type { Stub } from '../ledger/record.ts';
import type { Tool } from '../tool/types.ts';
import type { EngineSettings } from './types.ts';

/** The part of a result that the ledger keeps: the result, or a stub that says why not. The effect has happened either way. */
type Keepable = { readonly result: unknown; readonly stub?: Stub };

/** A result as the ledger keeps it, and as the caller of this execution gets it. */
export interface Kept {
  readonly kept: Keepable;
  /** The result as JSON, when it is only too large for the ledger. */
  readonly unkept?: unknown;
}

/** Converts a result to JSON, byte for byte as every replay returns it. Never throws. */
export function keepable(tool: Tool, result: unknown, settings: Pick<EngineSettings, 'resultBytesMax'>): Kept {
  let text: string | undefined;
  try {
    text = JSON.stringify(result === undefined ? null : result);
  } catch {
    text = undefined;
  }
  if (text === undefined) {
    return { kept: stubOf('not_serialisable', 'it cannot be written as JSON') };
  }
  const value: unknown = JSON.parse(text);
  if (isDeeperThan(resultDepthMax, value)) {
    return { kept: stubOf('not_serialisable', `it is nested deeper than ${resultDepthMax} levels`) };
  }
  if (!isDeclared(tool, value)) {
    const problem = tool.outputProblem?.(value);
    const why = `it does not match the output schema of the tool${problem === undefined ? '' : `: ${problem}`}`;
    return { kept: stubOf('not_as_declared', why) };
  }
  const bytes = Buffer.byteLength(text);
  if (bytes <= settings.resultBytesMax) return { kept: { result: value } };
  const why = `it has ${bytes} bytes, more than the ${settings.resultBytesMax} that are kept`;
  return { kept: stubOf('too_large', why), unkept: value };
}

/** A schema that throws (for example an asynchronous refinement) must not make a success unknown. */
function isDeclared(tool: Tool, value: unknown): boolean {
  try {
    return tool.acceptsOutput(value);
  } catch {
    return false;
  }
}

function stubOf(reason: Stub['reason'], message: string): Keepable {
  return { result: null, stub: { reason, message } };
}
