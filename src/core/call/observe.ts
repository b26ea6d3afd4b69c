import { describeError } from '../errors.ts';
import { emit } from '../observe/events.ts';
import type { Outcome } from './outcome.ts';
import type { EngineParts } from './types.ts';

/**
 * Notes what a guarded call would have got instead of its execution, in the ledger and as an event. The call has run, so a
 * ledger that fails costs the note and nothing else.
 */
export async function noteObserved(engine: EngineParts, tool: string, outcome: Outcome): Promise<void> {
  const operation = outcome.operation?.key;
  const would = outcome.type === 'result' ? 'replayed' : outcome.type === 'refusal' ? outcome.code : outcome.type;
  if (operation === undefined) {
    engine.log.debug(`${tool}: the observed call was not compared: ${would}`);
    return;
  }
  emit({ type: 'observed', operation, tool, would });
  try {
    await (await engine.ledger()).noteObserved(operation, would === 'replayed' ? 'replayed' : 'refused');
  } catch (error) {
    engine.log.debug(`${tool}: the note about an observed call was not kept: ${describeError(error)}`);
  }
}
