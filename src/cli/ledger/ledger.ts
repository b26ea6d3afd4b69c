import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { openLedger } from '../../app.ts';
import type { ConfigOptions, Program } from '../../command/program.ts';
import { type Config, withoutPassword } from '../../config/config.ts';
import { systemClock } from '../../core/clock.ts';
import { LedgerUnavailable } from '../../core/errors.ts';
import { markerOf, upstreamKeyOf } from '../../core/key/derive-key.ts';
import type { ListedEntry, Operator } from '../../core/ledger/operator.ts';
import type { KeptInput, OperationRecord } from '../../core/ledger/record.ts';

/** What every ledger command takes. */
export interface LedgerCommandOptions extends ConfigOptions {
  readonly json?: boolean;
}

/** An operator with the ledger open, and the configuration that named it. */
export interface OpenOperator extends Operator {
  readonly config: Config;
}

/** Opens the ledger, works on it, and closes it whatever comes. @throws LedgerUnavailable */
export async function withLedger<T>(
  program: Program,
  options: LedgerCommandOptions,
  work: (operator: OpenOperator) => Promise<T>,
) {
  const { cli } = program;
  const config = await program.config(options, 'operate');
  refuseNoLedger(config);
  const ledger = await openLedger(config);
  let told = false;
  const onWatch = (leftMs: number): void => {
    if (told) return;
    told = true;
    const seconds = Math.ceil(leftMs / 1_000);
    cli.tell(`mcp-once: the operation is claimed: watching for up to ${seconds} s whether its owner is alive ...`);
  };
  try {
    const { unresolvedRetentionMs } = config;
    return await work({ config, ledger, clock: systemClock, randomId: randomUUID, unresolvedRetentionMs, onWatch });
  } finally {
    await ledger.store.close();
  }
}

/** To make an empty ledger in order to look into it would hide a wrong path, or that nothing is kept. */
function refuseNoLedger({ store }: Config): void {
  if (store === 'memory:') {
    throw new LedgerUnavailable(
      "The store memory: lives within its server's process, where nobody else can look into it: use sqlite:PATH.",
    );
  }
  if (!store.startsWith('sqlite:') || existsSync(store.slice('sqlite:'.length))) return;
  throw new LedgerUnavailable(
    `There is no ledger at ${withoutPassword(store)}: nothing has been executed with this configuration yet, or --store has to name another one.`,
  );
}

/** An operation for programs, without the values of arguments and results. */
export function summaryOf(record: OperationRecord): Record<string, unknown> {
  const { key, tool, scope, upstream, source, generation, attempt, status, steps } = record;
  return {
    operation: key,
    tool,
    state: status.state,
    scope,
    upstream,
    source,
    generation,
    attempt,
    createdAt: isoOf(record.createdAt),
    startedAt: isoOf(record.startedAt),
    ...('settledAt' in status ? { settledAt: isoOf(status.settledAt) } : { renewedAt: isoOf(record.renewedAt) }),
    ...('message' in status ? { message: status.message } : {}),
    ...(status.state === 'waiting'
      ? { asks: Object.keys(status.requests), answerableUntil: isoOf(status.expiresAt) }
      : {}),
    steps: steps.filter((step) => step.effect).map((step) => step.name),
  };
}

/** The same of an entry that may be unreadable. */
export function listedSummary(listed: ListedEntry): Record<string, unknown> {
  if (listed.type === 'operation') return summaryOf(listed.record);
  return { operation: listed.key, state: 'unreadable', message: listed.message };
}

/** The same with what is needed to find its effects at the upstream, and, if asked for, all values. */
export function detailsOf(record: OperationRecord, withValues: boolean): Record<string, unknown> {
  const { key, generation, attempt, createdAt, status } = record;
  const steps = record.steps.map(({ name, effect, attempt: ran, result }) => ({
    name,
    effect,
    ...(effect ? { upstreamKey: upstreamKeyOf({ key, generation, attempt: ran, createdAt, step: name }) } : {}),
    ...(withValues ? { result } : {}),
  }));
  const pendingSteps = (record.pending ?? [])
    .filter((name) => !record.steps.some((step) => step.name === name))
    .map((name) => ({ name, upstreamKey: upstreamKeyOf({ key, generation, attempt, createdAt, step: name }) }));
  const usesSteps = steps.length > 0 || pendingSteps.length > 0;
  return {
    ...summaryOf(record),
    fingerprint: record.fingerprint,
    ordinal: record.occurrence,
    windowMs: record.windowMs,
    leaseMs: record.leaseMs,
    takeOvers: record.recoveries,
    marker: markerOf({ key, generation, createdAt }),
    // What a tool without steps sends. Of a first step that nobody lived to note, `--step NAME` tells the key.
    ...(usesSteps ? {} : { upstreamKeyWithoutStep: upstreamKeyOf({ key, generation, attempt, createdAt }) }),
    pendingSteps,
    argumentNames: Object.keys(record.arguments),
    ...(withValues ? { arguments: record.arguments } : {}),
    steps,
    ...(record.inputs ? { answers: record.inputs.map((input) => answerOf(input, withValues)) } : {}),
    ...(status.state === 'succeeded' && status.stub ? { resultNotKept: status.stub.message } : {}),
    ...(status.state === 'succeeded' && withValues ? { result: status.result } : {}),
  };
}

function answerOf({ attempt, round, names, responses }: KeptInput, withValues: boolean): Record<string, unknown> {
  return { attempt, round, names, ...(withValues && responses ? { responses } : {}) };
}

/** The upstream key with which a step was sent, by whichever attempt; else with which the present one sends it. */
export function stepKeyOf(record: OperationRecord, step: string | undefined): Record<string, string> {
  const { key, generation, createdAt } = record;
  const { attempt } = record.steps.find(({ name }) => name === step) ?? record;
  return step === undefined ? {} : { stepKey: upstreamKeyOf({ key, generation, attempt, createdAt, step }) };
}

/** ISO 8601; a number as it is where it is no time. */
export function isoOf(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString();
}

/** How long ago, roughly: "5 min". */
export function ageOf(ms: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - ms) / 1_000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** For programs; people can read it, too. */
export function jsonOf(value: unknown): string {
  return JSON.stringify(value, null, 2);
}
