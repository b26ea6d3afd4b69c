import type { BoundedMap } from '../bounded-map.ts';
import { McpOnceError } from '../errors.ts';
import { upstreamKeyOf } from '../key/derive-key.ts';
import type { Claim } from '../ledger/claim.ts';
import type { KeptStep } from '../ledger/record.ts';
import { emit } from '../observe/events.ts';
import { classifyError } from '../tool/classify.ts';
import type { Classification, Tool } from '../tool/types.ts';
import { InputNeeded } from './questions/run-questions.ts';
import { isInStepOf, Sender, sendAs, sendAsNobody } from './sent-requests.ts';

/** How many steps one operation may have. */
const stepsMax = 1_000;

/**
 * Tracks the steps of one run: which are done, and which may have taken effect.
 *
 * A step's result is kept in the record before the next step is dispatched. So at most one step can have taken effect
 * without being in the record: the first that is not kept.
 */
export class Steps {
  readonly #tool: Tool;
  readonly #claim: Claim;
  readonly #firstSteps: BoundedMap<string, string>;
  readonly #done: KeptStep[];
  readonly #names = new Set<string>();
  readonly #running = new Set<string>();
  readonly #uncertain = new Set<string>();
  readonly #readErrors = new WeakSet<object>();
  #direct = false;
  #mayHaveTakenEffect: boolean;
  #unkept = false;
  #hasBegun = false;
  #sending: string | undefined;
  #closed = false;
  #asking = false;
  #used = false;
  #last: Promise<unknown> = Promise.resolve();
  readonly #beside = new Sender(this, false);

  /** @param firstSteps see `EngineParts` */
  constructor(tool: Tool, claim: Claim, firstSteps: BoundedMap<string, string>) {
    this.#firstSteps = firstSteps;
    this.#tool = tool;
    this.#claim = claim;
    this.#done = [...claim.record.steps];
    this.#mayHaveTakenEffect = claim.record.mayHaveTakenEffect;
  }

  get done(): readonly KeptStep[] {
    return this.#done;
  }

  /** The steps that are being sent or whose outcome is not known. */
  get pending(): readonly string[] {
    return [...this.#uncertain, ...(this.#sending === undefined ? [] : [this.#sending])];
  }

  /** True while a request of this attempt may have taken effect without a kept result. */
  get mayHaveTakenEffect(): boolean {
    return this.#mayHaveTakenEffect || this.#uncertain.size > 0;
  }

  /** True once a question has no reply yet. From then on nothing is sent. */
  get asking(): boolean {
    return this.#asking;
  }

  get used(): boolean {
    return this.#used;
  }

  /** True once the run has read the upstream key for a request outside steps: it may have sent that request. */
  get direct(): boolean {
    return this.#direct;
  }

  noteDirect(): void {
    this.#direct = true;
  }

  /** The fence of a step without a renewal, for a tool that sends something more within one step. */
  get maySend(): boolean {
    return !this.#closed && !this.#asking && this.#claim.fresh;
  }

  /** Whether a request outside the steps has left this machine, or may have. */
  get hasSentBeside(): boolean {
    return this.#beside.hasSent;
  }

  /** The name of a step that has begun and not ended. */
  get unfinished(): string | undefined {
    return this.#running.values().next().value;
  }

  /** Renews an old lease. Returns whether the run may send another request. */
  async readyToSend(): Promise<boolean> {
    if (!this.#closed && !this.#asking && !this.#claim.fresh) {
      await sendAsNobody(() => this.#claim.renew()).catch(() => false);
    }
    return this.maySend;
  }

  /** Runs the code of the tool, so that requests beside the steps are noticed. */
  watch<T>(run: () => Promise<T>): Promise<T> {
    return sendAs(this.#beside, run);
  }

  /** Classifies the error of the whole run. */
  classify(error: unknown): Classification {
    return this.#classifyIn(this.#beside, error);
  }

  #classifyIn(sender: Sender, error: unknown): Classification {
    return classifyError(this.#tool, error, sender.hasSent || this.#beside.hasSent);
  }

  /** Stops dispatching: the run has ended, and another process may already continue from it. */
  close(): void {
    this.#closed = true;
  }

  /** Closes and waits for the step that is running, so that the run's result covers everything that was sent. */
  async finish(): Promise<void> {
    this.close();
    await this.#last;
  }

  /** True for an error from `read`, which has no effect. */
  cameFromRead(error: unknown): boolean {
    return typeof error === 'object' && error !== null && this.#readErrors.has(error);
  }

  step<T>(name: string, send: (upstreamKey: string) => Promise<T>): Promise<T> {
    return this.#inTurn(name, async () => {
      await sendAsNobody(() => this.#fence(name));
      const { key, generation, attempt, createdAt } = this.#claim.record;
      return this.#send(name, () => send(upstreamKeyOf({ key, generation, attempt, createdAt, step: name })));
    });
  }

  read<T>(name: string, ask: () => Promise<T>): Promise<T> {
    return this.#inTurn(name, async () => {
      try {
        const result = toJson(await sendAsNobody(ask));
        this.#keepLater(name, result, false);
        return result;
      } catch (error) {
        if (typeof error === 'object' && error !== null) this.#readErrors.add(error);
        throw error;
      }
    });
  }

  /** Waits its turn like a step, so that the outcome of everything sent before the question is known. */
  ask<T>(name: string, answer: () => T): Promise<T> {
    if (isInStepOf(this))
      throw new McpOnceError('tool_invalid', `"${name}" is asked within a step: ask before the step`);
    // A question asked before the run ended counts, even when its turn comes later.
    const late = this.#closed;
    const turn = this.#last.then(() => {
      if (late) throw new McpOnceError('lease_lost', `the run had ended when "${name}" was asked`);
      this.#useName(name);
      try {
        return answer();
      } catch (error) {
        this.#asking ||= error instanceof InputNeeded;
        throw error;
      }
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  #useName(name: string): void {
    if (this.#names.has(name)) throw new McpOnceError('tool_invalid', `the step name "${name}" is used twice`);
    this.#names.add(name);
  }

  async #send<T>(name: string, send: () => Promise<T>): Promise<T> {
    const { key } = this.#claim.record;
    const about = { operation: key, tool: this.#tool.name, step: name };
    this.#sending = name;
    const sender = new Sender(this, true);
    try {
      const sending = sendAs(sender, send);
      emit({ type: 'dispatch', ...about });
      const result = toJson(await sending);
      emit({ type: 'answer', ...about });
      this.#resolved(name);
      this.#keepLater(name, result, true);
      return result;
    } catch (error) {
      emit({ type: 'answer', ...about });
      this.#refused(name, this.#classifyIn(sender, error));
      throw error;
    } finally {
      this.#sending = undefined;
    }
  }

  /** Runs one step after the other, and returns a kept result instead of sending a second request. */
  #inTurn<T>(name: string, run: () => Promise<T>): Promise<T> {
    this.#used = true;
    this.#running.add(name);
    if (isInStepOf(this)) throw new McpOnceError('tool_invalid', `step "${name}" begins inside another step`);
    const turn = this.#last.then(() => {
      const kept = this.#done.find((step) => step.name === name);
      if (this.#names.has(name)) throw new McpOnceError('tool_invalid', `the step name "${name}" is used twice`);
      if (kept) {
        this.#names.add(name);
        return structuredClone(kept.result) as T;
      }
      if (this.#closed) throw new McpOnceError('lease_lost', `the run ended before step "${name}" was sent`);
      if (this.#asking) throw new InputNeeded();
      if (this.#done.length >= stepsMax) throw new McpOnceError('tool_invalid', `more than ${stepsMax} steps`);
      return run();
    });
    this.#last = turn.catch(() => undefined);
    void this.#last.then(() => this.#running.delete(name));
    return turn;
  }

  /**
   * Lets a step through only under a lease that was renewed within half of it, with all earlier results in the record, and
   * when every other step's outcome is known. Then only this step can be missing in the record.
   */
  async #fence(name: string): Promise<void> {
    const unknown = [...this.#uncertain].find((other) => other !== name);
    if (unknown !== undefined) {
      throw new McpOnceError('lease_lost', `step "${name}" is not sent: the outcome of step "${unknown}" is not known`);
    }
    const held = this.#unkept ? await this.#keepNow(name) : this.#claim.fresh || (await this.#claim.renew());
    if (!held || !this.#claim.fresh || this.#closed) {
      throw new McpOnceError('lease_lost', 'the lease was lost before the request was sent');
    }
    this.#noteFirst(name);
  }

  /**
   * Writes the name of the first step to the record while its request is sent, unless the claim contains it. So an operator
   * learns from the record which step a killed process was sending.
   */
  #noteFirst(name: string): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    if (this.#done.length === 0) this.#firstSteps.set(this.#tool.name, name);
    if (this.#claim.record.pending?.includes(name)) return;
    this.#claim.keep(this.#done, this.mayHaveTakenEffect, [name]).catch(() => undefined);
  }

  async #keepNow(next: string): Promise<boolean> {
    const held = await this.#claim.keep(this.#done, this.mayHaveTakenEffect, [next]);
    if (held) this.#unkept = false;
    return held;
  }

  #keepLater(name: string, result: unknown, effect: boolean): void {
    this.#names.add(name);
    this.#done.push({ name, attempt: this.#claim.record.attempt, effect, result });
    this.#unkept = true;
  }

  #resolved(name: string): void {
    this.#uncertain.delete(name);
    this.#mayHaveTakenEffect = false;
  }

  #refused(name: string, classification: Classification): void {
    if (classification === 'failed') this.#resolved(name);
    else if (classification === 'unknown' || this.#mayHaveTakenEffect) this.#uncertain.add(name);
  }
}

/** Returns the value exactly as the ledger keeps it, so that the first result and every replay are equal. */
function toJson<T>(value: T): T {
  return value === undefined ? (null as T) : JSON.parse(JSON.stringify(value));
}
