/**
 * The one base error. Every fault that mcp-once raises is one of these, with a code that programs
 * may rely on. Expected outcomes are values, not errors (see `call/types.ts`).
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

export class McpOnceError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/**
 * Thrown by a tool that knows that nothing took effect: the operation (or this step of it) is
 * settled as a definite failure and the next call runs it again.
 */
export class NotExecuted extends McpOnceError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('not_executed', message, options);
  }
}

/**
 * The ledger's store did not do what was asked. Nothing is executed while it lasts: never fail open.
 */
export class LedgerUnavailable extends McpOnceError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('ledger_unavailable', message, options);
  }
}

/**
 * The write reached the primary, but fewer replicas than configured confirmed it in time. The
 * bytes *are* stored: whoever claimed has to settle the claim as failed.
 */
export class NotReplicated extends LedgerUnavailable {}

/** The operation was executed, and the ledger that could tell its outcome does not answer. */
export class OutcomeNotRead extends McpOnceError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('ledger_unavailable', message, options);
  }
}

/** What an unknown thrown value says about itself, on one line and bounded. */
export function describeError(error: unknown): string {
  const text = error instanceof Error ? (causeOfFetch(error) ?? (error.message || error.name)) : String(error);
  return text.replace(/\s+/g, ' ').trim().slice(0, 500);
}

/** What fetch says itself is "fetch failed", whatever it was. */
function causeOfFetch({ message, cause }: Error): string | undefined {
  if (message !== 'fetch failed' || !(cause instanceof Error)) return undefined;
  const { code } = cause as NodeJS.ErrnoException;
  return `${message}: ${cause.message || code || cause.name}`;
}

export function isErrnoException(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).code === 'string';
}
