import { McpOnceError, NotExecuted } from '../errors.ts';
import { markerOf, upstreamKeyOf } from '../key/derive-key.ts';
import type { Claim } from '../ledger/claim.ts';
import type { KeptStep, Status } from '../ledger/record.ts';
import { emit } from '../observe/events.ts';
import { classifyNodeError } from '../tool/classify.ts';
import type { Classification, RunContext, Tool } from '../tool/types.ts';
import { InputNeeded, RunQuestions } from './asks.ts';
import { describeFault } from './describe-fault.ts';
import { answerableUntil } from './questions.ts';
import { keepable } from './result.ts';
import { Steps } from './steps.ts';
import type { Engine } from './types.ts';

/** How often one operation may ask. */
const roundsMax = 32;

type Settled = Exclude<Status, { state: 'in_flight' }>;

/** How one run ended, not yet in the ledger. */
export interface RunResult {
  readonly status: Settled;
  readonly steps: readonly KeptStep[];
  readonly mayHaveTakenEffect: boolean;
  /** The steps of which it is not known whether they took effect. */
  readonly pending?: readonly string[];
  /** The result of a success that is too large for the ledger. */
  readonly unkept?: unknown;
  /** True when the run was cut off at `maxRunMs` or by a forced shutdown. */
  readonly cutOff: boolean;
}

export interface RunOptions {
  /** True when this run is a recovery by `natural`: a delete's "gone" then means done. */
  readonly natural: boolean;
  /** True when a person can be asked for input, now or by whoever calls next. */
  readonly canAsk: boolean;
  /** Told the true outcome of a run that was cut off, if it comes after all. */
  readonly onLate: (result: RunResult) => void;
}

/** Runs a tool once under a claim and says what is known about the effect. Never throws, never settles. */
export async function runAttempt(engine: Engine, tool: Tool, claim: Claim, opened: unknown, options: RunOptions) {
  const { clock, settings } = engine;
  const steps = new Steps(tool, claim);
  const asks = new RunQuestions(claim.record);
  const abort = new LateAbort();
  const run = runTool(engine, tool, claim, opened, { steps, asks, abort }, options);
  let cutOff: () => void = () => {};
  const bound = new Promise<RunResult>((resolve) => {
    cutOff = () => resolve(cutOffResult(engine, tool, steps));
  });
  const cancelBound = clock.after(settings.maxRunMs, cutOff);
  engine.ending.addEventListener('abort', cutOff, { once: true });
  if (engine.ending.aborted) cutOff();
  const result = await Promise.race([run, bound]);
  cancelBound();
  engine.ending.removeEventListener('abort', cutOff);
  if (result.cutOff) {
    steps.close();
    abort.abort();
    void run.then(options.onLate);
  }
  return result;
}

interface RunParts {
  readonly steps: Steps;
  readonly asks: RunQuestions;
  readonly abort: LateAbort;
}

async function runTool(
  engine: Engine,
  tool: Tool,
  claim: Claim,
  opened: unknown,
  parts: RunParts,
  options: RunOptions,
): Promise<RunResult> {
  const { steps, asks } = parts;
  let status: Settled;
  let unkept: unknown;
  // JSON by then, and copied as such: a tool may change its input.
  const input: unknown = JSON.parse(JSON.stringify(claim.record.arguments));
  const told = { operation: claim.record.key, tool: tool.name, step: 'run' };
  try {
    const running = tool.run(input, contextOf(engine, claim, opened, parts));
    if (!steps.used && !asks.open) emit({ type: 'dispatch', ...told });
    const result = await running;
    await steps.finish();
    if (!steps.used) emit({ type: 'answer', ...told });
    const { kept, ...rest } = keepable(tool, result, engine.settings);
    status = { state: 'succeeded', settledAt: engine.clock.wallMs(), ...kept };
    unkept = rest.unkept;
  } catch (error) {
    await steps.finish();
    if (!steps.used) emit({ type: 'answer', ...told });
    status = statusOfError(engine, tool, claim, steps, error, options);
  }
  // Whatever the run made of it: it has asked, and goes on from there when it is answered.
  if (asks.open) {
    status = statusOfAsking(engine, claim, steps, asks.open, options);
    unkept = undefined;
  }
  const mayHaveTakenEffect = status.state === 'unknown';
  const { done, pending } = steps;
  const rest = unkept === undefined ? {} : { unkept };
  return {
    status,
    steps: [...done],
    mayHaveTakenEffect,
    ...(mayHaveTakenEffect ? { pending } : {}),
    cutOff: false,
    ...rest,
  };
}

/** The table "Outcomes, by what is known about the effect" of DESIGN, with "outcomes join". */
function statusOfError(
  engine: Engine,
  tool: Tool,
  claim: Claim,
  steps: Steps,
  error: unknown,
  options: RunOptions,
): Settled {
  const settledAt = engine.clock.wallMs();
  const message = describeFault(error, claim.record.key);
  const classification = classify(tool, steps, error);
  if (classification === 'gone' && options.natural && tool.effect === 'delete' && tool.gone) {
    const result = tool.gone(structuredClone(claim.record.arguments));
    return { state: 'succeeded', settledAt, ...keepable(tool, result, engine.settings).kept };
  }
  const authoritative = classification === 'failed' && !steps.used;
  // A request beside the steps: nobody can tell which of them the error speaks of.
  const mixed = steps.direct && steps.used;
  if (classification === 'unknown' || mixed || (steps.mayHaveTakenEffect && !authoritative)) {
    return { state: 'unknown', settledAt, message };
  }
  if (steps.done.some((step) => step.effect)) return { state: 'incomplete', settledAt, message };
  return { state: 'failed', settledAt, message, dispatched: true };
}

/** A question can wait only while it is known what was sent before it. */
function statusOfAsking(
  engine: Engine,
  claim: Claim,
  steps: Steps,
  requests: NonNullable<RunQuestions['open']>,
  { canAsk }: RunOptions,
): Settled {
  const settledAt = engine.clock.wallMs();
  if (steps.direct || steps.mayHaveTakenEffect) {
    const message = 'it asked for input after a request of which it is not known whether it took effect';
    return { state: 'unknown', settledAt, message };
  }
  const { attempt, inputs = [] } = claim.record;
  const names = Object.keys(requests).join(', ');
  if (canAsk && inputs.length < roundsMax) {
    const round = inputs.filter((input) => input.attempt === attempt).length + 1;
    return { state: 'waiting', settledAt, expiresAt: answerableUntil(engine), round, requests: { ...requests } };
  }
  const message = canAsk
    ? `it has asked ${roundsMax} times, and asks for more (${names})`
    : `it asks for input (${names}), and the client that called it cannot put a question to a person`;
  const why = canAsk ? { message } : ({ message, unasked: true } as const);
  if (steps.done.some((step) => step.effect)) return { state: 'incomplete', settledAt, ...why };
  return { state: 'failed', settledAt, ...why, dispatched: true };
}

function classify(tool: Tool, steps: Steps, error: unknown): Classification {
  if (error instanceof NotExecuted) return 'not_executed';
  // Raised before a request was sent, or by a question: no effect, but of what the run sent beside its steps.
  const isFence = error instanceof McpOnceError && (error.code === 'lease_lost' || error.code === 'ledger_unavailable');
  if (isFence || steps.cameFromRead(error)) return steps.direct ? 'unknown' : 'not_executed';
  return tool.client ? tool.client.classify(error) : classifyNodeError(error);
}

function contextOf(engine: Engine, claim: Claim, opened: unknown, { steps, asks, abort }: RunParts): RunContext {
  const { key, generation, attempt, createdAt } = claim.record;
  return {
    client: opened,
    get upstreamKey() {
      if (steps.asking) throw new InputNeeded();
      steps.noteDirect();
      return upstreamKeyOf({ key, generation, attempt, createdAt });
    },
    get marker() {
      return markerOf({ key, generation, createdAt });
    },
    attempt,
    step: (name, send) => steps.step(name, send),
    read: (name, ask) => steps.read(name, ask),
    ask: (name, request) => steps.ask(name, () => asks.answer(name, request)),
    maySend: () => steps.maySend,
    get signal() {
      return abort.signal;
    },
    log: engine.log,
  };
}

/** A signal that is made when a tool asks for it, which few do: making one takes as long as hashing the key. */
class LateAbort {
  #controller: AbortController | undefined;
  #aborted = false;

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#aborted) this.abort();
    return this.#controller.signal;
  }

  abort(): void {
    this.#aborted = true;
    this.#controller?.abort(new Error('the run was cut off'));
  }
}

function cutOffResult(engine: Engine, tool: Tool, steps: Steps): RunResult {
  const message = engine.ending.aborted
    ? 'the server was shut down while it ran'
    : `${tool.name} ran for longer than ${engine.settings.maxRunMs / 1000} s and was cut off`;
  const status: Settled = { state: 'unknown', settledAt: engine.clock.wallMs(), message };
  return { status, steps: [...steps.done], mayHaveTakenEffect: true, pending: steps.pending, cutOff: true };
}
