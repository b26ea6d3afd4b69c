import type { z } from 'zod';
import type { Duration } from '../duration.ts';

/** What a tool does to its upstream. Reads are never in the ledger. */
export type Effect = 'read' | 'create' | 'update' | 'replace' | 'delete';

/** How a repeat is recognised; see the table in the README. */
export type Match = 'identical' | 'latest' | 'same-call' | 'off';

/** What to do about an unknown outcome. A list is tried in order and always ends in `refuse`. */
export type Recovery = 'resend' | 'natural' | 'reconcile' | 'refuse';

/**
 * What a call gets whose identical twin has succeeded within the window: its result, or first the question
 * whether another operation is meant, where the client can ask a person.
 */
export type OnDuplicate = 'replay' | 'ask';

/** Where effects happen. Two upstreams never share an operation. */
export interface Upstream {
  readonly origin: string;
  /** sandbox, test, live, ... */
  readonly mode: string;
  readonly account: string;
}

/**
 * What a thrown error says about the effect of the request that it came from.
 *
 * - `not_executed`: this request had no effect, but another one under the same upstream key may
 *   have (connection refused, 401, 429, a validation error).
 * - `failed`: the upstream's own final answer for this upstream key: no effect, ever.
 * - `gone`: the thing to change does not exist (404, 410). No effect; for a delete that is being
 *   recovered by `natural` it means done.
 * - `unknown`: the effect may have happened (time-out, reset after sending, 5xx, key in use).
 */
export type Classification = 'not_executed' | 'failed' | 'gone' | 'unknown';

/** A client of one upstream, shared by tools; opened once, on first use. */
export interface Client<Opened = unknown> {
  readonly name: string;
  /** The names of the variables that it reads. */
  readonly variables: readonly string[];
  /** Reads the client's variables out of the environment. @throws McpOnceError `upstream_unavailable` naming the variable. */
  readonly configure: (environment: Readonly<Record<string, string | undefined>>) => ConfiguredClient<Opened>;
  /** The variables that some of its tools need and that are not set: those tools are refused until they are. */
  unset?(environment: Readonly<Record<string, string | undefined>>): readonly string[];
  /** How long the provider remembers an idempotency key, in ms; 0 when it takes none. */
  readonly memoryMs: number;
  readonly classify: (error: unknown) => Classification;
}

/** A client whose variables are as they have to be. Not open yet. */
export interface ConfiguredClient<Opened = unknown> {
  readonly upstream: Upstream;
  open(): Promise<Opened>;
  close(opened: Opened): Promise<void>;
}

/** A tool's input as the engine sees it, whatever made it: zod, an OpenAPI document, another server. */
interface ToolInput {
  readonly jsonSchema: Readonly<Record<string, unknown>>;
  parse(value: unknown): ParsedInput;
}

/** Arguments as the tool takes them, or what is wrong with them. */
export type ParsedInput =
  | { readonly ok: true; readonly value: Record<string, unknown> }
  | { readonly ok: false; readonly issues: readonly InputIssue[] };

/** One thing that is wrong with a tool's arguments. Never holds a value. */
export interface InputIssue {
  /** Where, such as `lines[0].quantity`; empty for the whole input. */
  readonly path: string;
  readonly message: string;
}

/** What a tool may write to the server's log: no argument's value, no secret. */
export interface ToolLog {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
}

/** What a person is asked. */
export interface AskRequest<Content extends z.ZodObject> {
  /** What it is about, for the person. */
  readonly message: string;
  /** Flat: texts, numbers, yes or no, choices (MCP, elicitation, requested schema). */
  readonly schema: Content;
}

/** What a person made of it: filled it in, said no, or closed it. */
export type AskReply<Content> =
  | { readonly action: 'accept'; readonly content: Content }
  | { readonly action: 'decline' | 'cancel' };

/** What `run` is given besides its input. */
export interface RunContext<Opened = unknown> {
  readonly client: Opened;
  /**
   * The upstream key of an operation that is one request. With several, or with anything after it that
   * can fail, each goes through `step`; a request beside the steps makes every later failure unknown.
   */
  readonly upstreamKey: string;
  /** To be written upstream with the effect (metadata, reference), so that `lookup` finds it. */
  readonly marker: string;
  readonly attempt: number;
  /**
   * Runs one request with an upstream key of its own and keeps its result, so that recovery goes
   * on from there. Steps run one after the other, and none after one whose outcome is not known; a name
   * is used once. The result must be JSON.
   */
  step<T>(name: string, send: (upstreamKey: string) => Promise<T>): Promise<T>;
  /** Keeps the answer of a read that later steps depend on, so that recovery decides the same again. */
  read<T>(name: string, ask: () => Promise<T>): Promise<T>;
  /**
   * Asks a person for something that the arguments do not say, where the client can (MCP, elicitation). A run
   * that asks ends there, and begins anew with the answer, perhaps in another process and up to an hour later:
   * steps that were done are not sent again, and everything else runs again, so that nothing may have an effect
   * before it but through `step`. A name is used once, also between steps, reads and questions. What was
   * answered stays in the ledger until the operation has succeeded: ask for no secret.
   *
   * Where nobody can be asked the operation fails, with no effect but that of its steps.
   */
  ask<Content extends z.ZodObject>(name: string, request: AskRequest<Content>): Promise<AskReply<z.infer<Content>>>;
  /**
   * Whether a request of this run may still go out. A step is asked by itself; a client that repeats a request within
   * one asks before each repeat: while it waited, another process may have taken the operation over.
   */
  maySend(): boolean;
  /** Aborts at `maxRunMs` or at a forced shutdown, never because a caller left. */
  readonly signal: AbortSignal;
  readonly log: ToolLog;
}

/** What `lookup` is given besides its input. */
export interface LookupContext<Opened = unknown> {
  readonly client: Opened;
  readonly marker: string;
  /** When the operation was first claimed (with 26 hours to spare), in ms since the epoch: no effect of it is older. */
  readonly sinceMs: number;
  /**
   * The results of the steps that are kept, by name. A step's result is kept before the next one is
   * dispatched: what comes after the first step that is missing here has not been sent.
   */
  readonly steps: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
  readonly log: ToolLog;
}

/**
 * What asking the upstream found.
 *
 * - `found`: the effect is there, whole; `result` is what `run` would have returned.
 * - `partial`: some steps are there; `steps` are their results, by step name.
 * - `absent`: no effect with the marker exists.
 * - `unclear`: cannot tell (a match without the marker, say).
 */
export type LookupAnswer<Output = unknown> =
  | { readonly status: 'found'; readonly result: Output }
  | { readonly status: 'partial'; readonly steps: Readonly<Record<string, unknown>> }
  | { readonly status: 'absent' }
  | { readonly status: 'unclear'; readonly reason: string };

/**
 * A result that says itself how it is shown, as MCP has it (2025-11-25, `CallToolResult`): of tools whose
 * answers are not always one JSON value. `structuredContent` is what the tool's output schema speaks of.
 */
export interface ContentResult {
  readonly content: readonly ContentItem[];
  readonly structuredContent?: Readonly<Record<string, unknown>>;
  readonly isError?: boolean;
  readonly _meta?: Readonly<Record<string, unknown>>;
}

/** A content block: text, image, audio, resource or resource link; further ones pass through. */
export type ContentItem = Readonly<Record<string, unknown>> & { readonly type: string };

/** A call of another tool, not yet checked. */
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
  /** JSON Schema of the result, where it is declared. */
  readonly outputSchema?: Readonly<Record<string, unknown>>;
  /** What `run` gives: a JSON value, or a `ContentResult`. Default `value`. */
  readonly results?: 'value' | 'content';
  /** Whether a result is as declared. */
  acceptsOutput(result: unknown): boolean;
  readonly client?: Client;
  readonly match: Match;
  readonly windowMs: number;
  /** Of `identical`. Default `replay`. */
  readonly onDuplicate?: OnDuplicate;
  readonly recovery: readonly Recovery[];
  /** How long an effect may take to show in `lookup`, in ms. */
  readonly lookupLagMs: number;
  identity?(input: unknown): unknown;
  resource?(input: unknown): unknown;
  lookup?(input: unknown, context: LookupContext): Promise<LookupAnswer>;
  gone?(input: unknown): unknown;
  /**
   * Of a tool that stands for others: the call that is meant, which then goes its own way under its own
   * name. Undefined where the input names none: then the tool itself is called.
   */
  route?(input: unknown): RoutedCall | undefined;
  run(input: unknown, context: RunContext): Promise<unknown>;
}

/** What `defineTool` takes. */
export interface ToolDefinition<Input extends z.ZodObject, Output extends z.ZodType, Opened> {
  /** 1 to 64 of `A-Z a-z 0-9 _ -` (MCP 2025-11-25, tool names). */
  readonly name: string;
  readonly title: string;
  /** For the model. */
  readonly description: string;
  readonly effect: Effect;
  /** Its values must be JSON. Make it strict: a field that it does not know is else dropped without a word. */
  readonly input: Input;
  /** What `run` returns. A result that is not so has taken effect all the same, and is not kept. */
  readonly output: Output;
  /** Where the effect happens; without one, in this process. */
  readonly client?: Client<Opened>;
  /** Default by effect: create `identical`; update, replace, delete `latest` with a resource, else `same-call`. */
  readonly match?: Match;
  /**
   * How long identical arguments mean the same operation, in ms from its settling. Default by match:
   * `identical` 24 h, `latest` 2 min, `same-call` 10 min.
   */
  readonly window?: Duration;
  /** What a repeat of a success gets, of `identical`: its result, or first a question to the person. Default `replay`. */
  readonly onDuplicate?: OnDuplicate;
  /** The business key: what makes two inputs the same operation. No free text. */
  readonly identity?: (input: z.infer<Input>) => unknown;
  /** The thing that is written, for `latest`; shared by all tools of one upstream. */
  readonly resource?: (input: z.infer<Input>) => unknown;
  /** Default `refuse`. */
  readonly recovery?: Recovery | readonly Recovery[];
  /** How long an effect may take to show in `lookup`, in ms. Default 1 min. */
  readonly lookupLag?: Duration;
  /** Asks the upstream for the effect, by its marker; needed for `reconcile`. */
  readonly lookup?: (input: z.infer<Input>, context: LookupContext<Opened>) => Promise<LookupAnswer<z.infer<Output>>>;
  /** The answer of a delete whose thing is already gone; needed for `natural` on a delete. */
  readonly gone?: (input: z.infer<Input>) => z.infer<Output>;
  /** Executes. Each request that has an effect goes through `context.step`. */
  readonly run: (input: z.infer<Input>, context: RunContext<Opened>) => Promise<z.infer<Output>>;
}
