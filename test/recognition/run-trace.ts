import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { type Views, views } from '../support/views.ts';
import { corpusTool } from './corpus-tools.ts';
import type { Host, HostSession, SeenEffect } from './hosts.ts';
import { travel } from './time-travel.ts';
import type { Trace, TraceCall } from './trace.ts';

export type ViewName = keyof Views;

/** What happened in one trace, seen by one kind of client. */
export interface Verdict {
  readonly trace: Trace;
  readonly view: ViewName;
  calls: number;
  /** Effects beyond those that were meant. */
  doubles: number;
  /** Meant calls that did not run, and whose answer does not say so. */
  swallowed: number;
  repeats: number;
  /** Repeats whose answer has the first result. */
  answered: number;
  /** Repeats whose answer has no first result. */
  refused: number;
  /** Answered repeats that came as a question. */
  asked: number;
  /** Repeats whose answer says honestly that the outcome is unknown. */
  unknown: number;
  /** Meant effects that took one more call. */
  extra: number;
  /** Meant effects that no further call reaches. */
  deadEnds: number;
  items: number;
  /** Different items of a batch that were taken for repeats. */
  askedItems: number;
  readonly problems: string[];
}

const tokenPattern = /\b[ru]1\.\d+\.\d+\.[\w-]{22}\.[\w-]{22}/;
const notePattern =
  /had no effect|safe to call again|Replayed from|"replayed":true|repeat_token|repeatToken|other words|other arguments|is not known|unknown|Nothing was executed/i;
const conflictPattern = /other words|other arguments|idempotency_conflict|"conflict":true/;
const unknownPattern = /outcome_unknown|outcome .*(?:unknown|not known)|unknown/i;

/** A scripted model that sees one view of each answer and does what the answer says. */
class ScriptedModel {
  readonly #host: Host;
  readonly #verdict: Verdict;
  readonly #sessions = new Map<'a' | 'b', HostSession>();
  /** The ids of the effect of each call of the trace. */
  readonly #ids: string[][] = [];
  #nextToken: string | undefined;

  constructor(host: Host, verdict: Verdict) {
    this.#host = host;
    this.#verdict = verdict;
  }

  async run(): Promise<void> {
    const { trace } = this.#verdict;
    for (const step of trace.steps) {
      switch (step.type) {
        case 'wait':
          travel(step.seconds * 1_000);
          break;
        case 'reconnect':
          await this.close();
          break;
        case 'call':
          await this.#callAlone(step.call);
          break;
        case 'together':
          await this.#callTogether(step.calls);
      }
    }
  }

  async close(): Promise<void> {
    const open = [...this.#sessions.values()];
    this.#sessions.clear();
    for (const session of open) await session.end();
  }

  async #session(caller: 'a' | 'b' = 'a'): Promise<HostSession> {
    const known = this.#sessions.get(caller) ?? (await this.#host.open(caller));
    this.#sessions.set(caller, known);
    return known;
  }

  async #callAlone(call: TraceCall): Promise<void> {
    const { fault = 'none' } = call;
    const index = this.#ids.push([]) - 1;
    const token = this.#verdict.trace.usesNextToken ? this.#nextToken : undefined;
    const args = token === undefined ? call.args : { ...call.args, repeat_token: token };
    const { answer, made } = await this.#send({ ...call, args }, fault);
    this.#ids[index] = made.flatMap(({ ids }) => ids);
    await this.#judge(call, index, answer, made);
  }

  async #judge(
    call: TraceCall,
    index: number,
    answer: CallToolResult | undefined,
    made: readonly SeenEffect[],
  ): Promise<void> {
    switch (call.means.type) {
      case 'new':
        return this.#judgeNew(call, index, answer, made);
      case 'repeat':
        return this.#judgeRepeat(call, answer, made);
      case 'refused':
        return this.#judgeRefused(answer, made);
    }
  }

  async #judgeNew(
    call: TraceCall,
    index: number,
    answer: CallToolResult | undefined,
    made: readonly SeenEffect[],
  ): Promise<void> {
    const verdict = this.#verdict;
    const shown = this.#shown(answer);
    if (verdict.trace.isBatch) verdict.items += 1;
    if (made.length > 0) {
      this.#doubled(made.length - 1, call, shown);
      this.#nextToken = tokenPattern.exec(shown)?.[0];
      return;
    }
    if (answer === undefined) return;
    if (verdict.trace.isBatch) {
      verdict.askedItems += 1;
      verdict.problems.push(`asked about an item: ${JSON.stringify(call.args)}`);
    }
    if (!notePattern.test(shown)) {
      verdict.swallowed += 1;
      verdict.problems.push(`swallowed: ${shown.slice(0, 300)}`);
      return;
    }
    verdict.extra += 1;
    const token = tokenPattern.exec(shown)?.[0];
    const seconds = /Call again in (\d+) s/.exec(shown)?.[1] ?? (/safe to call again/.test(shown) ? '1' : undefined);
    if (token === undefined && seconds === undefined) {
      const isForOperator = unknownPattern.test(shown) && corpusTool(call.tool).movesMoney;
      if (!isForOperator) this.#deadEnd(`no next step: ${shown}`);
      return;
    }
    if (token === undefined) travel(Number(seconds) * 1_000);
    const args = token === undefined ? call.args : { ...call.args, repeat_token: token };
    const again = await this.#send({ ...call, args }, 'none');
    this.#ids[index] = again.made.flatMap(({ ids }) => ids);
    if (again.made.length === 0) return this.#deadEnd(`one more call did not run: ${this.#shown(again.answer)}`);
    this.#doubled(again.made.length - 1, call, shown);
    this.#nextToken = tokenPattern.exec(this.#shown(again.answer))?.[0];
  }

  async #judgeRepeat(call: TraceCall, answer: CallToolResult | undefined, made: readonly SeenEffect[]): Promise<void> {
    const verdict = this.#verdict;
    const { means } = call;
    if (means.type !== 'repeat') return;
    const shown = this.#shown(answer);
    const first = this.#ids[means.of] ?? [];
    verdict.repeats += 1;
    if (made.length > 0) return this.#doubled(made.length, call, shown);
    if (first.some((id) => shown.includes(id))) {
      verdict.answered += 1;
      if (conflictPattern.test(shown)) verdict.asked += 1;
      return;
    }
    if (means.mayBeUnknown && unknownPattern.test(shown)) {
      verdict.repeats -= 1;
      verdict.unknown += 1;
      return;
    }
    verdict.refused += 1;
    verdict.problems.push(`no first result: ${shown.slice(0, 400)} for ${JSON.stringify(call.args)}`);
  }

  #judgeRefused(answer: CallToolResult | undefined, made: readonly SeenEffect[]): void {
    const shown = this.#shown(answer);
    if (made.length > 0) this.#doubled(made.length, undefined, shown);
    else if (!/declined|rate limit/i.test(shown)) {
      this.#verdict.swallowed += 1;
      this.#verdict.problems.push(`the refusal does not show: ${shown.slice(0, 300)}`);
    }
  }

  async #callTogether(calls: readonly TraceCall[]): Promise<void> {
    const from = this.#ids.length;
    for (const _ of calls) this.#ids.push([]);
    const before = await this.#effectsOf(calls[0]?.tool ?? '');
    const session = await this.#session();
    this.#verdict.calls += calls.length;
    const answers = await Promise.all(calls.map(({ tool, args, meta }) => session.call(tool, args, meta)));
    await answersWritten();
    const made = (await this.#effectsOf(calls[0]?.tool ?? '')).slice(before.length);
    const meant = calls.filter(({ means }) => means.type === 'new').length;
    this.#doubled(Math.max(0, made.length - meant), calls[0], '');
    const used = new Set<SeenEffect>();
    for (const [at, call] of calls.entries()) {
      if (call.means.type !== 'new') continue;
      const shown = this.#shown(answers[at]);
      const own = made.find((each) => !used.has(each) && each.ids.some((id) => shown.includes(id)));
      const isOwn = own !== undefined && !conflictPattern.test(shown);
      if (isOwn) used.add(own);
      this.#ids[from + at] = isOwn ? [...own.ids] : [];
      await this.#judgeNew(call, from + at, answers[at], isOwn ? [own] : []);
    }
    for (const [at, call] of calls.entries()) {
      if (call.means.type === 'repeat') {
        const of = { ...call.means, of: from + call.means.of };
        await this.#judgeRepeat({ ...call, means: of }, answers[at], []);
      }
    }
  }

  /** Sends a call, with what goes wrong on its way, and returns the effects that came of it. */
  async #send(call: TraceCall, fault: NonNullable<TraceCall['fault']>) {
    const { tool, args, meta, caller } = call;
    const { upstream } = this.#host;
    const before = await this.#effectsOf(tool);
    const session = await this.#session(caller);
    this.#verdict.calls += 1;
    let answer: CallToolResult | undefined;
    if (fault === 'none') answer = await session.call(tool, args, meta);
    else {
      await upstream.fault(fault);
      const isCut = fault === 'lose_answer' || fault === 'kill';
      let leave = (): void => undefined;
      const left = new Promise<void>((resolve) => {
        leave = resolve;
      });
      const answered = session.call(tool, args, meta, fault === 'lose_answer' ? left : undefined);
      if (isCut) {
        await Promise.race([upstream.held(), answered]);
        leave();
        if (fault === 'kill') {
          await this.#host.kill?.();
          this.#sessions.clear();
        }
      }
      answer = await answered;
      await upstream.release();
      // The execution continues without its caller.
      if (fault === 'lose_answer') await this.#untilMade(tool, before.length + 1);
      await upstream.calm();
    }
    await answersWritten();
    return { answer, made: (await this.#effectsOf(tool)).slice(before.length) };
  }

  async #untilMade(tool: string, count: number): Promise<void> {
    for (let tries = 0; tries < 400 && (await this.#effectsOf(tool)).length < count; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async #effectsOf(tool: string): Promise<readonly SeenEffect[]> {
    return (await this.#host.upstream.effects()).filter((effect) => effect.tool === tool);
  }

  #shown(answer: CallToolResult | undefined): string {
    return answer === undefined ? 'no answer' : views(answer)[this.#verdict.view];
  }

  #doubled(count: number, call: TraceCall | undefined, shown: string): void {
    if (count <= 0) return;
    this.#verdict.doubles += count;
    this.#verdict.problems.push(`${count} more: ${JSON.stringify(call?.args)} ${shown.slice(0, 200)}`);
  }

  #deadEnd(why: string): void {
    this.#verdict.deadEnds += 1;
    this.#verdict.problems.push(`dead end: ${why.slice(0, 400)}`);
  }
}

/** Lets a server in this process note that its answer was written: a client never answers within the same turn. */
async function answersWritten(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

function emptyVerdict(trace: Trace, view: ViewName): Verdict {
  return {
    trace,
    view,
    ...{ calls: 0, doubles: 0, swallowed: 0, repeats: 0, answered: 0, refused: 0, asked: 0, unknown: 0 },
    ...{ extra: 0, deadEnds: 0, items: 0, askedItems: 0 },
    problems: [],
  };
}

/** Runs a trace with one view. Its effects are counted at the upstream. */
export async function runTrace(host: Host, trace: Trace, view: ViewName): Promise<Verdict> {
  const verdict = emptyVerdict(trace, view);
  const model = new ScriptedModel(host, verdict);
  try {
    await model.run();
  } finally {
    await model.close();
  }
  if (trace.usesNextToken && verdict.calls > trace.effects + 1) {
    verdict.deadEnds += 1;
    verdict.problems.push(`${verdict.calls} calls for ${trace.effects} meant effects`);
  }
  return verdict;
}
