import { describeError, LedgerUnavailable, McpOnceError, OutcomeNotRead } from '../errors.ts';
import { differingFields } from '../key/arguments.ts';
import { makeRepeatToken } from '../key/repeat-token.ts';
import { endedStatusOf } from '../ledger/new-record.ts';
import type { EndedStatus, OperationRecord, StoredRecord } from '../ledger/record.ts';
import type { Engine, GuardedCall, OperationInfo, Outcome, OutcomeCode, RefusalOutcome } from './types.ts';

/** The ledger hands out the same record for the same bytes: its token is then computed once. */
const tokens = new WeakMap<OperationRecord, { baseKey: string; secret: string; token: string }>();

/** A sentence for the model and a code for programs. */
export function refusal(code: OutcomeCode, message: string): RefusalOutcome {
  return { type: 'refusal', code, message };
}

export function operationInfo(record: OperationRecord): OperationInfo {
  return {
    key: record.key,
    tool: record.tool,
    generation: record.generation,
    attempt: record.attempt,
    firstExecutedAt: new Date(record.createdAt).toISOString(),
  };
}

/** Only a settled, succeeded operation hands out a token, and never one that a host's key names. */
async function repeatTokenFor(engine: Engine, call: GuardedCall, record: OperationRecord) {
  if (record.source !== 'identical' || record.status.state !== 'succeeded') return {};
  const { key, generation, occurrence } = record;
  const { baseKey } = call;
  const secret = await engine.repeatSecret();
  const known = tokens.get(record);
  if (known?.baseKey === baseKey && known.secret === secret) return { repeatToken: known.token };
  const token = makeRepeatToken({ secret, baseKey, key, generation, occurrence });
  tokens.set(record, { baseKey, secret, token });
  return { repeatToken: token };
}

export interface HowKnown {
  /** False when this very call executed the operation. */
  readonly replayed: boolean;
  readonly recovered?: string | undefined;
  /** A person was asked whether another one is meant, and did not say yes. */
  readonly declined?: boolean;
  /** The result, where this very call executed the operation and the ledger has no room for it. */
  readonly unkept?: unknown;
}

/** The answer of an operation that has ended, whoever executed it. */
export async function answerOfEnded(
  engine: Engine,
  call: GuardedCall,
  record: OperationRecord,
  ended: EndedStatus,
  how: HowKnown,
): Promise<Outcome> {
  const operation = operationInfo(record);
  const name = record.tool;
  switch (ended.state) {
    case 'succeeded': {
      const token = how.replayed && !how.declined ? await repeatTokenFor(engine, call, record) : {};
      if (ended.stub && how.unkept === undefined) {
        const now = how.replayed ? 'Nothing was executed now' : 'It was executed now, and is not executed again';
        const message = `${name} took effect, and its result was not kept: ${ended.stub.message}. ${now}. Look the result up at the upstream.`;
        return { ...refusal('result_not_kept', message), operation, stub: ended.stub, ...token };
      }
      const recovered = how.recovered === undefined ? {} : { recovered: how.recovered };
      return {
        type: 'result',
        tool: call.tool,
        result: how.unkept ?? ended.result,
        replayed: how.replayed,
        ...recovered,
        ...(how.declined ? { declined: true } : {}),
        operation,
        ...token,
      };
    }
    case 'failed': {
      if (isUnasked(call, ended)) return answerOfUnasked(record, ended.message);
      const message = `${name} failed and had no effect: ${ended.message}. The same call again is safe, and runs again.`;
      return { ...refusal('operation_failed', message), operation };
    }
    case 'incomplete': {
      if (isUnasked(call, ended)) return answerOfUnasked(record, ended.message);
      const steps = effectSteps(record);
      const message = `${name} is incomplete: ${steps.join(', ')} took effect, then it failed: ${ended.message}. The same call again goes on from there.`;
      return { ...refusal('operation_incomplete', message), operation, steps };
    }
  }
}

/** Who waited for another caller that could not be asked, and can be asked itself, is not at fault. */
function isUnasked({ call }: GuardedCall, { unasked }: { readonly unasked?: true | undefined }): boolean {
  return unasked === true && call.questionChannel === undefined;
}

function answerOfUnasked(record: OperationRecord, why: string): RefusalOutcome {
  const steps = effectSteps(record);
  const done = steps.length === 0 ? 'had no effect' : `is incomplete (${steps.join(', ')} took effect)`;
  const message = `${record.tool} ${done}: ${why}. The same call by a client that can goes on; by this one it would end here again.`;
  return {
    ...refusal('input_required', message),
    fault: 'asking',
    operation: operationInfo(record),
    ...(steps.length === 0 ? {} : { steps }),
  };
}

export function answerOfReplay(engine: Engine, call: GuardedCall, record: OperationRecord): Promise<Outcome> {
  const ended = endedStatusOf(record.status);
  if (!ended) throw new Error(`no outcome in state ${record.status.state}`);
  return answerOfEnded(engine, call, record, ended, { replayed: true });
}

/** Same key, other arguments: names the fields, hands over the first result and, if settled, a repeat token. */
export async function answerOfConflict(engine: Engine, call: GuardedCall, record: OperationRecord): Promise<Outcome> {
  const fields = differingFields(record.arguments, call.request.arguments);
  const named = fields.length > 0 ? ` (${fields.join(', ')})` : '';
  const token = await repeatTokenFor(engine, call, record);
  const first = record.status.state === 'succeeded' && !record.status.stub ? { firstResult: record.status.result } : {};
  const steps = record.status.state === 'incomplete' ? { steps: effectSteps(record) } : {};
  const open = record.status.state === 'in_flight' ? { retryAfterMs: record.leaseMs } : {};
  return {
    ...refusal('idempotency_conflict', conflictMessage(record, named, 'repeatToken' in token)),
    operation: operationInfo(record),
    fields,
    ...first,
    ...steps,
    ...open,
    ...token,
  };
}

function conflictMessage(record: OperationRecord, named: string, hasToken: boolean): string {
  const same = record.source === 'host' ? 'the same idempotency key' : 'the same operation';
  const opening = `${record.tool}: ${same} was called with other arguments${named}. Nothing was executed now.`;
  switch (record.status.state) {
    case 'in_flight':
    case 'unknown':
    case 'waiting':
      return `${opening} The first call is still under way: repeat it with its own arguments to learn its outcome.`;
    case 'incomplete':
      return `${opening} The first call is incomplete (${effectSteps(record).join(', ')} took effect): repeat it with its own arguments to go on from there.`;
    default:
      return hasToken
        ? `${opening} The first call's result is enclosed: use it, or, if a second operation is really wanted, call again with the repeat_token.`
        : `${opening} Use the first call's result, or send another idempotency key for another operation.`;
  }
}

export function answerOfInFlight(record: OperationRecord, retryAfterMs: number, same = true): Outcome {
  const what = same ? 'the same operation' : 'another write of the same thing';
  const message = `${record.tool}: ${what} is still under way. Nothing was executed by this call. Ask again in ${seconds(retryAfterMs)} with the same arguments.`;
  return { ...refusal('idempotency_in_flight', message), operation: operationInfo(record), retryAfterMs };
}

export function answerOfUnknown(record: OperationRecord, why: string, retryAfterMs?: number): Outcome {
  const next =
    retryAfterMs === undefined
      ? `Nothing more is sent for it. Check the upstream; an operator ends it by "mcp-once ledger resolve ${record.key} --succeeded FILE", or --failed if it had no effect`
      : `Ask again in ${seconds(retryAfterMs)} with the same arguments: that cannot make it take effect twice`;
  const message = `${record.tool}: the operation may have taken effect, which is not known: ${clause(why)}. Do not try it in another way. ${next}.`;
  const hint = retryAfterMs === undefined ? {} : { retryAfterMs };
  return { ...refusal('outcome_unknown', message), operation: operationInfo(record), ...hint };
}

/** Of what is not in the ledger yet, and finds no room there. */
export function answerOfFull(tool: string, whose: 'subject' | 'tenant'): Outcome {
  const message = `${tool}: the ledger holds as many operations of this ${whose} as it may. Nothing was executed. It is possible again when older ones are forgotten, or the operator of this server raises the limit; a call that repeats an earlier one is answered as ever.`;
  return { ...refusal('too_many_records', message), retryAfterMs: 3_600_000 };
}

/** The answer for a fault of the ledger. @throws the error itself when it is not one. */
export function answerOfFault(error: unknown, tool: string): RefusalOutcome {
  if (error instanceof LedgerUnavailable) {
    const ledgerFault = clause(describeError(error));
    const message = `${tool}: the ledger is not available (${ledgerFault}). Nothing was executed: it is safe to call again later.`;
    return { ...refusal('ledger_unavailable', message), ledgerFault, retryAfterMs: 1_000 };
  }
  if (error instanceof OutcomeNotRead) {
    const ledgerFault = clause(describeError(error));
    const message = `${tool}: this call sent the operation and lost its claim, and the ledger does not tell the outcome (${ledgerFault}). It is not sent again: ask again with the same arguments.`;
    return { ...refusal('outcome_unknown', message), ledgerFault, retryAfterMs: 1_000 };
  }
  if (error instanceof McpOnceError && error.code === 'record_unreadable') {
    const ledgerFault = clause(error.message);
    const message = `${tool}: the operation's record cannot be read (${ledgerFault}). Nothing was executed. An operator has to look at the ledger: mcp-once ledger list`;
    return { ...refusal('record_unreadable', message), ledgerFault };
  }
  throw error;
}

/** A sentence within one of ours. */
function clause(sentence: string): string {
  return sentence.replace(/\.$/, '');
}

function effectSteps(record: Pick<OperationRecord, 'steps'>): string[] {
  return record.steps.filter((step) => step.effect).map((step) => step.name);
}

export function cancelled(tool: string): RefusalOutcome {
  return refusal('cancelled', `${tool}: the caller left. What was dispatched goes on and is settled.`);
}

export function answerOfSuperseded(held: StoredRecord): Outcome {
  return answerOfUnknown(
    held.record,
    'it ended, and later operations on the same key followed before this call read it',
  );
}

function seconds(ms: number): string {
  return `${Math.max(1, Math.ceil(ms / 1000))} s`;
}
