import type { Stub } from '../ledger/record.ts';
import type { Tool } from '../tool/types.ts';
import type { EngineSettings } from './types.ts';

/** What the ledger keeps of a result: itself, or a stub that says why not. The effect has happened either way. */
type Keepable = { readonly result: unknown; readonly stub?: Stub };

/** What was not kept, for the caller of this very execution. */
export interface Kept {
  readonly kept: Keepable;
  /** The result as JSON, where only the ledger has no room for it. */
  readonly unkept?: unknown;
}

/** A result as JSON, byte for byte as every replay will have it. Never throws. */
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
  if (!isDeclared(tool, value)) return { kept: stubOf('not_as_declared', 'it is not as the tool declares its output') };
  const bytes = Buffer.byteLength(text);
  if (bytes <= settings.resultBytesMax) return { kept: { result: value } };
  const why = `it has ${bytes} bytes, more than the ${settings.resultBytesMax} that are kept`;
  return { kept: stubOf('too_large', why), unkept: value };
}

/** A schema that cannot judge (an asynchronous refinement, say) must not make a success unknown. */
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
