/**
 * The stable code of a `McpOnceError`.
 *
 * - `invalid_input`: the arguments are not valid.
 * - `invalid_repeat_token`: the repeat token is malformed, forged, or belongs to another operation.
 * - `unknown_tool`: no tool has this name.
 * - `ledger_unavailable`: the ledger's store did not respond or refused a write.
 * - `record_unreadable`: a stored record is damaged, encrypted with an unknown key, or of a newer format.
 * - `configuration_invalid`: an option, the configuration file or an environment variable is not valid.
 * - `tool_invalid`: the definition of a tool or client is not valid.
 * - `upstream_unavailable`: a client cannot be configured or opened.
 * - `not_executed`: the request had no effect.
 * - `lease_lost`: another process has taken the operation over.
 * - `operation_alive`: an operator's command found that the operation is still being executed.
 * - `operation_not_found`: the ledger holds no such operation.
 */
export type ErrorCode =
  | 'invalid_input'
  | 'invalid_repeat_token'
  | 'unknown_tool'
  | 'ledger_unavailable'
  | 'record_unreadable'
  | 'configuration_invalid'
  | 'tool_invalid'
  | 'upstream_unavailable'
  | 'not_executed'
  | 'lease_lost'
  | 'operation_alive'
  | 'operation_not_found';

/**
 * The base class of every error that mcp-once throws. Expected outcomes are values, not errors (see `call/types.ts`).
 *
 * @example
 * if (error instanceof McpOnceError && error.code === 'ledger_unavailable') retryLater();
 */
export class McpOnceError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/**
 * A tool throws this when it knows that nothing took effect. The operation, or its step, settles as a definite failure,
 * and the next call executes it again.
 *
 * @example
 * if (response.status === 422) throw new NotExecuted('the tracker rejected the ticket');
 */
export class NotExecuted extends McpOnceError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('not_executed', message, options);
  }
}

/** The ledger's store did not read or write. The engine executes nothing without its ledger. */
export class LedgerUnavailable extends McpOnceError {
  /** Whether the fault lasts until a person changes something: a wrong password, a file that is not a ledger. */
  readonly isLasting: boolean;

  constructor(message: string, options: { cause?: unknown; isLasting?: boolean } = {}) {
    super('ledger_unavailable', message, options);
    this.isLasting = options.isLasting === true;
  }
}

/**
 * A write reached the primary, but fewer replicas than configured confirmed it in time. The bytes are stored, so the
 * owner of a claim has to settle it as failed.
 */
export class NotReplicated extends LedgerUnavailable {}

/** The connection to the store broke before the reply of a request came, or the reply was that of another request. */
export class ReplyLost extends LedgerUnavailable {}

/** The operation was executed, but its outcome cannot be read, since the ledger does not respond. */
export class OutcomeNotRead extends McpOnceError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('ledger_unavailable', message, options);
  }
}

/** Returns the message of any thrown value, on one line and at most 500 characters long. */
export function describeError(error: unknown): string {
  const text = error instanceof Error ? (causeOfFetch(error) ?? (error.message || error.name)) : String(error);
  return text.replace(/\s+/g, ' ').trim().slice(0, 500);
}

/** Returns the cause of a `fetch` error, whose own message is always "fetch failed". */
function causeOfFetch({ message, cause }: Error): string | undefined {
  if (message !== 'fetch failed' || !(cause instanceof Error)) return undefined;
  const { code } = cause as NodeJS.ErrnoException;
  return `${message}: ${cause.message || code || cause.name}`;
}

/** How many causes of an error are logged. */
const causesMax = 5;
/** The longest stack that is logged, in characters. */
const stackCharsMax = 4_000;

/** Returns an unexpected error as fields of a log line: its name, its causes, and where it was thrown. */
export function faultFields(error: unknown): Readonly<Record<string, string>> {
  if (!(error instanceof Error)) return {};
  const causes: string[] = [];
  let { cause } = error;
  for (; cause !== undefined && causes.length < causesMax; cause = cause instanceof Error ? cause.cause : undefined) {
    causes.push(describeError(cause));
  }
  return {
    error: error.name,
    ...(causes.length > 0 ? { cause: causes.join(': ') } : {}),
    ...(error.stack === undefined ? {} : { stack: error.stack.slice(0, stackCharsMax) }),
  };
}

export function isErrnoException(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).code === 'string';
}
