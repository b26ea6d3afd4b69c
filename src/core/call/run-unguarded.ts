import { failureOf } from '../error-answers/classify.ts';
import { factsOfError } from '../error-answers/error-facts.ts';
import { describeError, faultFields, NotExecuted } from '../errors.ts';
import { classifyError } from '../tool/classify.ts';
import type { RunContext, Tool } from '../tool/types.ts';
import { boundedRun, openClient } from './bounded-run.ts';
import { clauseOf, describeForCaller, isZodError } from './faults.ts';
import { type Outcome, type RefusalOutcome, refusal } from './outcome.ts';
import { keepable } from './result.ts';
import { Sender, sendAs } from './sent-requests.ts';
import { detached } from './settle.ts';
import type { EngineParts } from './types.ts';

/** What is known about the steps of a run without a record. */
interface SentSteps {
  readonly done: string[];
  /** Steps that were sent and have no certain outcome yet. */
  readonly open: Set<string>;
  /** What the run sends, beside its steps and in each of them. */
  readonly sender: Sender;
}

/**
 * Runs a read, or a tool whose repeats are all meant. It uses no ledger and no key, because each call is a
 * new operation. A run that ignores its signal is not waited for after the cut-off, because its caller would wait without end.
 */
export function runUnguarded(engine: EngineParts, tool: Tool, args: Record<string, unknown>): Promise<Outcome> {
  return detached(engine, async () => {
    if (engine.closing.aborted) return refusal(tool.name, { type: 'shutting_down' });
    const sent: SentSteps = { done: [], open: new Set(), sender: new Sender({}, false) };
    const abort = new AbortController();
    const run = async (): Promise<unknown> => {
      const client = await openClient(engine, tool);
      const running = () => tool.run(args, contextOf(engine, tool, client, sent, abort.signal));
      return tool.effect === 'read' ? running() : sendAs(sent.sender, running);
    };
    try {
      const ended = await boundedRun(engine, tool, run(), () => abort.abort(new Error('the run was cut off')));
      return ended.type === 'ended' ? outcomeOfResult(tool, ended.value) : refusalOfCutOff(tool, ended.why, sent);
    } catch (error) {
      const message = `${tool.name} failed: ${describeError(error)}`;
      engine.log[error instanceof NotExecuted ? 'info' : 'warn'](message, faultFields(error));
      return refusalOfError(tool, error, sent, engine.clock.wallMs);
    }
  });
}

function outcomeOfResult(tool: Tool, result: unknown): Outcome {
  const { kept } = keepable(tool, result, { resultBytesMax: Number.POSITIVE_INFINITY });
  if (!kept.stub) return { type: 'result', tool, result: kept.result, replayed: false };
  return refusal(tool.name, { type: 'unguarded_result_invalid', detail: kept.stub.message });
}

/** What the run has sent beside its steps, or is about to send, is not known. */
function refusalOfCutOff(tool: Tool, detail: string, { done }: SentSteps): RefusalOutcome {
  if (tool.effect === 'read') return refusal(tool.name, { type: 'read_failed', detail });
  return refusal(tool.name, { type: 'unguarded_unknown', detail }, { steps: [...done] });
}

function refusalOfError(tool: Tool, error: unknown, sent: SentSteps, now: () => number): RefusalOutcome {
  const { done, open } = sent;
  const detail = clauseOf(describeForCaller(error));
  const { kind, retryAfterMs } = isZodError(error) ? {} : failureOf(factsOfError(error, now));
  const retry = retryAfterMs === undefined ? {} : { retryAfterMs };
  if (tool.effect === 'read') return refusal(tool.name, { type: 'read_failed', detail, kind }, retry);
  if (open.size > 0 || isUnknown(tool, error, sent)) {
    return refusal(tool.name, { type: 'unguarded_unknown', detail }, { steps: [...done] });
  }
  if (done.length > 0) return refusal(tool.name, { type: 'unguarded_incomplete', detail }, { steps: done });
  return refusal(tool.name, { type: 'unguarded_failed', detail, kind }, retry);
}

/** The steps of a run say what was sent. Without steps, only the error does. */
function isUnknown(tool: Tool, error: unknown, { done, sender }: SentSteps): boolean {
  if (done.length > 0 || error instanceof NotExecuted) return false;
  return classifyError(tool, error, sender.hasSent) === 'unknown';
}

function contextOf(engine: EngineParts, tool: Tool, client: unknown, sent: SentSteps, signal: AbortSignal): RunContext {
  const names = new Set<string>();
  const once = <T>(name: string, run: () => Promise<T>): Promise<T> => {
    if (names.has(name)) throw new Error(`the step name "${name}" is used twice`);
    names.add(name);
    return run();
  };
  const step = async <T>(name: string, send: (upstreamKey: string) => Promise<T>): Promise<T> => {
    if (signal.aborted) throw new NotExecuted(`the run was cut off before step "${name}" was sent`);
    sent.open.add(name);
    const sender = new Sender(sent, true);
    try {
      const result = await sendAs(sender, () => send(engine.randomId()));
      sent.done.push(name);
      sent.open.delete(name);
      return result;
    } catch (error) {
      if (classifyError(tool, error, sender.hasSent || sent.sender.hasSent) !== 'unknown') sent.open.delete(name);
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
      throw new NotExecuted('it asks for input, and only a guarded tool can: no record would keep the reply');
    },
    maySend: () => !signal.aborted,
    readyToSend: async () => !signal.aborted,
    signal,
    log: engine.log,
  };
}
