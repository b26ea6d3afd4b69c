import type { JsonObject, JsonSchema } from '../../core/json.ts';
import type { UndeclaredRule } from '../../core/key/convert-arguments.ts';
import type { Classification, ContentResult, Effect, Recovery, ToolClass, Upstream } from '../../core/tool/types.ts';

/** A tool from a server's list (MCP 2025-11-25, `Tool`). Unknown fields are kept. */
export interface McpTool {
  readonly name: string;
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  readonly inputSchema: JsonSchema;
  readonly outputSchema?: JsonSchema | undefined;
  readonly annotations?: ListedAnnotations | undefined;
}

/** A server's hints about a tool. They may be wrong: see `trustAnnotations`. */
interface ListedAnnotations {
  readonly title?: string | undefined;
  readonly readOnlyHint?: boolean | undefined;
  readonly destructiveHint?: boolean | undefined;
  readonly idempotentHint?: boolean | undefined;
}

/**
 * How far an operator trusts a server's annotations: not at all, only `readOnlyHint`, or `idempotentHint` as well.
 */
export type TrustAnnotations = 'none' | 'readOnly' | 'all';

/** The operator's rules for one server's tools. */
export interface WrapRules {
  readonly trustAnnotations: TrustAnnotations;
  /** Rules by tool name; `*` matches any characters. If two rules match, the later one wins for each key. */
  readonly tools: Readonly<Record<string, WrapRule>>;
}

/** The operator's rule for the tools that a pattern matches. Durations are in ms. */
export interface WrapRule {
  /** The way in which the tool changes something, which decides which calls are repeats. With `off`, it is not guarded and its calls pass through. */
  readonly class?: ToolClass | undefined;
  readonly movesMoney?: boolean | undefined;
  readonly windowMs?: number | undefined;
  /** The arguments that make two calls the same operation: JSON pointers (RFC 6901), or `$.a.b`. */
  readonly identity?: readonly string[] | undefined;
  /** The arguments that do not make two calls different operations: JSON pointers, where `*` is each item of a list. */
  readonly ignore?: readonly string[] | undefined;
  /** @defaultValue 'pass': the server decides, since many servers accept what their schema does not declare */
  readonly undeclared?: UndeclaredRule | undefined;
  /** The values by JSON pointer with which a call only reads, and passes: `{ "/method": ["GET"] }`. */
  readonly reads?: ReadRules | undefined;
  readonly recovery?: readonly Recovery[] | undefined;
  readonly lookup?: WrapLookup | undefined;
  /** How long an effect may take to appear in `lookup`, in ms. */
  readonly lookupLagMs?: number | undefined;
  /**
   * Whether a result with `isError` means for certain that nothing took effect. With false, it is always stored and
   * replayed.
   *
   * @defaultValue decided by what the result says
   */
  readonly errorsFail?: boolean | undefined;
}

/** The values by JSON pointer with which a call only reads: `{ "/method": ["GET"] }`. */
export type ReadRules = Readonly<Record<string, readonly (string | number | boolean)[]>>;

/** Tells which calls of a guarded tool only read. */
export interface ReadCalls {
  /** The reason for people, such as `"action" says what it does`. */
  readonly why: string;
  /** Whether a call with these arguments certainly only reads. */
  readonly test: (args: JsonObject) => boolean;
}

/** How another tool of the same server finds an effect. */
interface WrapLookup {
  /** The name of a tool that only reads. */
  readonly tool: string;
  /** Its arguments: a string, `$name` for an argument of the guarded call, or `$marker`. */
  readonly arguments: Readonly<Record<string, string>>;
  /** The path of the list in its result: a JSON pointer or `$.a.b`; '' for the result itself. */
  readonly items: string;
  readonly marker: {
    /** The argument of the guarded call that carries the marker. The model does not see it. */
    readonly argument: string;
    /** The path of the marker in an item: a JSON pointer, `$.a.b`, or a name. */
    readonly field: string;
  };
}

/** The source of a decision. */
type DecisionSource = 'configuration' | 'policy' | 'annotation' | 'key-field' | 'name' | 'default';

/** Whether a tool is guarded, and how. */
export type Decision = PassDecision | GuardDecision;

interface Decided {
  readonly because: DecisionSource;
  /** Tells people what in the tool or the configuration decided it. */
  readonly why: string;
  /** Tells people where the decision may be wrong, or a rule cannot be followed. */
  readonly warnings: readonly string[];
}

/** Calls pass to the server unchanged, and nothing is stored. */
export interface PassDecision extends Decided {
  readonly type: 'pass';
}

export interface GuardDecision extends Decided {
  readonly type: 'guard';
  readonly effect: Exclude<Effect, 'read'>;
  readonly class: Exclude<ToolClass, 'off'>;
  readonly movesMoney: boolean;
  readonly windowMs: number;
  /** Ends in `refuse`. */
  readonly recovery: readonly Recovery[];
  /** The paths of the arguments that make two calls the same operation; undefined for all arguments. */
  readonly identity?: readonly ArgumentPath[];
  /** JSON pointers of arguments that do not make two calls different operations. */
  readonly ignore?: readonly string[];
  readonly undeclared: UndeclaredRule;
  /** Which calls only read, so that they pass. */
  readonly reads?: ReadCalls;
  /** The field in which the server takes an idempotency key. */
  readonly key?: KeyField;
  readonly lookup?: DecidedLookup;
  readonly lookupLagMs: number;
  /** Undefined where the result decides. */
  readonly errorsFail?: boolean;
}

/** A path in JSON: the names and indices that lead to a value. */
export type ArgumentPath = readonly string[];

/** An argument, or a member of an object in the arguments, that holds the derived key. The model does not see it. */
export interface KeyField {
  readonly path: ArgumentPath;
  /** The length of the key: 36 characters for the whole UUID, or fewer for its first hexadecimal digits. */
  readonly chars: number;
}

export interface DecidedLookup {
  readonly tool: string;
  readonly arguments: Readonly<Record<string, string>>;
  readonly items: ArgumentPath;
  readonly marker: { readonly argument: string; readonly field: ArgumentPath };
}

/** One `tools/call` to a wrapped server. */
export interface ForwardedCall {
  /** The server's own name of the tool. */
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  /** Whether the call is the operation itself, or looks up whether it took effect. */
  readonly purpose: 'operation' | 'lookup';
  /** Whether the arguments hold an idempotency key, which differs for each attempt. */
  readonly keyed: boolean;
  /** The derived key of an operation. It also goes where a payment protocol wants it beside the arguments. */
  readonly upstreamKey?: string;
  /** Whether an error result may be judged a refusal by what it says, or is kept as it is. */
  readonly errors: 'judge' | 'keep';
  /** Aborts when the run is cut off, never because a caller has cancelled. */
  readonly signal: AbortSignal;
  /** Whether an operation may still be sent. Called right before sending, because it may have waited for the server. */
  readonly maySend?: () => boolean;
  /** Renews the claim of a call that has waited. Resolves with whether it may still be sent. */
  readonly readyToSend?: () => Promise<boolean>;
}

/** The server that receives the calls of guarded tools. Its tools share one object. */
export interface CallTarget {
  /** Names the server in messages. */
  readonly name: string;
  /** Part of every idempotency key. It is equal in all processes that use the same server and account. */
  readonly upstream: Upstream;
  /**
   * Sends a call and resolves with the unchanged result, including one with `isError`. Rejects when there is no
   * result; `classify` says whether the call took effect.
   */
  send(call: ForwardedCall): Promise<unknown>;
  /** Resolves when calls can be sent. When it rejects, nothing is executed. */
  ready?(): Promise<void>;
  /** Returns the names of the server's tools that only read and are not guarded. */
  readers?(): readonly string[];
  /** Says whether a call that failed in `send` took effect; undefined where it does not know. */
  classify?(error: unknown): Classification | undefined;
}

/** A tool result with all fields that the server sent. */
export type McpResult = ContentResult & Readonly<Record<string, unknown>>;
