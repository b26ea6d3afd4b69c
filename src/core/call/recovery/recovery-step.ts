import type { Claim } from '../../ledger/claim.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { KeptStep, Status } from '../../ledger/record.ts';
import type { Tool } from '../../tool/types.ts';
import { type RunResult, runAttempt } from '../run-attempt.ts';
import { settleLate } from '../settle.ts';
import type { EngineParts } from '../types.ts';

/** How long the message of an unknown outcome may become, in characters. */
const messageCharsMax = 1_000;

/** One operation under recovery, by this process's claim. */
export interface Recovering {
  readonly engine: EngineParts;
  readonly ledger: Ledger;
  readonly tool: Tool;
  readonly claim: Claim;
  readonly client: unknown;
}

/** The result of one of the tool's recoveries. */
export type RecoveryStep =
  | { readonly type: 'ended'; readonly result: RunResult }
  /** This recovery cannot find out the outcome: the next one is tried. */
  | { readonly type: 'next'; readonly result: RunResult }
  /** This recovery can find out the outcome later. */
  | { readonly type: 'wait'; readonly result: RunResult; readonly retryAfterMs: number };

/** Runs the tool again under the claim. A question that comes up waits in the record for any caller. */
export function runUnderRecovery({ engine, tool, claim, client }: Recovering, natural: boolean): Promise<RunResult> {
  return runAttempt(engine, tool, claim, client, { natural, canAsk: true, onLate: settleLate(engine, claim) });
}

/**
 * @param before the outcome so far: an answer that left doubt stays one while no request without an answer follows, and a
 *   key that another request has used stays used
 */
export function unknownResult(
  engine: EngineParts,
  steps: readonly KeptStep[],
  message: string,
  before?: Status,
): RunResult {
  const status = { state: 'unknown', settledAt: engine.clock.wallMs(), message, ...doubtIn(before) } as const;
  return { status, steps, mayHaveTakenEffect: true, cutOff: false };
}

/** What is known about the doubt of an unknown outcome. */
type Doubt = Pick<Extract<Status, { state: 'unknown' }>, 'answered' | 'keyUsed'>;

/** Returns the members of an unknown outcome that say what the doubt is about. */
export function doubtIn(status: Status | undefined): Doubt {
  if (status?.state !== 'unknown') return {};
  const { answered, keyUsed } = status;
  return { ...(answered ? { answered } : {}), ...(keyUsed ? { keyUsed } : {}) };
}

/** Returns the doubt after one more request. One without an answer leaves more doubt than the answers of the others. */
export function joinedDoubt(before: Status, after: Status): Doubt {
  const [first, second] = [doubtIn(before), doubtIn(after)];
  const answered = first.answered && second.answered ? ({ answered: true } as const) : {};
  return { ...answered, ...(first.keyUsed || second.keyUsed ? { keyUsed: true } : {}) };
}

/** Adds a reason once: the message stays in the record, and the same recovery may be tried many times. */
export function withReason({ status }: RunResult, reason: string): string {
  const message = 'message' in status ? status.message : 'its outcome is not known';
  return message.includes(reason) ? message : `${message}; ${reason}`.slice(0, messageCharsMax);
}
