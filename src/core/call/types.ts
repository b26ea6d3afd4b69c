import type { Clock } from '../clock.ts';
import type { DerivedKey } from '../key/derive-key.ts';
import type { InputQuestion } from '../key/request-state.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ClaimRequest } from '../ledger/new-record.ts';
import type { OperationRecord, Stub } from '../ledger/record.ts';
import type { RecordQuota } from '../ledger/record-quota.ts';
import type { Catalog } from '../tool/catalog.ts';
import type { ClientPool } from '../tool/client-pool.ts';
import type { Tool, ToolLog } from '../tool/types.ts';

/** One tool call, as a server hands it in. Knows nothing of MCP. */
export interface ToolCall {
  readonly tool: string;
  readonly arguments: unknown;
  /** Whose call it is: as verified by the server, never by what the caller says of itself. */
  readonly scope: { readonly tenant: string; readonly subject: string };
  /** What the host program attached to the call; trusted, not written by the model. */
  readonly meta: Readonly<Record<string, unknown>>;
  /** The host program's own idempotency key, unchecked; undefined when it sent none. */
  readonly hostKey?: unknown;
  /** Aborts when the caller cancels or leaves. */
  readonly signal: AbortSignal;
  /** Called about once a second while the call waits for another one. */
  readonly onWait?: (waitedMs: number) => void;
  /** Told of what is executed for the call and goes on when the caller leaves; it settles when that has ended. */
  readonly onExecution?: (running: Promise<unknown>) => void;
  /** How the caller can be asked something; absent when it cannot be. */
  readonly questionChannel?: QuestionChannel;
  /** What the caller was asked before, and answers with this call. Unchecked. */
  readonly input?: {
    /** By the names of the requests. */
    readonly responses: unknown;
    /** The `requestState` that came with them. */
    readonly state: unknown;
  };
}

/** How a caller is asked. Never assumed: a server knows it from what the client has declared. */
export type QuestionChannel =
  /** By the answer of the call, which is then made anew (MCP 2026-07-28, multi round-trip requests). */
  | { readonly type: 'rounds' }
  /** While the call waits (MCP 2025-11-25, elicitation). Resolves with what came back, unchecked. */
  | { readonly type: 'direct'; ask(request: InputRequest, signal: AbortSignal): Promise<unknown> };

/** What a person is asked: a form to fill in or to refuse. */
export interface InputRequest {
  readonly message: string;
  /** JSON Schema of what is asked for: an object of texts, numbers and yes or no. */
  readonly schema: Readonly<Record<string, unknown>>;
}

export interface OperationInfo {
  readonly key: string;
  readonly tool: string;
  readonly generation: number;
  readonly attempt: number;
  /** ISO 8601. */
  readonly firstExecutedAt: string;
}

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

/** What the caller learns. Expected outcomes are values. */
export type Outcome = ResultOutcome | RefusalOutcome | InputRequiredOutcome;

/** Nothing more happens until the same call comes again with responses and `requestState`. */
export interface InputRequiredOutcome {
  readonly type: 'input_required';
  readonly tool: string;
  /** `again`: whether a second, identical operation is meant. `input`: what the operation's own tool asks for. */
  readonly about: 'again' | 'input';
  /** By name; the responses have the same names. */
  readonly requests: Readonly<Record<string, InputRequest>>;
  readonly requestState: string;
  /** The operation that the question is about. */
  readonly operation: OperationInfo;
}

export interface ResultOutcome {
  readonly type: 'result';
  readonly tool: Tool;
  readonly result: unknown;
  /** True when nothing was executed for this call: the outcome is the stored one. */
  readonly replayed: boolean;
  /** How an unknown outcome was made known, where it was. */
  readonly recovered?: string;
  /** Absent for a call that is not guarded. */
  readonly operation?: OperationInfo;
  readonly repeatToken?: string;
  /** A person was asked whether another operation is meant, and did not say yes: no token for one is handed out. */
  readonly declined?: boolean;
}

export interface RefusalOutcome {
  readonly type: 'refusal';
  readonly code: OutcomeCode;
  /** What happened, whether anything was executed, what to do next. */
  readonly message: string;
  /**
   * Where the request itself is at fault. `asking`: a person has to be asked, and the caller has not said that it can
   * do that. `input`: what the call brings for a question is no answer to one of its own.
   */
  readonly fault?: 'asking' | 'input';
  /** What is wrong with the ledger, as the message has it in brackets: nothing for callers who must not know where it is. */
  readonly ledgerFault?: string;
  readonly operation?: OperationInfo;
  readonly retryAfterMs?: number;
  /** The first operation's result, of a conflict. */
  readonly firstResult?: unknown;
  readonly repeatToken?: string;
  /** The arguments that differ from the first operation's, of a conflict. */
  readonly fields?: readonly string[];
  /** The steps that took effect, of an incomplete operation. */
  readonly steps?: readonly string[];
  readonly stub?: Stub;
  readonly issues?: readonly { readonly path: string; readonly message: string }[];
}

export interface EngineSettings {
  /** How long an identical call waits for the one in flight, in ms. Under the clients' 60 s. */
  readonly waitMs: number;
  /** How long one run of a tool may take, in ms. */
  readonly maxRunMs: number;
  /** How long a settled record is kept at the least, in ms. */
  readonly recordRetentionMs: number;
  /** The largest result that is kept, in bytes of JSON. */
  readonly resultBytesMax: number;
  /** Whether keys from the host program are honoured. */
  readonly hostKeys: boolean;
  /** Whether the host's conversation id is part of the scope. */
  readonly conversationScope: boolean;
}

/** Everything that a call needs, wired once by the composition root. */
export interface Engine {
  readonly catalog: Catalog;
  readonly clients: ClientPool;
  readonly clock: Clock;
  readonly settings: EngineSettings;
  /** Opens the ledger on first use. @throws LedgerUnavailable */
  readonly ledger: () => Promise<Ledger>;
  /** The secret that repeat tokens are signed with. @throws LedgerUnavailable */
  readonly repeatSecret: () => Promise<string>;
  /** How many records each may hold; undefined: as many as come. */
  readonly quota?: RecordQuota | undefined;
  readonly randomId: () => string;
  readonly log: ToolLog;
  /** What is executing, so that it can be drained. */
  readonly running: Set<Promise<unknown>>;
  /** Aborts when no further execution may begin. */
  readonly closing: AbortSignal;
  /** Aborts when what executes has to end. */
  readonly ending: AbortSignal;
}

/** A guarded call, prepared: everything about it that is derived, derived once. */
export interface GuardedCall {
  readonly tool: Tool;
  readonly derived: DerivedKey;
  /** The key of the call's identity with no repeat token. */
  readonly baseKey: string;
  readonly request: ClaimRequest;
  readonly call: ToolCall;
  /** The question that the call answers, of an operation that waits for input. */
  readonly answers?: { readonly asked: InputQuestion; readonly responses: unknown };
  /** True when a replay is asked about first: whether the caller means another operation. */
  readonly asksAgain: boolean;
  /** The key of the next operation like this one, after the one that is given. */
  keyAfter(last: Pick<OperationRecord, 'key' | 'occurrence' | 'generation'>): string;
}
