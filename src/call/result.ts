import type { Stub } from '../ledger/record.ts';
import type { Tool } from '../tool/types.ts';
import type { EngineSettings } from './types.ts';

/** What the ledger keeps of a result: itself, or a stub that says why not. The effect has happened either way. */
export type Keepable = { readonly result: unknown; readonly stub?: Stub };

/** A result as JSON, byte for byte as every replay will have it. Never throws. */
export function keepable(tool: Tool, result: unknown, settings: Pick<EngineSettings, 'resultBytesMax'>): Keepable {
  let text: string | undefined;
  try {
    text = JSON.stringify(result === undefined ? null : result);
  } catch {
    text = undefined;
  }
  if (text === undefined) {
    return stubOf('not_serialisable', 'it cannot be written as JSON');
  }
  const bytes = Buffer.byteLength(text);
  if (bytes > settings.resultBytesMax) {
    return stubOf('too_large', `it has ${bytes} bytes, more than the ${settings.resultBytesMax} that are kept`);
  }
  const value: unknown = JSON.parse(text);
  if (!tool.acceptsOutput(value)) return stubOf('not_as_declared', 'it is not as the tool declares its output');
  return { result: value };
}

function stubOf(reason: Stub['reason'], message: string): Keepable {
  return { result: null, stub: { reason, message } };
}
