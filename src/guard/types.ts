import type { Keyv } from 'keyv';
import type { OutcomeCode } from '../core/call/outcome.ts';
import type { Duration } from '../core/duration.ts';
import type { Classification, Effect, LookupAnswer, LookupContext, Recovery, ToolClass } from '../core/tool/types.ts';

/**
 * The user or service that an operation belongs to. Two subjects never share an operation. Each name has 1 to 200
 * characters.
 *
 * @example
 * { tenant: 'acme', subject: 'ada@example.com' }
 */
export interface GuardScope {
  /**
   * The organisation of the subject.
   *
   * @defaultValue the variable `MCP_ONCE_TENANT`, else `'default'`
   */
  readonly tenant?: string;
  /** A stable name that the server has verified. Never a token or a session id: those change while the user stays. */
  readonly subject: string;
}

/**
 * Returns the scope of a request. It receives the last argument of the tool's handler.
 *
 * @example
 * (extra) => ({ subject: userOf(extra.authInfo).id })
 */
export type ScopeOf = {
  /** A method, so that a function with the SDK's own parameter type fits. */
  of(extra: object): GuardScope;
}['of'];

/**
 * How one tool is guarded. Every member has a default that follows from the tool's annotations.
 *
 * @example
 * {
 *   effect: 'create',
 *   identity: ({ orderId }) => orderId,
 *   window: '7d',
 *   recovery: 'reconcile',
 *   lookup: async ({ orderId }, { marker }) => {
 *     const charge = await findCharge({ orderId, marker });
 *     return charge ? { status: 'found', result: charge } : { status: 'absent' };
 *   },
 * }
 */
export interface GuardPolicy {
  /**
   * The effect of a call. A `read` is not guarded.
   *
   * @defaultValue by annotation: `readOnlyHint` is `'read'`, `idempotentHint` is `'update'`, anything else is `'create'`
   */
  readonly effect?: Effect;
  /**
   * The way in which a call changes its upstream. It decides which calls are repeats.
   *
   * @defaultValue `'create'` for the effect `create`, else `'state'`
   */
  readonly class?: ToolClass;
  /**
   * Whether a call pays, charges, refunds or bills. A caller cannot end the unknown outcome of such a tool.
   *
   * @defaultValue what the name suggests
   */
  readonly movesMoney?: boolean;
  /**
   * How long a repeat means the same operation, counted from the end of the operation. 0 to 366 days.
   *
   * @defaultValue by class: `'24h'` for `create`, `'2m'` for `state` with a `resource`, `'10m'` for other tools
   */
  readonly window?: Duration;
  /**
   * Returns the business key: two inputs with equal keys are one operation. Leave free text out.
   *
   * @defaultValue all arguments
   */
  identity?(input: Readonly<Record<string, unknown>>): unknown;
  /**
   * The arguments that do not make two calls different operations: JSON pointers (RFC 6901); `*` stands for each item of a
   * list. The handler still gets them.
   *
   * @defaultValue none
   * @example ['/memo', '/lines/*\/note']
   */
  readonly ignore?: readonly string[];
  /** Returns the thing that a `state` call writes. The latest write counts. */
  resource?(input: Readonly<Record<string, unknown>>): unknown;
  /**
   * How the guard recovers from an unknown outcome. It tries a list in order.
   *
   * @defaultValue `'natural'` for a tool with `idempotentHint`, else `'refuse'`
   */
  readonly recovery?: Recovery | readonly Recovery[];
  /**
   * Asks the upstream for the effect by its marker. Needed for `recovery: 'reconcile'`. The `result` of a `found` effect
   * is the value that the handler would have returned.
   */
  lookup?(
    input: Readonly<Record<string, unknown>>,
    context: Omit<LookupContext, 'client' | 'log'>,
  ): Promise<LookupAnswer>;
  /**
   * How long an effect may take to appear in `lookup`. 0 to 1 day.
   *
   * @defaultValue `'1m'`
   */
  readonly lookupLag?: Duration;
  /** Returns the handler's result for a delete whose target no longer exists. Needed for `recovery: 'natural'` on a delete. */
  gone?(input: Readonly<Record<string, unknown>>): unknown;
  /**
   * How long the upstream remembers an idempotency key. Needed for `recovery: 'resend'`. 0 to 3,660 days.
   *
   * @defaultValue `0`: the upstream takes no idempotency keys
   */
  readonly keyMemory?: Duration;
  /**
   * Says what a thrown error means for the effect.
   *
   * @defaultValue `'not_executed'` for `NotExecuted`, `'unknown'` for any other error
   */
  classify?(error: unknown): Classification;
}

/**
 * Policies by tool name. `*` stands for any characters. Where several names match, a later policy overrides the members
 * of an earlier one.
 *
 * @example
 * { '*': { window: '1h' }, 'create_*': { effect: 'create' }, get_invoice: { effect: 'read' } }
 */
export type GuardPolicies = Readonly<Record<string, GuardPolicy>>;

/**
 * The options of `guard`. Every option has a default.
 *
 * @example
 * const once = await guard({ store: 'redis://localhost:6379', name: 'billing', wait: '30s' });
 */
export interface GuardOptions {
  /**
   * Where operations are kept: `sqlite:PATH`, `redis://...`, `rediss://...`, `memory:`, or a Keyv instance.
   *
   * @defaultValue the variable `MCP_ONCE_STORE`, else a SQLite file in the user's data directory
   */
  readonly store?: string | Keyv;
  /**
   * Confirms that no other process uses the Keyv store. Needed for a Keyv instance that is neither Redis nor mcp-once's
   * SQLite: such a store has no atomic operation, so that two processes would both execute.
   *
   * @defaultValue `false`
   */
  readonly singleProcess?: boolean;
  /**
   * Names the program that the tools belong to, in 1 to 200 characters. Equal calls of two programs on one store are two
   * operations. Use the same name on all machines.
   *
   * For functions and wrapped handlers the default is the package where the code sets `store`, else the path of the script.
   * The option is required for them where `MCP_ONCE_STORE` names a shared store, and for a program without a package.
   *
   * @defaultValue the package of the program (the nearest `package.json` with a name) and the name of the MCP server
   */
  readonly name?: string;
  /**
   * The scope of a call, or a function that returns it.
   *
   * @defaultValue the subject of the verified access token (`extra.authInfo.extra.sub`), else the variables
   * `MCP_ONCE_TENANT` and `MCP_ONCE_SUBJECT`, else the subject `'local'`, which a shared store refuses
   */
  readonly scope?: GuardScope | ScopeOf;
  /**
   * Policies for tools whose annotations do not say enough.
   *
   * @defaultValue `{}`: the annotations decide
   */
  readonly tools?: GuardPolicies;
  /**
   * Signs repeat tokens. At least 32 characters.
   *
   * @defaultValue the variable `MCP_ONCE_SECRET`, else a random secret that is kept in the store
   */
  readonly secret?: string;
  /**
   * How long an identical call waits for the one in flight. Keep it below the clients' time-out. 1 s to 10 min.
   *
   * @defaultValue `'45s'`
   */
  readonly wait?: Duration;
  /**
   * How long one run of a handler may take before the guard cuts it off. 1 s to 24 h.
   *
   * @defaultValue `'10m'`
   */
  readonly maxRun?: Duration;
  /**
   * How long a claim holds without renewal. 500 ms to 5 min, and shorter than `wait`.
   *
   * @defaultValue `'10s'`
   */
  readonly lease?: Duration;
  /**
   * How long `close` waits for running handlers. 0 to 10 min.
   *
   * @defaultValue `'30s'`
   */
  readonly drain?: Duration;
  /**
   * The largest result that is kept for replays, in bytes of JSON. 1,024 to 16,777,216.
   *
   * @defaultValue `262_144`
   */
  readonly resultBytesMax?: number;
  /**
   * The least severe messages that are written to stderr.
   *
   * @defaultValue `'warn'`
   */
  readonly logLevel?: 'silent' | 'error' | 'warn' | 'info' | 'debug';
}

/**
 * The options of `protect` for one server. They override those of the guard.
 *
 * @example
 * once.protect(server, { tools: { 'send_*': { window: '1h' } } });
 */
export interface ProtectOptions {
  /** Policies for this server's tools. They override the guard's, member by member. @defaultValue `{}` */
  readonly tools?: GuardPolicies;
  /** The scope of this server's calls. @defaultValue the guard's `scope` */
  readonly scope?: GuardOptions['scope'];
  /** Names the server, in 1 to 200 characters. @defaultValue the guard's `name`, else package and name of the server */
  readonly name?: string;
}

/**
 * The operation that a handler executes.
 *
 * @example
 * const { id } = await operation.step('create', (idempotencyKey) => api.createInvoice(input, { idempotencyKey }));
 * await operation.step('send', (idempotencyKey) => api.sendInvoice(id, { idempotencyKey }));
 */
export interface Operation {
  /**
   * The key to send upstream with the handler's only request, a UUID. It stays the same when that request is sent again,
   * and differs for another effect. A handler with several requests uses `step` instead.
   */
  readonly idempotencyKey: string;
  /** The text to write upstream with the effect (in metadata or a reference), so that `lookup` finds the effect. */
  readonly marker: string;
  /** Counts the executions, from 1. A new one starts only after a definite failure. */
  readonly attempt: number;
  /**
   * Runs one request with its own idempotency key and keeps its result, so that a repeat continues from there. Steps run
   * one after another. Use each name once. The result must be JSON.
   */
  step<T>(name: string, send: (idempotencyKey: string) => Promise<T>): Promise<T>;
  /** Keeps the answer of a read that later steps depend on. Use each name once. The answer must be JSON. */
  read<T>(name: string, ask: () => Promise<T>): Promise<T>;
  /** Aborts at `maxRun` or when the guard closes. It does not abort when the caller leaves. */
  readonly signal: AbortSignal;
}

/** The MCP annotations that decide how a tool is guarded (2025-11-25, `ToolAnnotations`). */
export interface ToolHints {
  /** The tool changes nothing: it is not guarded. @defaultValue `false` */
  readonly readOnlyHint?: boolean | undefined;
  /** Repeating the call with the same arguments has no further effect. @defaultValue `false` */
  readonly idempotentHint?: boolean | undefined;
}

/**
 * A tool's name, with its policy and the parts of its MCP definition that matter to the guard.
 *
 * @example
 * { name: 'create_invoice', effect: 'create', window: '1h' }
 */
export interface GuardedTool extends GuardPolicy {
  readonly name: string;
  readonly annotations?: ToolHints;
  /** JSON Schema. Says which fields may be null and what their defaults are. The guard does not validate arguments with it. */
  readonly inputSchema?: Readonly<Record<string, unknown>>;
}

/**
 * A call of a function that is not an MCP tool.
 *
 * @example
 * const outcome = await once.run({ tool: 'send_mail', arguments: { to, subject } }, (input) => sendMail(input));
 */
export interface RunCall<Input extends object = Record<string, unknown>> {
  readonly tool: string | GuardedTool;
  /** The arguments, as JSON. The guard takes a `repeat_token` out of them and uses it. */
  readonly arguments: Input;
  /** @defaultValue the guard's `scope` */
  readonly scope?: GuardScope;
  /**
   * A key that the calling program has made, in 1 to 255 characters. It names the operation instead of the arguments. A
   * model must never choose it.
   */
  readonly idempotencyKey?: string;
  /** The `repeatToken` of a replay. It asks for a second, identical operation. */
  readonly repeatToken?: string;
  /** Aborts when the caller leaves. A request that was already sent continues, and its outcome is stored. */
  readonly signal?: AbortSignal;
}

/**
 * The outcome of a call.
 *
 * @example
 * if (outcome.code === 'succeeded') return outcome.result;
 * throw new Error(outcome.message);
 */
export type RunOutcome<Result> = RunSuccess<Result> | RunRefusal;

/** The operation took effect, in this call or in an earlier one. */
export interface RunSuccess<Result> {
  readonly code: 'succeeded';
  readonly result: Result;
  /** True when this call executed nothing and `result` is the stored one. */
  readonly replayed: boolean;
  /** The operation's key in the ledger. Absent for a tool that is not guarded. */
  readonly operation?: string;
  /** ISO 8601. */
  readonly firstExecutedAt?: string;
  /** Pass it as `repeatToken` to execute an identical operation again. */
  readonly repeatToken?: string;
}

/** This call executed nothing, or its outcome is unknown. `message` says which, and what to do next. */
export interface RunRefusal {
  readonly code: OutcomeCode;
  readonly message: string;
  /** The operation's key in the ledger. */
  readonly operation?: string;
  /** When a further try makes sense, in ms from now. */
  readonly retryAfterMs?: number;
  /** The arguments that differ from those of the first call, for a conflict. */
  readonly fields?: readonly string[];
  /** The result of the first call, for a conflict. */
  readonly firstResult?: unknown;
  /** Pass it as `repeatToken` to execute the operation in spite of the refusal. */
  readonly repeatToken?: string;
}

/** The result of an MCP framework's handler: MCP content. */
export interface ContentAnswer {
  readonly content: readonly object[];
  readonly isError?: boolean | undefined;
}

/** An MCP server of an official SDK: `McpServer` or the low-level `Server`, version 1 or 2. Recognised by its shape. */
export interface ServerLike {
  connect(transport: never): Promise<void>;
}

/**
 * Guards handlers. `guard` creates it.
 *
 * @example
 * const once = await guard();
 * once.protect(server);
 * server.registerTool('create_invoice', { inputSchema }, handler);
 */
export interface Guard {
  /**
   * Guards an MCP server's tools: all tools of a low-level `Server`, and the tools of an `McpServer` that are registered
   * after this call. Call it before `connect`.
   *
   * @throws McpOnceError `configuration_invalid` for a value that is not a server of a known SDK
   */
  protect(server: ServerLike, options?: ProtectOptions): void;
  /**
   * Returns the operation that a handler runs for.
   *
   * @param extra the last argument of the handler
   * @throws McpOnceError `tool_invalid` outside a guarded call
   * @example
   * const { idempotencyKey } = once.operation(extra);
   */
  operation(extra: object): Operation;
  /**
   * Guards a handler of a framework that uses MCP content, for example fastmcp. Replays and refusals are content, too.
   *
   * @example
   * server.addTool({ name: 'create', execute: once.wrap('create', async (input) => ({ content: await create(input) })) });
   */
  wrap<Input extends object, Context extends object, Result extends ContentAnswer>(
    tool: string | GuardedTool,
    handler: (input: Input, context: Context) => Promise<Result>,
  ): (input: Input, context: Context) => Promise<Result>;
  /**
   * Executes a function at most once. An error that `execute` throws is an outcome: the promise does not reject for it.
   *
   * @throws McpOnceError `configuration_invalid` when the scope is not known
   * @example
   * const outcome = await once.run({ tool: 'charge', arguments: { orderId } }, (input, { idempotencyKey }) =>
   *   api.charge(input, { idempotencyKey }),
   * );
   */
  run<Input extends object, Result>(
    call: RunCall<Input>,
    execute: (input: Input, operation: Operation) => Result | Promise<Result>,
  ): Promise<RunOutcome<Result>>;
  /**
   * Starts no further handler and waits up to `drain` for the running ones. Then stores the outcome of the rest as
   * unknown, and closes the store. The wait is bounded.
   */
  close(): Promise<void>;
}
