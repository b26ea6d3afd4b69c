import type { JsonSchema } from '../../core/json.ts';
import type { Classification, ContentResult, Effect, Match, Recovery, Upstream } from '../../core/tool/types.ts';

/** A tool as its server lists it (MCP 2025-11-25, `Tool`); fields that are not named here stay with it. */
export interface McpTool {
  readonly name: string;
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  readonly inputSchema: JsonSchema;
  readonly outputSchema?: JsonSchema | undefined;
  readonly annotations?: ListedAnnotations | undefined;
}

/** What a server says of a tool. A claim, not a proof: see `trustAnnotations`. */
interface ListedAnnotations {
  readonly title?: string | undefined;
  readonly readOnlyHint?: boolean | undefined;
  readonly destructiveHint?: boolean | undefined;
  readonly idempotentHint?: boolean | undefined;
}

/**
 * How far an operator believes a server's annotations: not at all, where they say that a tool only reads,
 * or also where they say that a repeat has no further effect.
 */
export type TrustAnnotations = 'none' | 'readOnly' | 'all';

/** What the operator says of one server's tools. */
export interface WrapRules {
  readonly trustAnnotations: TrustAnnotations;
  /** By tool name, `*` standing for any characters; of two that match the later one wins, key by key. */
  readonly tools: Readonly<Record<string, WrapRule>>;
}

/** What the operator says of the tools that a pattern matches. Durations in ms. */
export interface WrapRule {
  /** `off`: not guarded, calls pass through. */
  readonly match?: Match | undefined;
  readonly windowMs?: number | undefined;
  /** The arguments that make two calls the same operation: JSON pointers (RFC 6901), or `$.a.b`. */
  readonly identity?: readonly string[] | undefined;
  readonly recovery?: readonly Recovery[] | undefined;
  readonly lookup?: WrapLookup | undefined;
  /** How long an effect may take to show in `lookup`, in ms. */
  readonly lookupLagMs?: number | undefined;
  /** Whether an answer with `isError` says for certain that nothing took effect. Default false: it is an answer. */
  readonly errorsFail?: boolean | undefined;
}

/** How an effect is found by another tool of the same server. */
interface WrapLookup {
  /** A tool that only reads. */
  readonly tool: string;
  /** Its arguments: a text, `$name` for the call's own argument, or `$marker`. */
  readonly arguments: Readonly<Record<string, string>>;
  /** Where the list is in its answer: a JSON pointer or `$.a.b`; '' for the answer itself. */
  readonly items: string;
  readonly marker: {
    /** The argument of the call that carries the marker; the model does not see it. */
    readonly argument: string;
    /** Where an item shows it: a JSON pointer, `$.a.b`, or a name. */
    readonly field: string;
  };
}

/** What a tool's decision came from. */
type Because = 'configuration' | 'annotation' | 'key-field' | 'name' | 'default';

/** What is done with a tool's calls. */
export type Decision = PassDecision | GuardDecision;

interface Decided {
  readonly because: Because;
  /** For people: what in the tool or the configuration decided it. */
  readonly why: string;
  /** For people: where the decision is a guess that may be wrong, or a rule cannot be followed. */
  readonly warnings: readonly string[];
}

/** Calls pass to the server unchanged, and nothing of them is kept. */
export interface PassDecision extends Decided {
  readonly type: 'pass';
}

export interface GuardDecision extends Decided {
  readonly type: 'guard';
  readonly effect: Exclude<Effect, 'read'>;
  readonly match: Exclude<Match, 'off'>;
  readonly windowMs: number;
  /** Ends in `refuse`. */
  readonly recovery: readonly Recovery[];
  /** The places of the arguments that make two calls the same operation; undefined: all of them. */
  readonly identity?: readonly ArgumentPath[];
  /** Where the server takes an idempotency key. */
  readonly key?: KeyField;
  readonly lookup?: DecidedLookup;
  readonly lookupLagMs: number;
  readonly errorsFail: boolean;
}

/** A place in JSON: the names and indices that lead there. */
export type ArgumentPath = readonly string[];

/** An argument that the model does not see, and the derived key fills. */
export interface KeyField {
  readonly name: string;
  /** Characters: 36 is the key as it is, a UUID; fewer are its first hexadecimal digits. */
  readonly chars: number;
}

export interface DecidedLookup {
  readonly tool: string;
  readonly arguments: Readonly<Record<string, string>>;
  readonly items: ArgumentPath;
  readonly marker: { readonly argument: string; readonly field: ArgumentPath };
}

/** One `tools/call` to the server. */
export interface ForwardedCall {
  /** As the server knows the tool. */
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  /** What the call is for: the operation itself, or the question whether it took effect. */
  readonly purpose: 'operation' | 'lookup';
  /** True where the arguments hold an idempotency key, so that another attempt's are not the same. */
  readonly keyed: boolean;
  /** Aborts when the run is cut off, never because a caller left. */
  readonly signal: AbortSignal;
  /** Whether it may still be sent, asked when it is: it may have to wait for the server. Of an operation only. */
  readonly maySend?: () => boolean;
}

/** The server that a tool's calls go to. One object a server, shared by its tools. */
export interface CallTarget {
  /** For messages. */
  readonly name: string;
  /** Part of every key: the same in every process that means the same server and account. */
  readonly upstream: Upstream;
  /**
   * Sends a call and resolves with the result as it came, `isError` included. Rejects when there is no
   * result; `classify` says what that means.
   */
  send(call: ForwardedCall): Promise<unknown>;
  /** Resolves when calls can be sent; rejects when they cannot, and then nothing is executed. */
  ready?(): Promise<void>;
  /** What an error of `send` says about the effect. Undefined: not known, but for errors from before sending. */
  classify?(error: unknown): Classification | undefined;
}

/** A result as the server sent it; every field of it passes. */
export type McpResult = ContentResult & Readonly<Record<string, unknown>>;
