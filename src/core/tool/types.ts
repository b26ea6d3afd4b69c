import type { z } from 'zod';
import type { Duration } from '../duration.ts';
import type { ArgumentOptions } from '../key/arguments.ts';

/**
 * The effect of a tool on its upstream. The ledger does not contain reads.
 *
 * - `create`: makes, sends, books or pays something.
 * - `update`: changes part of a thing. `replace`: writes a whole thing.
 * - `delete`: removes or cancels a thing.
 */
export type Effect = 'read' | 'create' | 'update' | 'replace' | 'delete';

/**
 * The way in which a tool changes its upstream. It decides which calls are repeats (`core/recognition/table.ts`).
 *
 * - `create`: makes, pays, sends or books something. The same call is a repeat for the whole window.
 * - `state`: sets, updates, moves, toggles, archives or deletes something. The latest write counts, so the same call is
 *   meant again once its answer has arrived and something else was written, or some time has passed.
 * - `repeatable`: appends, increments, clicks, presses or scrolls. The same call is meant again later, and `occurrence`
 *   tells apart several that are meant at once.
 * - `off`: the tool is not guarded.
 */
export type ToolClass = 'create' | 'state' | 'repeatable' | 'off';

/**
 * The handling of an unknown outcome. A list is tried in order and always ends in `refuse`.
 *
 * - `resend`: send the request again under the same idempotency key.
 * - `natural`: send it again, since sending it twice leaves the same state.
 * - `reconcile`: ask the upstream with `lookup`.
 * - `refuse`: report `outcome_unknown`.
 */
export type Recovery = 'resend' | 'natural' | 'reconcile' | 'refuse';

/**
 * The response to a call when an identical call has succeeded within the window.
 *
 * - `replay`: the stored result.
 * - `ask`: the person is asked first whether another operation is meant. A client that cannot ask gets a replay.
 */
export type OnDuplicate = 'replay' | 'ask';

/**
 * Where effects happen. Two upstreams never share an operation.
 *
 * @example
 * { origin: 'https://api.stripe.com', mode: 'live', account: 'acct_1' }
 */
export interface Upstream {
  readonly origin: string;
  /** Such as `sandbox`, `test` or `live`. */
  readonly mode: string;
  readonly account: string;
}

/**
 * What a thrown error says about the effect of its request.
 *
 * - `not_executed`: this request had no effect, but an earlier one under the same upstream key may have had one
 *   (connection refused, 401, 429, a validation error).
 * - `failed`: the upstream's final response for this upstream key. No request under this key takes effect.
 * - `gone`: the thing to change does not exist (404, 410). The request had no effect. When `natural` recovers a delete,
 *   this means that the delete is done.
 * - `unknown`: the request may have taken effect (time-out, reset after sending, 5xx, key in use).
 */
export type Classification = 'not_executed' | 'failed' | 'gone' | 'unknown';

/** A client of one upstream. Tools share it, and the first call that needs it opens it. Made by `defineClient`. */
export interface Client<Opened = unknown> {
  readonly name: string;
  /** The names of the environment variables that the client reads. */
  readonly variables: readonly string[];
  /** Reads the client's environment variables. @throws McpOnceError `upstream_unavailable` that names the variable */
  readonly configure: (environment: Readonly<Record<string, string | undefined>>) => ConfiguredClient<Opened>;
  /** Returns the variables that are not set and that some tools need. Calls of those tools are refused. */
  unset?(environment: Readonly<Record<string, string | undefined>>): readonly string[];
  /** Where the client sends its variables, as far as a document decides that. */
  readonly destinations?: readonly CredentialDestination[];
  /** How long the provider remembers an idempotency key, in ms; 0 for a provider that takes no keys. */
  readonly memoryMs: number;
  /** Returns what an error says about the effect of its request. */
  readonly classify: (error: unknown) => Classification;
}

/** A variable whose value is a credential, and an origin that it is sent to. */
export interface CredentialDestination {
  readonly variable: string;
  readonly origin: string;
  /** Whether the configuration names the variable. Otherwise the document does. */
  readonly isConfigured: boolean;
}

/** A client with valid variables that is not open yet. */
export interface ConfiguredClient<Opened = unknown> {
  readonly upstream: Upstream;
  /** A line that stands in the description of each tool of the client and in each result. */
  readonly banner?: string | undefined;
  open(): Promise<Opened>;
  close(opened: Opened): Promise<void>;
}

/** A tool's input as the engine sees it. Its source is a zod schema, an OpenAPI document or another MCP server. */
interface ToolInput {
  readonly jsonSchema: Readonly<Record<string, unknown>>;
  /** How arguments are prepared before they are validated and hashed. */
  readonly options?: ArgumentOptions | undefined;
  parse(value: unknown): ParsedInput;
  /** Returns the arguments to send and to store, for an upstream that validates them itself. */
  sent?(given: Record<string, unknown>, form: Record<string, unknown>): Record<string, unknown>;
}

/** The parsed arguments of a tool, or the problems in them. */
export type ParsedInput =
  | { readonly ok: true; readonly value: Record<string, unknown> }
  | {
      readonly ok: false;
      readonly issues: readonly InputIssue[];
      /** The arguments that are sent all the same, where the upstream judges them. Absent where a call is refused. */
      readonly judgedLater?: Record<string, unknown>;
    };

/** One problem in a tool's arguments. Never contains a value. */
export interface InputIssue {
  /** The place, such as `lines[0].quantity`; empty for the whole input. */
  readonly path: string;
  readonly message: string;
}

/** The server's log, for a tool. Log no argument values and no secrets. */
export interface ToolLog {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
}

/**
 * A question to a person.
 *
 * @example
 * await context.ask('account', { message: 'Which account?', schema: z.object({ account: z.string() }) })
 */
export interface AskRequest<Content extends z.ZodObject> {
  /** The text that the person reads. */
  readonly message: string;
  /** A flat object of strings, numbers, booleans and enums (MCP 2025-11-25, elicitation, requested schema). */
  readonly schema: Content;
}

/** A person's reply to a question: filled in, declined, or closed. */
export type AskReply<Content> =
  | { readonly action: 'accept'; readonly content: Content }
  | { readonly action: 'decline' | 'cancel' };

/** The second argument of `run`. */
export interface RunContext<Opened = unknown> {
  /** The opened client of the tool. */
  readonly client: Opened;
  /**
   * The upstream key for an operation that is a single request. An operation with several requests, or with code after
   * the request that can fail, sends each request through `step`. After a request outside of a step every failure has
   * an unknown outcome.
   */
  readonly upstreamKey: string;
  /** A text to store upstream with the effect, for example in metadata, so that `lookup` can find it. */
  readonly marker: string;
  /** 1 for the first attempt; a definite failure is followed by the next attempt. */
  readonly attempt: number;
  /**
   * Sends one request with its own upstream key and stores its result. Recovery continues after the last stored step.
   * Steps run one after the other. After a step with an unknown outcome no step runs. Each name is used once. The
   * result must be JSON.
   *
   * @example
   * const { id } = await context.step('create', (key) => context.client.create(input, { idempotencyKey: key }))
   */
  step<T>(name: string, send: (upstreamKey: string) => Promise<T>): Promise<T>;
  /** Stores the result of a read that later steps depend on, so that recovery makes the same decisions. */
  read<T>(name: string, ask: () => Promise<T>): Promise<T>;
  /**
   * Asks a person for something that the arguments do not contain, through MCP elicitation. The run ends at the
   * question and starts again with the reply, up to an hour later and perhaps in another process. Finished steps are
   * not sent again. All other code runs again, so only steps may have an effect before a question. Steps, reads and
   * questions share one set of names. The ledger keeps replies until the operation has succeeded, so do not ask for
   * secrets.
   *
   * If the client cannot ask a person, the operation fails without further effects.
   */
  ask<Content extends z.ZodObject>(name: string, request: AskRequest<Content>): Promise<AskReply<z.infer<Content>>>;
  /**
   * Returns whether this run may still send a request. `step` checks this itself. A client that repeats a request
   * within a step checks before each repeat, since another process may have taken the operation over meanwhile.
   */
  maySend(): boolean;
  /**
   * Renews a lease that has become old, as on a busy machine. `step` does this itself before its request.
   * @returns whether this run may still send a request, as `maySend` does
   */
  readyToSend(): Promise<boolean>;
  /** Aborts at `maxRunMs` or at a forced shutdown. It does not abort when the caller disconnects. */
  readonly signal: AbortSignal;
  readonly log: ToolLog;
}

/** Gives `canonical` access to the upstream. */
export interface CanonicalContext<Opened = unknown> {
  /**
   * Returns the answer to the first `ask` under this name. The ledger keeps it as long as the operations of the tool, so
   * that a repeat gets the same canonical form although the upstream has changed meanwhile. The call has no key yet, so
   * `ask` must only read.
   *
   * @example
   * const email = await context.read(`email of ${id}`, async (client) => (await client.customers.retrieve(id)).email)
   */
  read<T>(name: string, ask: (client: Opened) => Promise<T>): Promise<T>;
}

/** What `conflictAdvice` gets about the earlier operation: the arguments and the result of its call. */
export interface FirstCall<Input, Output> {
  readonly input: Input;
  readonly result: Output;
  /** The arguments that differ, by names such as `customer.name`. Another way to write the same does not count. */
  readonly fields: readonly string[];
}

/** The second argument of `lookup`. */
export interface LookupContext<Opened = unknown> {
  readonly client: Opened;
  readonly marker: string;
  /** 26 hours before the first claim of the operation, in ms since the epoch. No effect of it is older. */
  readonly sinceMs: number;
  /**
   * The results of the stored steps, by name. A result is stored before the next step is dispatched, so steps after the
   * first missing one were not sent.
   */
  readonly steps: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
  readonly log: ToolLog;
}

/**
 * What `lookup` found upstream.
 *
 * - `found`: the complete effect. `result` is what `run` would have returned.
 * - `partial`: the effects of some steps. `steps` are their results, by step name.
 * - `absent`: no effect with the marker.
 * - `unclear`: the upstream gives no definite answer, for example a match without the marker.
 */
export type LookupAnswer<Output = unknown> =
  | { readonly status: 'found'; readonly result: Output }
  | { readonly status: 'partial'; readonly steps: Readonly<Record<string, unknown>> }
  | { readonly status: 'absent' }
  | { readonly status: 'unclear'; readonly reason: string };

/**
 * A result with its own content blocks (MCP 2025-11-25, `CallToolResult`), for tools whose result is not a single JSON
 * value. The tool's output schema describes `structuredContent`.
 */
export interface ContentResult {
  readonly content: readonly ContentItem[];
  readonly structuredContent?: Readonly<Record<string, unknown>>;
  readonly isError?: boolean;
  readonly _meta?: Readonly<Record<string, unknown>>;
}

/** A content block: text, image, audio, resource or resource link. Other types pass through. */
export type ContentItem = Readonly<Record<string, unknown>> & { readonly type: string };

/** A call of another tool whose arguments are not checked yet. */
export interface RoutedCall {
  readonly tool: string;
  readonly arguments: unknown;
}

/** A tool as the engine sees it. */
export interface Tool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly effect: Effect;
  readonly input: ToolInput;
  /** JSON Schema of the result, if the tool declares one. */
  readonly outputSchema?: Readonly<Record<string, unknown>>;
  /**
   * The type of result that `run` returns: a JSON value or a `ContentResult`.
   * @defaultValue 'value'
   */
  readonly results?: 'value' | 'content';
  /**
   * Whether the engine reads results with `isError`: a definite refusal then is a failure without an effect, and any other
   * error is kept. Tools that read their upstream's errors themselves leave it out.
   * @defaultValue false
   */
  readonly readsErrorResults?: boolean;
  /** Returns whether a result matches the declared output. */
  acceptsOutput(result: unknown): boolean;
  /** Says which fields of a result do not match the declared output. */
  outputProblem?(result: unknown): string | undefined;
  /** Whether the code of an author's tool contains `step`. Absent for tools of another kind. */
  readonly usesSteps?: boolean;
  readonly client?: Client;
  /** The upstream by the rules of an earlier version. Keys made with it are read for one window after the upgrade. */
  readonly earlierUpstream?: Upstream | undefined;
  /** The banner of the client, where it has one in this environment. */
  readonly banner?: string | undefined;
  readonly class: ToolClass;
  /**
   * Whether the tool pays, charges, refunds or bills. A caller cannot end the unknown outcome of such a tool.
   * @defaultValue what its name and description suggest
   */
  readonly movesMoney?: boolean;
  /**
   * Whether the tool may remove or end something, for the hints to clients.
   * @defaultValue true for every effect but `read` and `create`
   */
  readonly destructive?: boolean;
  /** How long identical arguments mean the same operation, in ms from its settling. */
  readonly windowMs: number;
  /**
   * Applies to the class `create` only.
   * @defaultValue 'replay'
   */
  readonly onDuplicate?: OnDuplicate;
  readonly recovery: readonly Recovery[];
  /** How long it may take until `lookup` sees an effect, in ms. */
  readonly lookupLagMs: number;
  canonical?(input: unknown, context: CanonicalContext): unknown;
  identity?(input: unknown): unknown;
  resource?(input: unknown): unknown;
  makes?(result: unknown, input: unknown): unknown;
  undoes?(input: unknown, result: unknown): unknown;
  /** Whether a delete may undo things that `undoes` cannot name. @defaultValue false with `undoes` */
  undoesMore?(): boolean;
  /** Returns how long a result can be used, in ms: the window ends then. Undefined for one without an end. */
  usableMs?(result: unknown, nowMs: number): number | undefined;
  conflictAdvice?(input: unknown, first: FirstCall<unknown, unknown>): string | undefined;
  lookup?(input: unknown, context: LookupContext): Promise<LookupAnswer>;
  gone?(input: unknown): unknown;
  /**
   * Returns the call to make instead, for a tool that stands for other tools. The engine then handles that call under
   * its own name. Undefined calls this tool itself.
   */
  route?(input: unknown): RoutedCall | undefined;
  /** Whether a call with these arguments only reads, for a tool of a wrapped server that does both. Such a call passes. */
  reads?(args: Readonly<Record<string, unknown>>): boolean;
  /** Returns the names of tools that read the same upstream and are not in the catalog. */
  readers?(): readonly string[];
  /** Returns the tool for a caller that may use some tools only, for a tool that shows other tools or stands for them. */
  restrictedTo?(isAllowed: (tool: string) => boolean): Tool;
  run(input: unknown, context: RunContext): Promise<unknown>;
}

/**
 * The argument of `defineTool`.
 *
 * @example
 * export default defineTool({
 *   name: 'create_ticket',
 *   title: 'Create ticket',
 *   description: 'Creates a ticket.',
 *   effect: 'create',
 *   input: z.strictObject({ subject: z.string() }),
 *   output: z.object({ id: z.string() }),
 *   client: tracker,
 *   recovery: 'resend',
 *   run: ({ subject }, { client, upstreamKey }) => client.create({ subject }, { idempotencyKey: upstreamKey }),
 * });
 */
export interface ToolDefinition<Input extends z.ZodObject, Output extends z.ZodType, Opened> {
  /** 1 to 64 of `A-Z a-z 0-9 _ -` (MCP 2025-11-25, tool names). */
  readonly name: string;
  /** A name for people. */
  readonly title: string;
  /** Tells the model what the tool does and when to use it. */
  readonly description: string;
  /** The effect on the upstream. It selects the default of `class`. */
  readonly effect: Effect;
  /** The arguments. Values must be JSON. Use `z.strictObject`: `z.object` drops unknown fields silently. */
  readonly input: Input;
  /** The result of `run`. A result that does not match has taken effect, but is not stored. */
  readonly output: Output;
  /** Where the effect happens. Without a client it happens in this process. */
  readonly client?: Client<Opened>;
  /**
   * The way in which the tool changes its upstream. It decides which calls are repeats.
   * @defaultValue `create` for the effect `create`; `state` for `update`, `replace` and `delete`
   * @example 'repeatable'
   */
  readonly class?: ToolClass;
  /**
   * Whether the tool pays, charges, refunds or bills. A caller cannot end the unknown outcome of such a tool: an operator
   * has to.
   * @defaultValue what the name and the description suggest
   */
  readonly movesMoney?: boolean;
  /**
   * How long identical arguments mean the same operation, from the time it settled.
   * @defaultValue '24h' for `create`, '2m' for `state` with a `resource`, '10m' for other tools
   * @example '7d'
   */
  readonly window?: Duration;
  /**
   * What a repeat of a success gets, for the class `create`: the stored result, or first a question to the person.
   * @defaultValue 'replay'
   */
  readonly onDuplicate?: OnDuplicate;
  /**
   * Returns the input in its canonical form. Two inputs with equal forms are the same call, and `identity` gets this form.
   * It may ask the upstream, for example which customer an id names, but must not change anything. If it throws, the call
   * is refused and nothing is executed.
   * @defaultValue the input as it came
   * @example (input) => ({ ...input, tags: [...input.tags].sort() })
   */
  readonly canonical?: (
    input: z.infer<Input>,
    context: CanonicalContext<Opened>,
  ) => z.infer<Input> | Promise<z.infer<Input>>;
  /**
   * Returns the business key: two inputs with the same key are the same operation. Leave free text out.
   * @defaultValue all arguments. A free text that says the same in other words then asks the caller first.
   * @example ({ orderId }) => ({ orderId })
   */
  readonly identity?: (input: z.infer<Input>) => unknown;
  /**
   * Returns the thing that a `state` tool writes. The latest write counts. All tools of one upstream share resources.
   * @example ({ id }) => ({ customer: id })
   */
  readonly resource?: (input: z.infer<Input>) => unknown;
  /**
   * Names the thing that the operation has made. `undoes` of another tool of the upstream returns an equal value.
   * @defaultValue nothing
   * @example ({ id }) => `ticket:${id}`
   */
  readonly makes?: (result: z.infer<Output>) => unknown;
  /**
   * Names the thing that the operation has undone, with the value that `makes` returned for it. This ends the window of the
   * operation that made the thing, so that the same create executes again.
   * @defaultValue nothing
   * @example ({ ticket }) => `ticket:${ticket}`
   */
  readonly undoes?: (input: z.infer<Input>, result: z.infer<Output>) => unknown;
  /**
   * Says in one sentence which tool turns the result of an earlier operation into what a conflicting call asks for.
   * `first.result` is as it was stored, so it may be out of date. The conflict contains the sentence, before the repeat token.
   * @defaultValue no advice, as for an empty text
   * @example () => 'To change the text of the ticket, call update_ticket.'
   */
  readonly conflictAdvice?: (
    input: z.infer<Input>,
    first: FirstCall<z.infer<Input>, z.infer<Output>>,
  ) => string | undefined;
  /**
   * The handling of an unknown outcome.
   * @defaultValue 'refuse'
   * @example ['resend', 'reconcile']
   */
  readonly recovery?: Recovery | readonly Recovery[];
  /**
   * How long it may take until `lookup` sees an effect.
   * @defaultValue '1m'
   * @example '10s'
   */
  readonly lookupLag?: Duration;
  /** Asks the upstream for the effect by its marker. Required for `reconcile`. */
  readonly lookup?: (input: z.infer<Input>, context: LookupContext<Opened>) => Promise<LookupAnswer<z.infer<Output>>>;
  /** Returns the result of a delete whose thing no longer exists. Required for `natural` on a delete. */
  readonly gone?: (input: z.infer<Input>) => z.infer<Output>;
  /** Executes the operation. Each request that has an effect goes through `context.step`. */
  readonly run: (input: z.infer<Input>, context: RunContext<Opened>) => Promise<z.infer<Output>>;
}
