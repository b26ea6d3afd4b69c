import { defined } from '../json.ts';
import { comparable, differingFields, differingPointers } from '../key/arguments.ts';
import { makeRepeatToken, type TokenKind } from '../key/repeat-token.ts';
import { endedStatusOf } from '../ledger/new-record.ts';
import type { EndedStatus, OperationRecord } from '../ledger/record.ts';
import type { Occurrence } from '../recognition/session.ts';
import { checkingTools } from '../tool/checking-tools.ts';
import { isErrorResult } from '../tool/content.ts';
import type { Tool } from '../tool/types.ts';
import { type OperationInfo, type Outcome, type RefusalOutcome, type RefusalReason, refusal } from './outcome.ts';
import type { EngineParts, GuardedCall } from './types.ts';

/** How many characters of an earlier text a conflict quotes. */
const textCharsMax = 60;

/** The token of a record, and the call that it was made for. Equal calls of one tool have the same base key. */
interface MadeToken {
  readonly tool: Tool;
  readonly ownKey: string;
  readonly kind: TokenKind;
  readonly secret: string;
  readonly token: string;
}

/** The ledger returns the same record object for the same bytes, so its token is computed once. */
const tokens = new WeakMap<OperationRecord, MadeToken>();

export function operationInfo(record: OperationRecord): OperationInfo {
  return {
    key: record.key,
    tool: record.tool,
    generation: record.generation,
    attempt: record.attempt,
    firstExecutedAt: new Date(record.createdAt).toISOString(),
  };
}

/**
 * Whether a caller may end the unknown outcome of an operation, after it has checked. Where the upstream answered with an
 * error it always may. Where no answer came, the outcome of a tool that moves money is for an operator.
 */
export function mayEnd({ movesMoney }: Tool, { status }: OperationRecord): boolean {
  return status.state === 'unknown' && (movesMoney !== true || status.answered === true);
}

/**
 * Returns the kind of token that an operation gets; undefined for an operation without one. A host's key names one operation.
 */
function tokenKindFor({ tool }: GuardedCall, record: OperationRecord): TokenKind | undefined {
  const { source, status } = record;
  if (source === 'host') return undefined;
  if (status.state === 'succeeded') return 'repeat';
  return mayEnd(tool, record) ? 'unknown' : undefined;
}

async function repeatTokenFor(
  engine: EngineParts,
  call: GuardedCall,
  record: OperationRecord,
  kind: TokenKind | undefined = tokenKindFor(call, record),
) {
  if (kind === undefined) return {};
  const { tool, ownKey } = call;
  const secret = await engine.repeatSecret();
  const last = kind === 'repeat' ? lastOf(call, record) : record;
  const { key, generation, occurrence } = last;
  if (last !== record) return { repeatToken: makeRepeatToken({ secret, baseKey: call.baseKey(), ...last, kind }) };
  const known = tokens.get(record);
  const isKnown = known?.ownKey === ownKey && known.tool === tool && known.secret === secret && known.kind === kind;
  if (isKnown) return { repeatToken: known.token };
  const token = makeRepeatToken({ secret, baseKey: call.baseKey(), key, generation, occurrence, kind });
  tokens.set(record, { tool, ownKey, secret, kind, token });
  return { repeatToken: token };
}

/**
 * Returns the operation after which one more is meant. For a call without a token it is the last one that tokens led this
 * session to, so that one more call reaches the next.
 */
function lastOf({ memory, follows }: GuardedCall, record: OperationRecord): OperationRecord | Occurrence {
  if (memory === undefined) return record;
  const { key, generation, occurrence } = record;
  if (follows !== undefined) {
    memory.noteFollower(follows, { key, generation, occurrence });
    return record;
  }
  const last = memory.lastDelivered({ key, generation, occurrence });
  return last.key === key ? record : last;
}

export interface HowKnown {
  /** False when this call itself executed the operation. */
  readonly replayed: boolean;
  readonly recovered?: string | undefined;
  /** True when a person was asked whether to execute the operation again and did not accept. */
  readonly declined?: boolean;
  /** The result of an operation that this call itself executed and that is too large for the ledger. */
  readonly unkept?: unknown;
}

/** Returns the outcome of an operation that has ended, whichever call executed it. */
export async function outcomeOfEnded(
  engine: EngineParts,
  call: GuardedCall,
  record: OperationRecord,
  ended: EndedStatus,
  how: HowKnown,
): Promise<Outcome> {
  const operation = operationInfo(record);
  switch (ended.state) {
    case 'succeeded': {
      // A caller that has sent a repeat token may want several operations, so each answer brings the next token.
      const isAgain = record.occurrence > 1 || call.again !== undefined;
      // An error that is kept may hide an effect, so the caller learns at once how to continue.
      const isError = isErrorResult(ended.result);
      const bringsToken = (how.replayed || isAgain || isError) && !how.declined;
      const token = bringsToken ? await repeatTokenFor(engine, call, record) : {};
      const { stub } = ended;
      if (stub && how.unkept === undefined) {
        const executed = how.replayed ? 'before' : 'now';
        const reason = { type: 'result_not_kept', executed, detail: stub.message } as const;
        return refusal(record.tool, reason, { operation, stub, ...notCompared(call, record), ...token });
      }
      const recovered = how.recovered === undefined ? {} : { recovered: how.recovered };
      return {
        type: 'result',
        tool: call.tool,
        result: how.unkept ?? ended.result,
        replayed: how.replayed,
        ...recovered,
        ...(how.declined ? { declined: true } : {}),
        ...(how.replayed ? notCompared(call, record) : {}),
        ...(isError ? { checkWith: readersBeside(engine, call) } : {}),
        operation,
        ...token,
      };
    }
    case 'failed':
      if (endedUnasked(call, ended)) return refusalOfUnasked(record, ended.message);
      return refusal(
        record.tool,
        { type: 'failed', detail: ended.message, ...kindOf(ended) },
        { operation, ...retryOf(ended) },
      );
    case 'incomplete': {
      if (endedUnasked(call, ended)) return refusalOfUnasked(record, ended.message);
      const steps = stepsWithEffect(record);
      return refusal(
        record.tool,
        { type: 'incomplete', detail: ended.message, ...kindOf(ended) },
        { operation, steps, ...retryOf(ended) },
      );
    }
  }
}

type Failed = Exclude<EndedStatus, { state: 'succeeded' }>;

function kindOf({ kind }: Failed): Pick<Failed, 'kind'> {
  return kind === undefined ? {} : { kind };
}

function retryOf({ retryAfterMs }: Failed): { readonly retryAfterMs?: number } {
  return retryAfterMs === undefined ? {} : { retryAfterMs };
}

/** A caller that waited for another one, which could not be asked, is not at fault when it can be asked itself. */
function endedUnasked({ call }: GuardedCall, { unasked }: { readonly unasked?: true | undefined }): boolean {
  return unasked === true && call.questionChannel === undefined;
}

function refusalOfUnasked(record: OperationRecord, detail: string): RefusalOutcome {
  const steps = stepsWithEffect(record);
  const done = steps.length === 0 ? {} : { steps };
  const operation = operationInfo(record);
  return refusal(record.tool, { type: 'ended_unasked', detail }, { fault: 'asking', operation, ...done });
}

export function outcomeOfReplay(engine: EngineParts, call: GuardedCall, record: OperationRecord): Promise<Outcome> {
  const ended = endedStatusOf(record.status);
  if (!ended) throw new Error(`no outcome in state ${record.status.state}`);
  return outcomeOfEnded(engine, call, record, ended, { replayed: true });
}

/** Refuses a call with the key of an earlier one and other arguments: names the fields and encloses the first result. */
export async function refusalOfConflict(
  engine: EngineParts,
  call: GuardedCall,
  record: OperationRecord,
): Promise<RefusalOutcome> {
  const sharedBy = record.source === 'host' ? 'host_key' : 'operation';
  return conflictWith(engine, call, record, sharedBy);
}

/** Refuses a call that says the same as an earlier one in other words: encloses the first result, and says how to mean both. */
export function refusalOfReworded(
  engine: EngineParts,
  call: GuardedCall,
  record: OperationRecord,
): Promise<RefusalOutcome> {
  return conflictWith(engine, call, record, 'wording');
}

/** Returns the conflict with an operation whose answer was lost. Its token makes the call another operation at any time. */
export function refusalOfLostAnswer(
  engine: EngineParts,
  call: GuardedCall,
  record: OperationRecord,
  alsoLost: readonly OperationRecord[] = [],
): Promise<RefusalOutcome> {
  const texts = alsoLost.flatMap((each) => textThatDiffers(call, each) ?? []);
  return conflictWith(engine, call, record, 'lost_answer', texts);
}

async function conflictWith(
  engine: EngineParts,
  call: GuardedCall,
  record: OperationRecord,
  sharedBy: Extract<RefusalReason, { type: 'conflict' }>['sharedBy'],
  otherTexts: readonly string[] = [],
): Promise<RefusalOutcome> {
  const { status, tool } = record;
  const isLost = sharedBy === 'lost_answer';
  const token = await repeatTokenFor(
    engine,
    call,
    record,
    isLost && record.source !== 'host' ? 'repeat' : tokenKindFor(call, record),
  );
  const fields = fieldsThatDiffer(call, record);
  const firstText = isLost ? textOf(record.arguments, fields) : {};
  const others = otherTexts.length === 0 ? {} : { otherTexts };
  const firstTool = tool === call.tool.name ? { firstTool: call.tool } : {};
  const firstResult = status.state === 'succeeded' && !status.stub ? { firstResult: status.result, ...firstTool } : {};
  const steps = status.state === 'incomplete' ? { steps: stepsWithEffect(record) } : {};
  const retry = status.state === 'in_flight' ? { retryAfterMs: record.leaseMs } : {};
  return refusal(
    tool,
    { type: 'conflict', sharedBy, first: stageOf(record), ...firstText, ...others, ...adviceFor(call, record, fields) },
    {
      operation: operationInfo(record),
      fields,
      ...notCompared(call, record),
      ...firstResult,
      ...steps,
      ...retry,
      ...token,
    },
  );
}

/** Returns the start of the first text of an earlier call that differs from this one's. */
export function textThatDiffers(call: GuardedCall, record: OperationRecord): string | undefined {
  return textOf(record.arguments, fieldsThatDiffer(call, record)).firstText;
}

/** Quotes the start of the first text that differs, so that a caller with several lost answers knows which one this is. */
function textOf(args: Record<string, unknown>, fields: readonly string[]): { readonly firstText?: string } {
  const text = fields.map((field) => memberAt(args, field)).find((each) => typeof each === 'string');
  return typeof text === 'string'
    ? { firstText: text.length > textCharsMax ? `${text.slice(0, textCharsMax)}…` : text }
    : {};
}

/** Returns the member that a path of object members leads to, such as `body.message`. */
function memberAt(args: Record<string, unknown>, path: string): unknown {
  if (Object.hasOwn(args, path)) return args[path];
  let value: unknown = args;
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

/** Names the arguments in which a call differs from an earlier one, beyond their spelling and their canonical form. */
function fieldsThatDiffer({ tool, request }: GuardedCall, record: OperationRecord): readonly string[] {
  if (record.tool !== tool.name) return differingFields(record.arguments, request.arguments);
  const given = differingFields(comparable(record.arguments, tool.input), comparable(request.arguments, tool.input));
  if (record.form === undefined || request.form === undefined) return given;
  const inForm = differingFields(record.form, request.form);
  if (inForm.length === 0) return given;
  return [...new Set(inForm.map(argumentOf))].flatMap((argument) => {
    const isOfArgument = (field: string): boolean => argumentOf(field) === argument;
    const [named, spelt] = [inForm.filter(isOfArgument), given.filter(isOfArgument)];
    // The canonical form may sort a list, so its places are not those of the call.
    return spelt.length > 0 && named.some((field) => field.includes('[')) ? spelt : named;
  });
}

function argumentOf(field: string): string {
  return /^[^.[]+/.exec(field)?.[0] ?? field;
}

/** Names the arguments of a call that do not count, and that differ from those of the first call. */
function notCompared(
  { leftOut, request }: GuardedCall,
  record: OperationRecord,
): { readonly notCompared?: readonly string[] } {
  if (leftOut === undefined) return {};
  const names = differingPointers(leftOut, record.arguments, request.arguments);
  return names.length === 0 ? {} : { notCompared: names };
}

/** A tool whose advice fails gives none. */
function adviceFor(
  { tool, request }: GuardedCall,
  record: OperationRecord,
  fields: readonly string[],
): { advice?: string } {
  const { status } = record;
  if (!tool.conflictAdvice || tool.name !== record.tool || status.state !== 'succeeded' || status.stub) return {};
  try {
    const first = structuredClone({ input: record.arguments, result: status.result, fields });
    const advice = tool.conflictAdvice(structuredClone(request.arguments), first);
    return typeof advice === 'string' && /\S/.test(advice) ? { advice: advice.trim() } : {};
  } catch {
    return {};
  }
}

function stageOf({ status }: OperationRecord): 'under_way' | 'incomplete' | 'ended' {
  switch (status.state) {
    case 'in_flight':
    case 'unknown':
    case 'waiting':
      return 'under_way';
    case 'incomplete':
      return 'incomplete';
    default:
      return 'ended';
  }
}

export function refusalOfInFlight(
  record: OperationRecord,
  retryAfterMs: number,
  what: Extract<RefusalReason, { type: 'in_flight' }>['what'],
): RefusalOutcome {
  return refusal(record.tool, { type: 'in_flight', what }, { operation: operationInfo(record), retryAfterMs });
}

/** @param retryAfterMs when asking again may tell more; undefined when only a person can find out the outcome */
export async function refusalOfUnknown(
  engine: EngineParts,
  call: GuardedCall,
  record: OperationRecord,
  detail: string,
  retryAfterMs?: number,
): Promise<RefusalOutcome> {
  // A recovery that may still come has to end first.
  const token = retryAfterMs === undefined ? await repeatTokenFor(engine, call, record) : { retryAfterMs };
  const checkWith = readersBeside(engine, call);
  const isOther = record.fingerprint !== call.request.fingerprint;
  const fields = isOther ? { fields: fieldsThatDiffer(call, record) } : {};
  const reason: RefusalReason = {
    type: 'outcome_unknown',
    detail,
    ...(isOther ? { isOther } : {}),
    ...(checkWith.length > 0 ? { checkWith } : {}),
  };
  const details = { ...fields, ...notCompared(call, record), ...defined({ operator: engine.settings.operator }) };
  return refusal(record.tool, reason, { operation: operationInfo(record), ...details, ...token });
}

/** Returns the names of the tools with which the caller of a tool can check whether it took effect. */
function readersBeside({ catalog }: EngineParts, { tool }: GuardedCall): readonly string[] {
  const isBeside = ({ effect, client }: Tool): boolean => effect === 'read' && client === tool.client;
  const own = [...catalog.tools, ...catalog.hidden].filter(isBeside).map(({ name }) => name);
  return checkingTools(tool.name, [...own, ...(tool.readers?.() ?? [])]);
}

export function refusalOfSuperseded(
  engine: EngineParts,
  call: GuardedCall,
  record: OperationRecord,
): Promise<RefusalOutcome> {
  const detail = 'it ended, and later operations on the same key followed before this call read its outcome';
  return refusalOfUnknown(engine, call, record, detail);
}

export function stepsWithEffect(record: Pick<OperationRecord, 'steps'>): string[] {
  return record.steps.filter((step) => step.effect).map((step) => step.name);
}
