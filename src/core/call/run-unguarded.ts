import { describeError, NotExecuted } from '../errors.ts';
import { classifyNodeError } from '../tool/classify.ts';
import type { RunContext, Tool } from '../tool/types.ts';
import { refusal } from './answers.ts';
import { openClient } from './open-client.ts';
import { keepable } from './result.ts';
import { detached } from './settle.ts';
import type { Engine, Outcome } from './types.ts';

/** What is known of the steps of a run that no record keeps. */
interface Sent {
  readonly done: string[];
  /** Sent, and not answered for certain. */
  readonly open: Set<string>;
}

/**
 * Runs a read, or a tool whose repeats are all meant: no ledger, no key, each call is its own. A run that does not end
 * with its signal is not waited for: its caller would wait for ever, and so would the place that the call has.
 */
export function runUnguarded(engine: Engine, tool: Tool, args: Record<string, unknown>): Promise<Outcome> {
  return detached(engine, async () => {
    if (engine.closing.aborted) {
      return refusal('operation_failed', `${tool.name}: the server is shutting down. Nothing was executed.`);
    }
    const sent: Sent = { done: [], open: new Set() };
    const abort = new AbortController();
    const cutOff = (): void => abort.abort(new Error('the run was cut off'));
    const cancel = engine.clock.after(engine.settings.maxRunMs, cutOff);
    engine.ending.addEventListener('abort', cutOff, { once: true });
    const bound = new Promise<never>((_, reject) => {
      abort.signal.addEventListener('abort', () => reject(abort.signal.reason), { once: true });
    });
    bound.catch(() => undefined);
    try {
      const client = await openClient(engine, tool);
      const run = tool.run(args, contextOf(engine, tool, client, sent, abort.signal));
      const result = await Promise.race([run, bound]);
      const { kept } = keepable(tool, result, { resultBytesMax: Number.POSITIVE_INFINITY });
      if (!kept.stub) return { type: 'result', tool, result: kept.result, replayed: false };
      return refusal(
        'result_not_kept',
        `${tool.name} was executed, and its result is of no use: ${kept.stub.message}.`,
      );
    } catch (error) {
      return answerOfError(tool, error, sent, abort.signal.aborted);
    } finally {
      cancel();
      engine.ending.removeEventListener('abort', cutOff);
    }
  });
}

/** @param isCutOff what it has sent beside its steps, or is about to, is not known. */
function answerOfError(tool: Tool, error: unknown, { done, open }: Sent, isCutOff: boolean): Outcome {
  const message = describeError(error);
  if (tool.effect === 'read') {
    const text = `${tool.name} failed: ${message}. It only reads: nothing was changed, and it is safe to call again.`;
    return refusal('operation_failed', text);
  }
  if (isCutOff || open.size > 0 || isUnknown(tool, error, done.length > 0)) {
    const text = `${tool.name}: whether it took effect is not known: ${message}. It is not guarded: calling again may do it twice.`;
    return { ...refusal('outcome_unknown', text), steps: [...done] };
  }
  if (done.length > 0) {
    const text = `${tool.name}: ${done.join(', ')} took effect, then it failed: ${message}. It is not guarded: the same call again begins anew, and does them twice.`;
    return { ...refusal('operation_incomplete', text), steps: done };
  }
  return refusal('operation_failed', `${tool.name} failed and had no effect: ${message}. It is safe to call again.`);
}

/** With steps, what was sent is known from them; without, only the error tells. */
function isUnknown(tool: Tool, error: unknown, hasSteps: boolean): boolean {
  if (hasSteps || error instanceof NotExecuted) return false;
  return (tool.client?.classify(error) ?? classifyNodeError(error)) === 'unknown';
}

function contextOf(engine: Engine, tool: Tool, client: unknown, sent: Sent, signal: AbortSignal): RunContext {
  const names = new Set<string>();
  const once = <T>(name: string, run: () => Promise<T>): Promise<T> => {
    if (names.has(name)) throw new Error(`the step name "${name}" is used twice`);
    names.add(name);
    return run();
  };
  const step = async <T>(name: string, send: (upstreamKey: string) => Promise<T>): Promise<T> => {
    if (signal.aborted) throw new NotExecuted(`the run was cut off before step "${name}" was sent`);
    sent.open.add(name);
    try {
      const result = await send(engine.randomId());
      sent.done.push(name);
      sent.open.delete(name);
      return result;
    } catch (error) {
      if ((tool.client?.classify(error) ?? classifyNodeError(error)) !== 'unknown') sent.open.delete(name);
      throw error;
    }
  };
  return {
    client,
    upstreamKey: engine.randomId(),
    marker: engine.randomId(),
    attempt: 1,
    step: (name, send) => once(name, () => step(name, send)),
    read: (name, ask) => once(name, ask),
    ask: async () => {
      throw new NotExecuted('it asks for input, which only a guarded tool can: no record would keep the answer');
    },
    maySend: () => !signal.aborted,
    signal,
    log: engine.log,
  };
}
