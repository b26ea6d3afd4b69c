import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { openConfiguredLedger } from '../../app.ts';
import type { ConfigOptions, Program } from '../../command/program.ts';
import { type Config, withoutPassword } from '../../config/config.ts';
import { systemClock } from '../../core/clock.ts';
import { LedgerUnavailable } from '../../core/errors.ts';
import { restoreNumbers } from '../../core/exact-json.ts';
import { markerOf, upstreamKeyOf } from '../../core/key/derive-key.ts';
import { fullKey, type ListedEntry, type Operator } from '../../core/ledger/operator.ts';
import type { KeptInput, OperationRecord } from '../../core/ledger/record.ts';
import { closeStoreToOthers } from '../../core/ledger/stores/private-store.ts';

/** The options of every ledger command. */
export interface LedgerCommandOptions extends ConfigOptions {
  readonly json?: boolean;
}

/** An operator with an open ledger, and its configuration. */
export interface OpenOperator extends Operator {
  readonly config: Config;
}

/** Opens the ledger, runs `work`, and always closes the ledger. @throws LedgerUnavailable */
export async function withLedger<T>(
  program: Program,
  options: LedgerCommandOptions,
  work: (operator: OpenOperator) => Promise<T>,
) {
  const { cli } = program;
  const config = await program.config(options, 'operate');
  refuseNoLedger(config);
  closeStoreToOthers(config.store, config.storeIsDefault, (message) => cli.tell(`mcp-once: ${message}`));
  const ledger = await openConfiguredLedger(config);
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

/** Does the same for one operation, whose key may be shortened. */
export function withOperation<T>(
  program: Program,
  options: LedgerCommandOptions,
  given: string,
  work: (operator: OpenOperator, key: string) => Promise<T>,
): Promise<T> {
  return withLedger(program, options, async (operator) => work(operator, await fullKey(operator.ledger, given)));
}

/** Refuses to create an empty ledger: that would hide a wrong path. */
function refuseNoLedger({ store }: Config): void {
  if (store === 'memory:') {
    throw new LedgerUnavailable(
      "The store memory: lives within its server's process, where nobody else can look into it: use sqlite:PATH.",
    );
  }
  if (!store.startsWith('sqlite:') || existsSync(store.slice('sqlite:'.length))) return;
  throw new LedgerUnavailable(
    `No ledger exists at ${withoutPassword(store)}. Either no call has been executed with this configuration, or --store must name another file.`,
  );
}

/** Summarises an operation for programs, without the values of arguments and results. */
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

/** Summarises an entry that may be unreadable. */
export function listedSummary(listed: ListedEntry): Record<string, unknown> {
  if (listed.type === 'operation') return summaryOf(listed.record);
  return { operation: listed.key, state: 'unreadable', message: listed.message };
}

/** Adds what helps to find the effects at the upstream: keys and marker. With `withValues`, also all values. */
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
    occurrence: record.occurrence,
    windowMs: record.windowMs,
    leaseMs: record.leaseMs,
    takeOvers: record.recoveries,
    marker: markerOf(record),
    // The key of a tool without steps. If the process died before it noted its first step, `--step NAME` prints that key.
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

/** Returns the upstream key with which a step was sent, or with which the present attempt would send it. */
export function stepKeyOf(record: OperationRecord, step: string | undefined): Record<string, string> {
  const { key, generation, createdAt } = record;
  const { attempt } = record.steps.find(({ name }) => name === step) ?? record;
  return step === undefined ? {} : { stepKey: upstreamKeyOf({ key, generation, attempt, createdAt, step }) };
}

/** Formats a time as ISO 8601. A number that is not a valid time stays a number. */
export function isoOf(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString();
}

/** Formats an age roughly, such as "5 min". */
export function ageOf(ms: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - ms) / 1_000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** Formats a value as indented JSON. */
export function jsonOf(value: unknown): string {
  return restoreNumbers(JSON.stringify(value, null, 2));
}
