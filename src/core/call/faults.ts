import { z } from 'zod';
import { describeError, faultFields, LedgerUnavailable, McpOnceError, OutcomeNotRead } from '../errors.ts';
import { defined } from '../json.ts';
import { emit } from '../observe/events.ts';
import { issueText } from '../schema/issue-text.ts';
import { type RefusalOutcome, refusal } from './outcome.ts';
import type { EngineParts } from './types.ts';

const retryAfterMs = 1_000;
/** The maximum length of a tool name in a log line: the name of an unknown tool is text from the caller. */
const toolCharsMax = 64;

type FaultParts = Pick<EngineParts, 'closing' | 'log'>;

/**
 * Returns the refusal for an expected fault of one call, and logs the fault.
 * @param engine shows whether the process ends: then its ledger does not become available again
 * @throws the error itself when it is not expected
 */
export function refusalOfFault(error: unknown, tool: string, { closing, log }: FaultParts): RefusalOutcome {
  if (error instanceof McpOnceError) {
    log.warn(`${tool.slice(0, toolCharsMax)}: ${describeError(error)}`, faultFields(error));
  }
  if (error instanceof LedgerUnavailable) {
    if (closing.aborted) return refusal(tool, { type: 'shutting_down' });
    const again = error.isLasting ? {} : { retryAfterMs };
    const reason = { type: 'ledger_unavailable', ...defined({ isLasting: error.isLasting || undefined }) } as const;
    return refusal(tool, reason, { ledgerDetail: clauseOf(describeError(error)), ...again });
  }
  if (error instanceof OutcomeNotRead) {
    return refusal(tool, { type: 'outcome_not_read' }, { ledgerDetail: clauseOf(describeError(error)), retryAfterMs });
  }
  if (!(error instanceof McpOnceError)) throw error;
  const detail = clauseOf(error.message);
  switch (error.code) {
    case 'record_unreadable':
      return refusal(tool, { type: 'record_unreadable' }, { ledgerDetail: detail });
    case 'invalid_input':
      return refusal(tool, { type: 'invalid_arguments', detail });
    case 'tool_invalid':
    case 'upstream_unavailable':
      return refusal(tool, { type: error.code, detail });
    default:
      throw error;
  }
}

/**
 * Describes an error for the operation's record, which callers on other machines read. Only the operator learns where
 * the ledger is and what is wrong with it.
 */
export function describeFault(error: unknown, operation: string): string {
  if (!(error instanceof LedgerUnavailable)) return describeForCaller(error);
  emit({ type: 'ledger_fault', operation, message: describeError(error) });
  return 'the ledger was not available';
}

/** Describes a thrown value for callers: in words, without the lists of zod and the codes and addresses of sockets. */
export function describeForCaller(error: unknown): string {
  if (isZodError(error)) return describeIssues(error);
  const text = describeError(error);
  const words = networkWords(error);
  return words === undefined ? text : text.replace(rawNetworkText, words);
}

/** Recognises what a schema throws. The error may come from another copy of zod, and it is not about the call's arguments. */
export function isZodError(error: unknown): error is z.ZodError {
  return error instanceof z.ZodError || (error instanceof Error && error.name === 'ZodError' && 'issues' in error);
}

const networkTexts: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name cannot be looked up now',
  ECONNRESET: 'the connection broke',
  EPIPE: 'the connection broke',
  UND_ERR_SOCKET: 'the connection broke',
  ETIMEDOUT: 'the connection timed out',
  UND_ERR_CONNECT_TIMEOUT: 'the connection timed out',
  UND_ERR_HEADERS_TIMEOUT: 'no answer came in time',
  UND_ERR_BODY_TIMEOUT: 'no answer came in time',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
};

/** What Node and undici write about a connection, such as `fetch failed: connect ECONNREFUSED 127.0.0.1:80`. */
const rawNetworkText =
  /(?:fetch failed: )?(?:(?:(?:connect|read|write|getaddrinfo) )?\b(?:E[A-Z]{4,}(?:_[A-Z]+)*|UND_ERR_[A-Z_]+)\b(?: \S+?(?=[,;)]|\.?\s|\.?$))?|other side closed|socket hang up|terminated$|(?:Connect|Headers|Body) Timeout Error(?: \([^)]*\))?)|fetch failed$/;

/** Names the network fault of an error or of one of its causes. */
function networkWords(error: unknown): string | undefined {
  let current = error;
  for (let depth = 0; depth < 4 && current instanceof Error; depth += 1) {
    const { code } = current as NodeJS.ErrnoException;
    if (typeof code === 'string' && Object.hasOwn(networkTexts, code)) return networkTexts[code];
    current = current instanceof AggregateError && current.cause === undefined ? current.errors[0] : current.cause;
  }
  return undefined;
}

/** How many problems of a value a message names. */
const issuesMax = 3;

/** Describes a value that a tool received and could not use. Zod's own message is a list in JSON. */
function describeIssues({ issues }: z.ZodError): string {
  const texts = issues
    .slice(0, issuesMax)
    .map((issue) => `${issue.path.map(String).join('.') || 'it'} ${issueText(issue)}`);
  return `a value that the tool received is not valid: ${texts.join('; ')}`;
}

/** Returns a text without the full stops at its end, because a sentence continues it. */
export function clauseOf(text: string): string {
  return text.replace(/[\s.]+$/, '');
}
