import type { BoundedMap } from '../bounded-map.ts';
import type { Clock } from '../clock.ts';
import type { DerivedKey } from '../key/derive-key.ts';
import type { TokenKind } from '../key/repeat-token.ts';
import type { InputQuestion } from '../key/request-state.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ClaimRequest } from '../ledger/new-record.ts';
import type { OperationRecord } from '../ledger/record.ts';
import type { RecordQuota } from '../ledger/record-quota.ts';
import type { CallLog } from '../observe/log.ts';
import type { ConversationMemory, OperationVersion, SessionMemory } from '../recognition/session.ts';
import type { TextSketch } from '../recognition/text-similarity.ts';
import type { Catalog } from '../tool/catalog.ts';
import type { ClientPool } from '../tool/client-pool.ts';
import type { Tool } from '../tool/types.ts';
import type { InputRequest, OperatorOptions } from './outcome.ts';
import type { Unsettled } from './unsettled.ts';

/** One tool call, independent of MCP. */
export interface ToolCall {
  readonly tool: string;
  readonly arguments: unknown;
  /** The owner of the call, as verified by the server and never taken from the caller's arguments. */
  readonly scope: { readonly tenant: string; readonly subject: string };
  /** Data that the host program attached to the call. Trusted: the model does not write it. */
  readonly meta: Readonly<Record<string, unknown>>;
  /** The host program's own idempotency key, unchecked; undefined when it sent none. */
  readonly hostKey?: unknown;
  /** Aborts when the caller cancels or leaves. */
  readonly signal: AbortSignal;
  /**
   * The memory of the caller's session: the answers that it received and its executions. Without it, no answer counts as
   * delivered, and a repeat is replayed.
   */
  readonly session?: SessionMemory | undefined;
  /**
   * Present in a call that is only observed: its server gets it whatever the engine decides. Tells whether the engine ran it;
   * if not, the ledger notes what a guarded call would have got.
   */
  readonly hasRun?: () => boolean;
  /** Called about once a second while the call waits for another one. */
  readonly onWait?: (waitedMs: number) => void;
  /**
   * Receives every execution for the call. An execution continues when the caller leaves; the promise settles when it has
   * ended.
   */
  readonly onExecution?: (running: Promise<unknown>) => void;
  /** How the caller can be asked a question; absent when it cannot be asked. */
  readonly questionChannel?: QuestionChannel;
  /** The replies to an earlier question. Unchecked. */
  readonly input?: {
    /** By request name. */
    readonly responses: unknown;
    /** The `requestState` that came with them. */
    readonly state: unknown;
  };
}

/** How a caller is asked. A server derives it from the capabilities that the client has declared. */
export type QuestionChannel =
  /** By the outcome of the call; the caller then calls again with replies (MCP 2026-07-28, multi round-trip requests). */
  | { readonly type: 'rounds' }
  /** While the call waits (MCP 2025-11-25, elicitation). Resolves with the response, unchecked. */
  | { readonly type: 'direct'; ask(request: InputRequest, signal: AbortSignal): Promise<unknown> };

export interface EngineSettings {
  /** How long an identical call waits for the one in flight, in ms. Below the 60 s after which clients give up. */
  readonly waitMs: number;
  /** How long one run of a tool may take, in ms. */
  readonly maxRunMs: number;
  /** The minimum time that a settled record is kept, in ms. */
  readonly recordRetentionMs: number;
  /** The largest result that is kept, in bytes of JSON. */
  readonly resultBytesMax: number;
  /** Whether keys from the host program are honoured. */
  readonly hostKeys: boolean;
  /** Whether the host's conversation id is part of the scope. */
  readonly conversationScope: boolean;
  /** How long two equal calls of one session are twins after the answer to the first one has arrived, in ms. */
  readonly twinMs: number;
  /** How long a reworded call counts as a possible repeat after the first one has settled, in ms. */
  readonly rewordedMs: number;
  /** The options with which an operator's command opens the same ledger. @defaultValue those of the default ledger */
  readonly operator?: OperatorOptions | undefined;
}

/** The parts of an engine that calls use. `createEngine` wires them once. */
export interface EngineParts {
  readonly catalog: Catalog;
  readonly clients: ClientPool;
  readonly clock: Clock;
  readonly settings: EngineSettings;
  /** Opens the ledger on first use. @throws LedgerUnavailable */
  readonly ledger: () => Promise<Ledger>;
  /** The secret that repeat tokens are signed with. @throws LedgerUnavailable */
  readonly repeatSecret: () => Promise<string>;
  /** When keys of the present form were first used in this ledger, in ms since the epoch; 0 where all keys have it. */
  readonly keysSince: () => Promise<number>;
  /** Limits the records of each subject and tenant. Undefined means no limit. */
  readonly quota?: RecordQuota | undefined;
  readonly randomId: () => string;
  /** The name of the first step of each tool, from its last run with steps. A claim contains it in advance. */
  readonly firstSteps: BoundedMap<string, string>;
  readonly log: CallLog;
  /** The executions in progress, so that they can be drained. */
  readonly running: Set<Promise<unknown>>;
  /** The outcomes that could not be written to the ledger yet. */
  readonly unsettled: Unsettled;
  /** Aborts when no further execution may begin. */
  readonly closing: AbortSignal;
  /** Aborts when executions have to end. */
  readonly ending: AbortSignal;
}

/** A key that an earlier version gave to a call, with the call's fingerprint in that version. */
export type EarlierKey = Pick<DerivedKey, 'key' | 'fingerprint'>;

/** The family of a call whose tool takes free text. */
interface CallFamily {
  /** Returns the key of the ledger's entry. */
  key(): string;
  /** Makes the sketch of the free text at its first use. */
  sketch(): TextSketch;
  /** True when the caller has seen the earlier operation and means another one. */
  readonly isMeant: boolean;
}

/** A prepared guarded call, with everything that is derived from it. */
export interface GuardedCall {
  readonly tool: Tool;
  readonly derived: DerivedKey;
  /** Returns the key that repeat tokens of this call belong to. */
  baseKey(): string;
  /** The memory of the caller's conversation; undefined for a caller without a session. */
  readonly memory?: ConversationMemory | undefined;
  /** The recent operations with the same skeleton; undefined for a tool without free text. */
  readonly family?: CallFamily | undefined;
  /** The version of the operation that the caller has seen and wants to execute once more, by a repeat token. */
  readonly again?: { readonly generation: number; readonly kind: TokenKind } | undefined;
  /** The operation whose repeat token the caller sent, for a tool whose repeats are operations of their own. */
  readonly follows?: OperationVersion | undefined;
  /** Whether the caller named one occurrence, by a number or a token. Then an equal call is always a repeat. */
  readonly isNumbered: boolean;
  /** The key of the same call without a token. */
  readonly ownKey: string;
  /** Returns the keys that earlier versions gave to this call; undefined where they gave the same one. */
  readonly earlierKeys: (() => readonly EarlierKey[]) | undefined;
  readonly request: ClaimRequest;
  readonly call: ToolCall;
  /** JSON pointers of undeclared arguments that are not sent. */
  readonly dropped?: readonly string[] | undefined;
  /** JSON pointers of arguments that do not count for the hash, because a caller makes them up for each try. */
  readonly leftOut?: readonly string[] | undefined;
  /** The question that the call answers, when its operation waits for input. */
  readonly answers?: { readonly question: InputQuestion; readonly responses: unknown };
  /** True when a person decides whether a repeat means another operation. */
  readonly asksBeforeRepeat: boolean;
  /** Returns the key of the occurrence after `last`. */
  keyAfter(last: Pick<OperationRecord, 'key' | 'occurrence' | 'generation'>): string;
}
