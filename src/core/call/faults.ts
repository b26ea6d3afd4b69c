import { z } from 'zod';
import { describeError, faultFields, LedgerUnavailable, McpOnceError, OutcomeNotRead } from '../errors.ts';
import { defined } from '../json.ts';
import { emit } from '../observe/events.ts';
import { issueText } from '../schema/issue-text.ts';
import { type RefusalOutcome, refusal } from './outcome.ts';
import type { EngineParts } from './types.ts';

const retryAfterMs = 1_000;
/** The longest name of a tool in a log line: the name of an unknown one is text from the caller. */
const toolCharsMax = 64;

type FaultParts = Pick<EngineParts, 'closing' | 'log'>;

/**
 * Returns the refusal for an expected fault of one call, and logs the fault.
 * @param engine a ledger that is closed because the process ends is not available again in this process
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
  if (error instanceof z.ZodError) return describeIssues(error);
  if (!(error instanceof LedgerUnavailable)) return describeError(error);
  emit({ type: 'ledger_fault', operation, message: describeError(error) });
  return 'the ledger was not available';
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
