import type { FailureKind } from '../error-answers/phrases.ts';
import type { Stub } from '../ledger/record.ts';
import type { Tool } from '../tool/types.ts';

/** What the caller of a tool gets. Expected outcomes are values; only faults are thrown. */
export type Outcome = ResultOutcome | RefusalOutcome | InputRequiredOutcome;

/**
 * The stable code of a call without a result.
 *
 * - `idempotency_conflict`: the key was used before with other arguments, or a question has a different reply already.
 *   This call executed nothing.
 * - `idempotency_in_flight`: another call of the operation has not ended. This call executed nothing.
 * - `outcome_unknown`: the operation may have taken effect. It is not sent again in a way that could take effect twice.
 * - `ledger_unavailable`: the ledger did not respond. Nothing was executed.
 * - `invalid_input`: the arguments, the key of the host program or a reply are not valid. Nothing was executed.
 * - `operation_failed`: the operation had no effect. The same call executes it again, and `failure` says whether that can
 *   help.
 * - `operation_incomplete`: some steps took effect. The same call continues after them.
 * - `result_not_kept`: the operation took effect, and its result is not in the ledger.
 * - `invalid_repeat_token`: the repeat token is malformed, forged, or belongs to another operation. Nothing was executed.
 * - `invalid_request_state`: the request state is not valid, or its question is closed. This call executed nothing.
 * - `input_required`: the operation needs a reply of a person before it continues.
 * - `unknown_tool`: no tool has this name. Nothing was executed.
 * - `record_unreadable`: the record of the operation cannot be read. Nothing was executed.
 * - `too_many_calls`: a limit of calls in flight is reached. Nothing was executed.
 * - `too_many_records`: a limit of records is reached. Nothing was executed.
 * - `cancelled`: the caller left, or a person did not accept another execution.
 */
export type OutcomeCode =
  | 'idempotency_conflict'
  | 'idempotency_in_flight'
  | 'outcome_unknown'
  | 'ledger_unavailable'
  | 'invalid_input'
  | 'operation_failed'
  | 'operation_incomplete'
  | 'result_not_kept'
  | 'invalid_repeat_token'
  | 'invalid_request_state'
  | 'input_required'
  | 'unknown_tool'
  | 'record_unreadable'
  | 'too_many_calls'
  | 'too_many_records'
  | 'cancelled';

export interface OperationInfo {
  readonly key: string;
  readonly tool: string;
  readonly generation: number;
  readonly attempt: number;
  /** ISO 8601. */
  readonly firstExecutedAt: string;
}

export interface ResultOutcome {
  readonly type: 'result';
  readonly tool: Tool;
  readonly result: unknown;
  /** True when nothing was executed for this call and the result is the stored one. */
  readonly replayed: boolean;
  /** The recovery that found out an unknown outcome. */
  readonly recovered?: string;
  /** Absent for a call that is not guarded. */
  readonly operation?: OperationInfo;
  readonly repeatToken?: string;
  /** True when a person was asked whether to execute the operation again and did not accept. */
  readonly declined?: boolean;
  /** JSON pointers of arguments that the tool does not declare and that were not sent. */
  readonly dropped?: readonly string[];
  /** Arguments that were not compared with those of the first call, and that differ from them. */
  readonly notCompared?: readonly string[];
  /** Tools of the same upstream that read, with which the caller can check whether an error hides an effect. */
  readonly checkWith?: readonly string[];
}

/** A form that a person fills in, declines or cancels. */
export interface InputRequest {
  readonly message: string;
  /** JSON Schema of the form: an object of strings, numbers and booleans. */
  readonly schema: Readonly<Record<string, unknown>>;
}

/** Nothing more happens until the same call comes again with responses and `requestState`. */
export interface InputRequiredOutcome {
  readonly type: 'input_required';
  readonly tool: string;
  /** `again`: whether the caller means a second, identical operation. `input`: what the tool of the operation asks for. */
  readonly about: 'again' | 'input';
  /** By name; the responses have the same names. */
  readonly requests: Readonly<Record<string, InputRequest>>;
  readonly requestState: string;
  /** The operation that the question is about. */
  readonly operation: OperationInfo;
}

/** Facts about a call that has no result. `messages.ts` turns them into sentences. */
export interface RefusalOutcome extends RefusalDetails {
  readonly type: 'refusal';
  readonly code: OutcomeCode;
  readonly tool: string;
  readonly reason: RefusalReason;
}

/**
 * How an operator reaches the ledger: by the options of `mcp-once ledger`, such as `--store sqlite:/srv/l.sqlite`, or not at
 * all, because it is in the memory of this process.
 */
export type OperatorOptions = { readonly options: string } | 'memory';

export interface RefusalDetails {
  /**
   * Set when the request itself is at fault. `asking`: the tool has to ask a person, and the caller has not declared
   * that it can. `input`: a response or a `requestState` in the call is not valid.
   */
  readonly fault?: 'asking' | 'input';
  /** What is wrong with the ledger. For the operator only: it may say where the ledger is. */
  readonly ledgerDetail?: string;
  /** How an operator reaches the ledger of an unknown outcome. Shows where the ledger is, like `ledgerDetail`. */
  readonly operator?: OperatorOptions;
  readonly operation?: OperationInfo;
  readonly retryAfterMs?: number;
  /** The first operation's result, of a conflict. */
  readonly firstResult?: unknown;
  /** The tool of the first operation, where it is the called one. It says how `firstResult` is shown. */
  readonly firstTool?: Tool;
  readonly repeatToken?: string;
  /** The arguments that differ from the first operation's, of a conflict. */
  readonly fields?: readonly string[];
  /** Arguments that were not compared with those of the first call, and that differ from them. */
  readonly notCompared?: readonly string[];
  /** The steps that took effect. */
  readonly steps?: readonly string[];
  readonly stub?: Stub;
  readonly issues?: readonly { readonly path: string; readonly message: string }[];
}

/** Why an operation failed. `broken`: the code of its tool has a fault. */
export type FailedKind = FailureKind | 'broken';

/** Why a call has no result. `detail` is a clause without a full stop: it never holds an argument's value or a secret. */
export type RefusalReason =
  // The request is not valid: nothing was executed.
  | { readonly type: 'unknown_tool'; readonly known: readonly string[] }
  | { readonly type: 'invalid_arguments'; readonly detail: string }
  /** The tool could not make the canonical form of the arguments, for example because the upstream did not answer. */
  | { readonly type: 'not_canonical'; readonly detail: string }
  | { readonly type: 'invalid_host_key'; readonly detail: string }
  | { readonly type: 'invalid_repeat_token'; readonly problem: 'not_supported' | 'malformed' | 'forged' }
  | { readonly type: 'invalid_request_state' }
  | { readonly type: 'invalid_reply'; readonly requests: readonly string[] }
  /** The question that the call answers is no longer open. */
  | { readonly type: 'question_closed' }
  /** The question that the call answers has another reply already. */
  | { readonly type: 'replied_before' }
  // Nothing was executed, for another reason.
  /** `isLasting`: until an operator changes something. */
  | { readonly type: 'ledger_unavailable'; readonly isLasting?: boolean }
  | { readonly type: 'record_unreadable' }
  | { readonly type: 'too_many_records'; readonly holder: 'subject' | 'tenant' }
  | { readonly type: 'too_many_calls'; readonly holder: 'subject' | 'tenant' | 'server' }
  | { readonly type: 'tool_invalid'; readonly detail: string }
  | { readonly type: 'upstream_unavailable'; readonly detail: string }
  | { readonly type: 'shutting_down' }
  /** A person was asked whether to execute the operation again and did not accept. */
  | { readonly type: 'declined' }
  /** The program around the engine does not let the call in. */
  | { readonly type: 'not_admitted'; readonly detail: string; readonly nextStep: string }
  // Another call of the same operation, or the operation itself, decides.
  | {
      readonly type: 'in_flight';
      readonly what:
        | 'same_operation'
        /** Another write to the same resource. */
        | 'other_write'
        /** A call with the same key and other arguments. */
        | 'other_arguments'
        /** A call that says the same in other words. */
        | 'reworded'
        | 'lost_answer';
    }
  | {
      readonly type: 'conflict';
      /** `wording`: all arguments but the free text are equal, and the text says the same in other words. */
      readonly sharedBy: 'host_key' | 'operation' | 'wording' | 'lost_answer';
      /** The start of the text that the earlier call had, if its answer was lost. */
      readonly firstText?: string;
      /** The starts of the texts of other calls whose answers were lost, which the call may repeat instead. */
      readonly otherTexts?: readonly string[];
      readonly first: 'under_way' | 'incomplete' | 'ended';
      /** How to get from the first result to what this call wants, in a sentence of the tool. */
      readonly advice?: string | undefined;
    }
  /** `kind` says why, where the upstream said so. */
  | { readonly type: 'failed'; readonly detail: string; readonly kind?: FailedKind | undefined }
  | { readonly type: 'incomplete'; readonly detail: string; readonly kind?: FailedKind | undefined }
  | { readonly type: 'result_not_kept'; readonly executed: 'now' | 'before'; readonly detail: string }
  | {
      readonly type: 'outcome_unknown';
      readonly detail: string;
      readonly isToolGone?: boolean;
      /** True when the operation is another call's, and this call was not sent. */
      readonly isOther?: boolean;
      /** Tools of the same upstream that read, with which the caller can check. */
      readonly checkWith?: readonly string[];
    }
  /** This call sent the operation, and the ledger cannot be read for its outcome. */
  | { readonly type: 'outcome_not_read' }
  | { readonly type: 'caller_left'; readonly isGuarded: boolean }
  // The operation asks a person for input.
  | { readonly type: 'client_cannot_ask'; readonly requests: readonly string[] }
  | { readonly type: 'ended_unasked'; readonly detail: string }
  | { readonly type: 'not_answered'; readonly requests: readonly string[] }
  // The tool is not guarded.
  | { readonly type: 'read_failed'; readonly detail: string; readonly kind?: FailureKind | undefined }
  | { readonly type: 'unguarded_failed'; readonly detail: string; readonly kind?: FailureKind | undefined }
  | { readonly type: 'unguarded_incomplete'; readonly detail: string }
  | { readonly type: 'unguarded_unknown'; readonly detail: string }
  | { readonly type: 'unguarded_result_invalid'; readonly detail: string };

const codes = {
  unknown_tool: 'unknown_tool',
  invalid_arguments: 'invalid_input',
  not_canonical: 'operation_failed',
  invalid_host_key: 'invalid_input',
  invalid_repeat_token: 'invalid_repeat_token',
  invalid_request_state: 'invalid_request_state',
  invalid_reply: 'invalid_input',
  question_closed: 'invalid_request_state',
  replied_before: 'idempotency_conflict',
  ledger_unavailable: 'ledger_unavailable',
  record_unreadable: 'record_unreadable',
  too_many_records: 'too_many_records',
  too_many_calls: 'too_many_calls',
  tool_invalid: 'operation_failed',
  upstream_unavailable: 'operation_failed',
  shutting_down: 'operation_failed',
  declined: 'cancelled',
  not_admitted: 'operation_failed',
  in_flight: 'idempotency_in_flight',
  conflict: 'idempotency_conflict',
  failed: 'operation_failed',
  incomplete: 'operation_incomplete',
  result_not_kept: 'result_not_kept',
  outcome_unknown: 'outcome_unknown',
  outcome_not_read: 'outcome_unknown',
  caller_left: 'cancelled',
  client_cannot_ask: 'input_required',
  ended_unasked: 'input_required',
  not_answered: 'input_required',
  read_failed: 'operation_failed',
  unguarded_failed: 'operation_failed',
  unguarded_incomplete: 'operation_incomplete',
  unguarded_unknown: 'outcome_unknown',
  unguarded_result_invalid: 'result_not_kept',
} as const satisfies Record<RefusalReason['type'], OutcomeCode>;

/** Builds a refusal. Its code follows from the reason. */
export function refusal(tool: string, reason: RefusalReason, details: RefusalDetails = {}): RefusalOutcome {
  return { type: 'refusal', code: codes[reason.type], tool, reason, ...details };
}
