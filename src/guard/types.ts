import type { Keyv } from 'keyv';
import type { OutcomeCode } from '../core/call/outcome.ts';
import type { Duration } from '../core/duration.ts';
import type { Classification, Effect, LookupAnswer, LookupContext, Match, Recovery } from '../core/tool/types.ts';

/** Whose operation it is. Two subjects never share one. 1 to 200 characters each. */
export interface GuardScope {
  /** Default `default`, or the variable `MCP_ONCE_TENANT`. */
  readonly tenant?: string;
  /** A stable name of the user or service, as verified by the server; no token, no session id. */
  readonly subject: string;
}

/** Tells whose operation a request is, by what a handler gets as its last argument. */
export type ScopeOf = {
  /** A method, so that a function that takes its SDK's own type of request fits. */
  of(extra: object): GuardScope;
}['of'];

/** What is said of a tool. Everything has a default, by the tool's annotations. */
export interface GuardPolicy {
  /**
   * What a call does. Default by the annotations: `readOnlyHint` is `read`, which is not guarded;
   * `idempotentHint` is `update`; anything else `create`.
   */
  readonly effect?: Effect;
  /** How a repeat is recognised. Default by effect: `create` identical; others `latest` with a resource, else `same-call`. */
  readonly match?: Match;
  /** How long a repeat means the same operation, from its end. Default by match: 24 h, 2 min, 10 min. */
  readonly window?: Duration;
  /** The business key: what makes two inputs the same operation. No free text. */
  identity?(input: Readonly<Record<string, unknown>>): unknown;
  /** The thing that is written, for `latest`. */
  resource?(input: Readonly<Record<string, unknown>>): unknown;
  /** What to do about an unknown outcome. Default `refuse`; with `idempotentHint`, `natural`. */
  readonly recovery?: Recovery | readonly Recovery[];
  /** Asks the upstream for the effect by its marker; needed for `reconcile`. `result` is what the handler would have returned. */
  lookup?(
    input: Readonly<Record<string, unknown>>,
    context: Omit<LookupContext, 'client' | 'log'>,
  ): Promise<LookupAnswer>;
  /** How long an effect may take to show in `lookup`. Default 1 min. */
  readonly lookupLag?: Duration;
  /** The handler's answer of a delete whose thing is already gone; needed for `natural` on a delete. */
  gone?(input: Readonly<Record<string, unknown>>): unknown;
  /** How long the upstream remembers an idempotency key; needed for `resend`. */
  readonly keyMemory?: Duration;
  /** What a thrown error says about the effect. Default: `NotExecuted` no effect, anything else unknown. */
  classify?(error: unknown): Classification;
}

/** Policies by tool name; `*` stands for any characters. Of two that match, the later one wins, part by part. */
export type GuardPolicies = Readonly<Record<string, GuardPolicy>>;

/** What `guard` takes. Every option has a default. */
export interface GuardOptions {
  /**
   * Where operations are kept: `sqlite:PATH`, `redis://...`, `rediss://...`, `memory:`, or a Keyv instance.
   * Default: the variable `MCP_ONCE_STORE`, else a SQLite file in the user's data directory.
   */
  readonly store?: string | Keyv;
  /**
   * Says that no other process uses the Keyv store, which has no atomic step of its own. Needed for a Keyv
   * instance that is neither Redis nor our SQLite: two processes would both execute.
   */
  readonly singleProcess?: boolean;
  /**
   * Names the program whose tools these are: equal calls of two programs on one store are two operations. 1 to 200
   * characters, the same on all machines. Default: the MCP server's own name. Of functions and wrapped handlers: one
   * name for all that name the same `store` in their code, else the path of the script; needed where the environment
   * names a shared store.
   */
  readonly name?: string;
  /**
   * Whose operation a call is. Default: the subject of the verified access token (`extra.authInfo.extra.sub`) where
   * there is one, else the variables `MCP_ONCE_TENANT` and `MCP_ONCE_SUBJECT`, else `local`, which a shared store refuses.
   */
  readonly scope?: GuardScope | ScopeOf;
  readonly tools?: GuardPolicies;
  /** Signs repeat tokens, 32 characters or more. Default: the variable `MCP_ONCE_SECRET`, else one made once and kept in the store. */
  readonly secret?: string;
  /** How long an identical call waits for the one in flight. Keep it under the clients' time-out. Default 45s. 1s to 10m. */
  readonly wait?: Duration;
  /** How long one run of a handler may take before it is cut off. Default 10m. 1s to 24h. */
  readonly maxRun?: Duration;
  /** How long a claim holds without renewal. Default 10s. 500ms to 5m, shorter than `wait`. */
  readonly lease?: Duration;
  /** How long `close` waits for what executes. Default 30s. 0 to 10m. */
  readonly drain?: Duration;
  /** The largest result that is kept for replays, in bytes of JSON. Default 262144. 1024 to 16777216. */
  readonly resultBytesMax?: number;
  /** What is logged, to stderr. Default `warn`. */
  readonly logLevel?: 'silent' | 'error' | 'warn' | 'info' | 'debug';
}

/** What `protect` takes for one server, over the guard's own. */
export interface ProtectOptions {
  readonly tools?: GuardPolicies;
  readonly scope?: GuardOptions['scope'];
  readonly name?: string;
}

/** The operation that a handler executes. */
export interface Operation {
  /**
   * The key to send upstream with the one request that the handler makes: the same when that request is sent
   * again, another one for another effect. With several requests use `step`. A UUID.
   */
  readonly idempotencyKey: string;
  /** To be written upstream with the effect (metadata, reference), so that `lookup` finds it. */
  readonly marker: string;
  /** 1, and one more after each definite failure. */
  readonly attempt: number;
  /**
   * Runs one request with an idempotency key of its own and keeps its result, so that a repeat goes on from
   * there. One after the other; a name is used once; the result must be JSON.
   */
  step<T>(name: string, send: (idempotencyKey: string) => Promise<T>): Promise<T>;
  /** Keeps the answer of a read that later steps depend on. */
  read<T>(name: string, ask: () => Promise<T>): Promise<T>;
  /** Aborts at `maxRun` or when the guard closes, never because a caller left. */
  readonly signal: AbortSignal;
}

/** The hints of MCP that decide how a tool is guarded (2025-11-25, `ToolAnnotations`). */
export interface ToolHints {
  readonly readOnlyHint?: boolean | undefined;
  readonly idempotentHint?: boolean | undefined;
}

/** A tool by its name, with what else is known of it. */
export interface GuardedTool extends GuardPolicy {
  readonly name: string;
  readonly annotations?: ToolHints;
  /** JSON Schema: which fields may be null, and what their defaults are. Arguments are not checked against it. */
  readonly inputSchema?: Readonly<Record<string, unknown>>;
}

/** A call of a function that is no MCP tool. */
export interface RunCall<Input extends object = Record<string, unknown>> {
  readonly tool: string | GuardedTool;
  /** JSON. A `repeat_token` in it is taken off and used. */
  readonly arguments: Input;
  readonly scope?: GuardScope;
  /** A key of the host program (never of the model): it alone names the operation. 1 to 255 characters. */
  readonly idempotencyKey?: string;
  /** The `repeatToken` of a replay, when a second, identical operation is really wanted. */
  readonly repeatToken?: string;
  /** Aborts when the caller leaves. What is dispatched goes on, and is settled. */
  readonly signal?: AbortSignal;
}

/** How a call ended. */
export type RunOutcome<Result> = RunSuccess<Result> | RunRefusal;

/** It took effect, now or before. */
export interface RunSuccess<Result> {
  readonly code: 'succeeded';
  readonly result: Result;
  /** True when nothing was executed for this call, and `result` is the stored one. */
  readonly replayed: boolean;
  /** The operation's name in the ledger; absent for what is not guarded. */
  readonly operation?: string;
  /** ISO 8601. */
  readonly firstExecutedAt?: string;
  readonly repeatToken?: string;
}

/** It was not executed, or its outcome is not known: `message` says which, and what to do next. */
export interface RunRefusal {
  readonly code: OutcomeCode;
  readonly message: string;
  readonly operation?: string;
  readonly retryAfterMs?: number;
  /** The arguments that differ from the first call's, of a conflict. */
  readonly fields?: readonly string[];
  readonly firstResult?: unknown;
  readonly repeatToken?: string;
}

/** What a handler of an MCP framework returns: content, as MCP has it. */
export interface ContentAnswer {
  readonly content: readonly object[];
  readonly isError?: boolean | undefined;
}

/** An MCP server of one of the SDKs, by its shape: `McpServer` or the low-level `Server`, version 1 or 2. */
export interface ServerLike {
  connect(transport: never): Promise<void>;
}

/** Guards handlers. Made by `guard`. */
export interface Guard {
  /**
   * Guards an MCP server's tools: of an `McpServer` those registered from here on, of a low-level `Server` all.
   * Call it before `connect`.
   * @throws McpOnceError `configuration_invalid` for something that is no server of a known SDK.
   */
  protect(server: ServerLike, options?: ProtectOptions): void;
  /**
   * The operation that a handler is called for.
   * @param extra the handler's own last argument.
   * @throws McpOnceError `tool_invalid` outside a guarded call.
   */
  operation(extra: object): Operation;
  /** A handler of a framework that speaks MCP (fastmcp, say), guarded: replays and refusals are content. */
  wrap<Input extends object, Context extends object, Result extends ContentAnswer>(
    tool: string | GuardedTool,
    handler: (input: Input, context: Context) => Promise<Result>,
  ): (input: Input, context: Context) => Promise<Result>;
  /**
   * Executes a function at most once. Never rejects for what `execute` throws: that is an outcome.
   * @throws McpOnceError `configuration_invalid` when it is not known whose operation it is.
   */
  run<Input extends object, Result>(
    call: RunCall<Input>,
    execute: (input: Input, operation: Operation) => Promise<Result>,
  ): Promise<RunOutcome<Result>>;
  /** Begins nothing more, waits for what executes, settles the rest as unknown, and closes the store. Bounded. */
  close(): Promise<void>;
}
