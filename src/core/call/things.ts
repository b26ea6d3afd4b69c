import { describeError, McpOnceError } from '../errors.ts';
import { makerKeyOf } from '../key/derive-key.ts';
import type { Claim } from '../ledger/claim.ts';
import type { EndedStatus } from '../ledger/record.ts';
import { emit } from '../observe/events.ts';
import type { Tool } from '../tool/types.ts';
import type { EngineParts } from './types.ts';

/**
 * Notes which operation has made a thing, and ends the window of the operation whose thing is undone. Never rejects: without
 * a note, a call that is meant after the undo gets the first result.
 */
export async function noteThings(
  engine: EngineParts,
  claim: Claim,
  { result, stub }: Extract<EndedStatus, { state: 'succeeded' }>,
): Promise<void> {
  const { key: operation, tool: name, scope, upstream } = claim.record;
  const tool = engine.catalog.find(name);
  if (tool === undefined || stub !== undefined || (!tool.makes && !tool.undoes)) return;
  try {
    const { made, undone } = thingsOf(tool, claim.record.arguments, result);
    const ledger = await engine.ledger();
    if (made !== undefined) await ledger.takeLatch(makerKeyOf({ scope, upstream, thing: made }), claim, () => true);
    if (undone !== undefined) await ledger.endWindowOfHolder(makerKeyOf({ scope, upstream, thing: undone }));
  } catch (error) {
    const message = describeError(error);
    if (error instanceof McpOnceError) emit({ type: 'ledger_fault', operation, message });
    engine.log.warn(`${name}: the thing that it made or undid is not noted: ${message}`);
  }
}

/** Calls the tool with copies, so that a tool's code cannot change what is stored. */
function thingsOf(tool: Tool, input: unknown, result: unknown): { made: unknown; undone: unknown } {
  const [ownInput, ownResult] = [structuredClone(input), structuredClone(result)];
  return { made: tool.makes?.(ownResult, ownInput), undone: tool.undoes?.(ownInput, ownResult) };
}
