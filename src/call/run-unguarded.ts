import { describeError, NotExecuted } from '../errors.ts';
import { classifyNodeError } from '../tool/classify.ts';
import type { RunContext, Tool } from '../tool/types.ts';
import { refusal } from './answers.ts';
import { keepable } from './result.ts';
import type { Answer, Engine } from './types.ts';

/** Runs a read, or a tool whose repeats are all meant: no ledger, no key, each call is its own. */
export async function runUnguarded(
  engine: Engine,
  tool: Tool,
  args: Record<string, unknown>,
  signal: AbortSignal,
): Promise<Answer> {
  if (engine.closing.aborted) {
    return refusal('operation_failed', `${tool.name}: the server is shutting down. Nothing was executed.`);
  }
  try {
    const client = await engine.clients.open(tool.client);
    const result = await tool.run(args, contextOf(engine, client, signal));
    const { kept } = keepable(tool, result, { resultBytesMax: Number.POSITIVE_INFINITY });
    if (!kept.stub) return { type: 'result', tool, result: kept.result, replayed: false };
    return refusal('result_not_kept', `${tool.name}: its result is of no use: ${kept.stub.message}.`);
  } catch (error) {
    return answerOfError(tool, error);
  }
}

function answerOfError(tool: Tool, error: unknown): Answer {
  const message = describeError(error);
  if (tool.effect === 'read') {
    const text = `${tool.name} failed: ${message}. It only reads: nothing was changed, and it is safe to call again.`;
    return refusal('operation_failed', text);
  }
  const classification = tool.client?.classify(error) ?? classifyNodeError(error);
  if (error instanceof NotExecuted || classification !== 'unknown') {
    return refusal('operation_failed', `${tool.name} failed and had no effect: ${message}. It is safe to call again.`);
  }
  const text = `${tool.name}: whether it took effect is not known: ${message}. It is not guarded: calling again may do it twice.`;
  return refusal('outcome_unknown', text);
}

function contextOf(engine: Engine, client: unknown, signal: AbortSignal): RunContext {
  const names = new Set<string>();
  const once = <T>(name: string, run: () => Promise<T>): Promise<T> => {
    if (names.has(name)) throw new Error(`the step name "${name}" is used twice`);
    names.add(name);
    return run();
  };
  return {
    client,
    upstreamKey: engine.randomId(),
    marker: engine.randomId(),
    attempt: 1,
    step: (name, send) => once(name, () => send(engine.randomId())),
    read: (name, ask) => once(name, ask),
    signal,
    log: engine.log,
  };
}
