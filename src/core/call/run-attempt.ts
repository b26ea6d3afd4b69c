import { failureOf } from '../error-answers/classify.ts';
import { factsOfError, isAnsweredError } from '../error-answers/error-facts.ts';
import { refusalIn } from '../error-answers/error-result.ts';
import { keyTroubleOf } from '../error-answers/used-key.ts';
import { describeError, faultFields, McpOnceError, NotExecuted } from '../errors.ts';
import { markerOf, upstreamKeyOf } from '../key/derive-key.ts';
import type { Claim } from '../ledger/claim.ts';
import type { KeptStep, Status } from '../ledger/record.ts';
import { emit } from '../observe/events.ts';
import { isContentResult } from '../tool/content.ts';
import type { Classification, RunContext, Tool } from '../tool/types.ts';
import { boundedRun } from './bounded-run.ts';
import { clauseOf, describeFault, isZodError } from './faults.ts';
import { InputNeeded, RunQuestions } from './questions/run-questions.ts';
import { answerableUntil } from './questions/state.ts';
import { keepable } from './result.ts';
import { Steps } from './steps.ts';
import type { EngineParts } from './types.ts';

/** How many questions one operation may put. */
const questionsMax = 32;

type FailedStatus = Extract<Status, { state: 'failed' }>;
type Settled = Exclude<Status, { state: 'in_flight' }>;

/** The result of one run, before it is in the ledger. */
export interface RunResult {
  readonly status: Settled;
  readonly steps: readonly KeptStep[];
  readonly mayHaveTakenEffect: boolean;
  /** The steps that may have taken effect. */
  readonly pending?: readonly string[];
  /** The result of a success that is too large for the ledger. */
  readonly unkept?: unknown;
  /** True when the run was cut off at `maxRunMs` or by a forced shutdown. */
  readonly cutOff: boolean;
}

export interface RunOptions {
  /** True for a recovery by `natural`: for a delete, "gone" then means success. */
  readonly natural: boolean;
  /** True when a person can be asked for input, now or by a later call. */
  readonly canAsk: boolean;
  /** Receives the true result of a run that was cut off, if it comes later. */
  readonly onLate: (result: RunResult) => void;
}

/** Runs a tool once under a claim and returns what is known about its effect. Never throws, never settles. */
export async function runAttempt(
  engine: EngineParts,
  tool: Tool,
  claim: Claim,
  opened: unknown,
  options: RunOptions,
): Promise<RunResult> {
  const parts: RunParts = {
    steps: new Steps(tool, claim, engine.firstSteps),
    questions: new RunQuestions(claim.record),
    abort: new LateAbort(),
  };
  const run = runTool(engine, tool, claim, opened, parts, options);
  const bounded = await boundedRun(engine, tool, run, () => {
    parts.steps.close();
    parts.abort.abort();
  });
  if (bounded.type === 'ended') return bounded.value;
  void run.then(options.onLate);
  return cutOffResult(engine, parts.steps, bounded.why);
}

interface RunParts {
  readonly steps: Steps;
  readonly questions: RunQuestions;
  readonly abort: LateAbort;
}

async function runTool(
  engine: EngineParts,
  tool: Tool,
  claim: Claim,
  opened: unknown,
  parts: RunParts,
  options: RunOptions,
): Promise<RunResult> {
  const { steps, questions } = parts;
  let status: Settled;
  let unkept: unknown;
  // A copy, because a tool may change its input. The arguments are JSON here.
  const input: unknown = JSON.parse(JSON.stringify(claim.record.arguments));
  const operation = claim.record.key;
  const about = { operation, tool: tool.name, step: 'run' };
  try {
    const running = steps.watch(() => tool.run(input, contextOf(engine, claim, opened, parts)));
    if (!steps.used && !questions.open) emit({ type: 'dispatch', ...about });
    const result = await running;
    warnOfSteps(engine, tool, steps);
    await steps.finish();
    const refused = refusedResult(tool, result, input);
    if (refused !== undefined) throw refused;
    if (!steps.used) emit({ type: 'answer', ...about });
    const { kept, ...rest } = keepable(tool, result, engine.settings);
    status = { state: 'succeeded', settledAt: engine.clock.wallMs(), ...kept };
    unkept = rest.unkept;
    if (kept.stub) engine.log.warn(`${tool.name}: its result was not kept: ${kept.stub.message}`, { operation });
  } catch (error) {
    await steps.finish();
    if (!steps.used) emit({ type: 'answer', ...about });
    status = statusOfError(engine, tool, claim, steps, error, options);
    if (!questions.open) logFailure(engine, claim, status, error);
  }
  // An open question counts, whatever the run returned or threw: the run continues from it when the reply comes.
  if (questions.open) {
    status = statusOfQuestion(engine, claim, steps, questions.open, options);
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

/** Maps an error and the state of the steps to an outcome (`docs/decisions/0005-outcomes.md`). */
function statusOfError(
  engine: EngineParts,
  tool: Tool,
  claim: Claim,
  steps: Steps,
  error: unknown,
  options: RunOptions,
): Settled {
  const settledAt = engine.clock.wallMs();
  const message = clauseOf(describeFault(error, claim.record.key));
  const classification = classify(tool, steps, error);
  if (classification === 'gone' && options.natural && tool.effect === 'delete' && tool.gone) {
    const result = tool.gone(structuredClone(claim.record.arguments));
    return { state: 'succeeded', settledAt, ...keepable(tool, result, engine.settings).kept };
  }
  const authoritative = classification === 'failed' && !steps.used;
  // With a request beside the steps, the error may belong to either.
  const mixed = steps.direct && steps.used;
  if (classification === 'unknown' || mixed || (steps.mayHaveTakenEffect && !authoritative)) {
    const isAnswered = classification === 'unknown' && !mixed && isAnsweredError(error);
    const keyUsed = keyTroubleOf(error) === 'used' ? ({ keyUsed: true } as const) : {};
    return { state: 'unknown', settledAt, message, ...(isAnswered ? { answered: true } : {}), ...keyUsed };
  }
  const why = reasonOf(error, engine);
  if (steps.done.some((step) => step.effect)) return { state: 'incomplete', settledAt, message, ...why };
  return { state: 'failed', settledAt, message, dispatched: true, ...why };
}

/** A question can wait only when the outcome of every earlier request is known. */
function statusOfQuestion(
  engine: EngineParts,
  claim: Claim,
  steps: Steps,
  requests: NonNullable<RunQuestions['open']>,
  { canAsk }: RunOptions,
): Settled {
  const settledAt = engine.clock.wallMs();
  if (steps.direct || steps.mayHaveTakenEffect) {
    const message = 'it asked for input after a request that may have taken effect';
    return { state: 'unknown', settledAt, message };
  }
  const { attempt, inputs = [] } = claim.record;
  const names = Object.keys(requests).join(', ');
  if (canAsk && inputs.length < questionsMax) {
    const round = inputs.filter((input) => input.attempt === attempt).length + 1;
    return { state: 'waiting', settledAt, expiresAt: answerableUntil(engine), round, requests: { ...requests } };
  }
  const message = canAsk
    ? `it asked ${questionsMax} times and asks for more input (${names})`
    : `it asks for input (${names}), and the client that called it cannot put a question to a person`;
  const why = canAsk ? { message } : ({ message, unasked: true } as const);
  if (steps.done.some((step) => step.effect)) return { state: 'incomplete', settledAt, ...why };
  return { state: 'failed', settledAt, ...why, dispatched: true };
}

/** Logs why a run failed. Its stack is written at level `debug`. */
function logFailure({ log }: EngineParts, { record }: Claim, status: Settled, error: unknown): void {
  if (status.state === 'succeeded') return;
  const { key: operation, tool } = record;
  const level = error instanceof NotExecuted ? 'info' : 'warn';
  log[level](`${tool} ${status.state}: ${describeError(error)}`, { operation, ...faultFields(error) });
}

/** The tools whose problems with steps are logged already. */
const warnedOf = new WeakSet<Tool>();

/** Warns the author of a tool whose code does not use steps as it should. Says it once for each tool. */
function warnOfSteps({ log }: EngineParts, tool: Tool, steps: Steps): void {
  if (tool.usesSteps === undefined || warnedOf.has(tool)) return;
  const { unfinished } = steps;
  const isBare = tool.effect === 'create' && !steps.used && !steps.direct;
  if (unfinished === undefined && !isBare) return;
  warnedOf.add(tool);
  const why =
    unfinished === undefined
      ? 'it creates something without ctx.step and without ctx.upstreamKey, so a crash leaves its outcome unknown, and a request can be sent twice'
      : `it ended while its step "${unfinished}" was running: write "await ctx.step(...)"`;
  log.warn(`tool ${tool.name}: ${why}`);
}

function reasonOf(error: unknown, { clock }: EngineParts): Pick<FailedStatus, 'kind' | 'retryAfterMs'> {
  if (isBroken(error)) return { kind: 'broken' };
  return isZodError(error) ? {} : failureOf(factsOfError(error, clock.wallMs));
}

/** Recognises a fault in a tool's code by its class. `fetch` throws a TypeError, too, with a cause. */
function isBroken(error: unknown): boolean {
  const isOfCode = [TypeError, ReferenceError, RangeError, SyntaxError].some((each) => error instanceof each);
  return isOfCode && (error as Error).cause === undefined && !('code' in (error as Error));
}

function classify(tool: Tool, steps: Steps, error: unknown): Classification {
  const classification = classifyError(steps, error);
  // A tool with steps sends its requests through them, so an error before the first one had no effect.
  const isBefore = tool.usesSteps === true && !steps.used && !steps.direct && !steps.hasSentBeside;
  return classification === 'unknown' && isBefore ? 'not_executed' : classification;
}

function classifyError(steps: Steps, error: unknown): Classification {
  if (error instanceof NotExecuted) return 'not_executed';
  // Thrown before a request was sent, so only a request beside the steps can have had an effect.
  const isFence = error instanceof McpOnceError && (error.code === 'lease_lost' || error.code === 'ledger_unavailable');
  if (isFence || steps.cameFromRead(error)) return steps.direct ? 'unknown' : 'not_executed';
  return steps.classify(error);
}

/** Returns the failure that a result tells of; undefined for a success, and for an error that may hide an effect. */
function refusedResult(tool: Tool, result: unknown, input: unknown): NotExecuted | undefined {
  if (!tool.readsErrorResults || !isContentResult(result)) return undefined;
  // A value may have a member `content` of its own.
  if (tool.results !== 'content' && result.isError !== true) return undefined;
  const refused = refusalIn(result, input);
  return refused && Object.assign(new NotExecuted(refused.excerpt), { facts: refused.facts });
}

function contextOf(
  engine: EngineParts,
  claim: Claim,
  opened: unknown,
  { steps, questions, abort }: RunParts,
): RunContext {
  const { key, generation, attempt, createdAt } = claim.record;
  return {
    client: opened,
    get upstreamKey() {
      if (steps.asking) throw new InputNeeded();
      steps.noteDirect();
      return upstreamKeyOf({ key, generation, attempt, createdAt });
    },
    get marker() {
      return markerOf(claim.record);
    },
    attempt,
    step: (name, send) => steps.step(name, send),
    read: (name, ask) => steps.read(name, ask),
    ask: (name, request) => steps.ask(name, () => questions.answer(name, request)),
    maySend: () => steps.maySend,
    readyToSend: () => steps.readyToSend(),
    get signal() {
      return abort.signal;
    },
    log: engine.log,
  };
}

/** Makes its signal when a tool first reads it, which few do: making one costs as much as hashing the key. */
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

function cutOffResult(engine: EngineParts, steps: Steps, message: string): RunResult {
  const status: Settled = { state: 'unknown', settledAt: engine.clock.wallMs(), message };
  return { status, steps: [...steps.done], mayHaveTakenEffect: true, pending: steps.pending, cutOff: true };
}
