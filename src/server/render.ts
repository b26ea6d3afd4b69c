import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import type {
  InputRequiredOutcome,
  OperationInfo,
  Outcome,
  OutcomeCode,
  RefusalOutcome,
  ResultOutcome,
} from '../core/call/types.ts';
import type { Stub } from '../core/ledger/record.ts';
import { contentOfValue, isContentResult } from '../core/tool/content.ts';
import type { ContentItem, ContentResult } from '../core/tool/types.ts';
import { elicitRequest, formCapability } from './elicitation.ts';

/** Where in `_meta` of a tool result a program finds what became of its call. */
export const OUTCOME_META = 'mcp-once/outcome';

const issuesMax = 50;

/** JSON-RPC 2.0, section 5.1. */
const invalidParams = -32_602;
/** MCP 2026-07-28, error codes. */
const missingCapability = -32_021;

/** What a program learns of a call. A field that does not apply is absent. */
export interface OutcomeMeta {
  readonly code: 'succeeded' | 'input_required' | OutcomeCode;
  /** True when nothing was executed for this call and the result is the stored one. */
  readonly replayed: boolean;
  /** The idempotency key: the operation's name in the ledger. */
  readonly operation?: string;
  /** ISO 8601. */
  readonly firstExecutedAt?: string;
  readonly generation?: number;
  readonly attempt?: number;
  readonly recovered?: string;
  readonly repeatToken?: string;
  readonly retryAfterMs?: number;
  /** The arguments that differ from the first call's. */
  readonly fields?: readonly string[];
  /** The steps that took effect. */
  readonly steps?: readonly string[];
  readonly firstResult?: unknown;
  /** Why the result of a success is not there. */
  readonly stub?: Stub;
  readonly issues?: RefusalOutcome['issues'];
}

/** An answer as MCP has it. Pure: the same answer gives the same bytes. */
export function render(answer: Outcome): CallToolResult {
  switch (answer.type) {
    case 'result':
      return renderResult(answer);
    case 'refusal':
      return renderRefusal(answer);
    case 'input_required':
      return renderInputRequired(answer);
  }
}

/** An answer that is an error response. */
export interface FaultError {
  readonly code: number;
  readonly message: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/**
 * The error that MCP 2026-07-28 wants of a server whose client has not declared what the call needs (`_meta`), or
 * has sent responses or a state that are none (multi round-trip requests, error handling). Undefined for an answer
 * that is a result.
 */
export function renderFault(answer: Outcome): FaultError | undefined {
  if (answer.type !== 'refusal' || answer.fault === undefined) return undefined;
  const { message } = answer;
  const data = { [OUTCOME_META]: outcomeOfRefusal(answer) };
  switch (answer.fault) {
    case 'asking':
      return { code: missingCapability, message, data: { requiredCapabilities: formCapability, ...data } };
    case 'input':
      return { code: invalidParams, message, data };
  }
}

/** MCP 2026-07-28, `InputRequiredResult`: only a call whose server said that it is asked by rounds gets one. */
function renderInputRequired({ requests, requestState, operation }: InputRequiredOutcome): CallToolResult {
  const outcome: OutcomeMeta = { code: 'input_required', replayed: false, ...operationMeta(operation) };
  const inputRequests = Object.entries(requests).map(([name, request]) => [name, elicitRequest(request)]);
  const asked = {
    resultType: 'input_required',
    inputRequests: Object.fromEntries(inputRequests),
    requestState,
    _meta: { [OUTCOME_META]: outcome },
  };
  return asked as unknown as CallToolResult;
}

/** A replay differs from the first answer by one more text item and by its `_meta`, and in nothing else. */
function renderResult(answer: ResultOutcome): CallToolResult {
  const { tool, result, replayed, recovered, repeatToken } = answer;
  const outcome: OutcomeMeta = {
    code: 'succeeded',
    replayed,
    ...operationMeta(answer.operation),
    ...(recovered === undefined ? {} : { recovered }),
    ...(repeatToken === undefined ? {} : { repeatToken }),
  };
  const notes = replayed ? [text(replayNote(answer))] : [];
  if (tool.results === 'content') return renderContent(contentIn(result), notes, outcome);
  return {
    content: [text(jsonOf(result)), ...notes],
    ...(tool.outputSchema && isObject(result) ? { structuredContent: result } : {}),
    _meta: { [OUTCOME_META]: outcome },
  };
}

/** A person may have resolved an operation with what the API answered: that is shown as JSON. */
function contentIn(result: unknown): ContentResult {
  return isContentResult(result) ? result : contentOfValue(result);
}

/** What says itself how it is shown passes as it is, with the note after it and the outcome beside its own `_meta`. */
function renderContent(result: ContentResult, notes: readonly ContentItem[], outcome: OutcomeMeta): CallToolResult {
  const shown = {
    ...result,
    content: [...result.content, ...notes],
    _meta: { ...result._meta, [OUTCOME_META]: outcome },
  };
  return shown as unknown as CallToolResult;
}

/** Results with `isError` need no structured content: clients check it only without. */
function renderRefusal(answer: RefusalOutcome): CallToolResult {
  const { message, repeatToken } = answer;
  const token = repeatToken === undefined ? '' : ` The repeat_token for a second operation is "${repeatToken}".`;
  const first = hasFirstResult(answer) ? firstContent(answer.firstResult) : [];
  const outcome = outcomeOfRefusal(answer);
  return { isError: true, content: [text(message + token), ...first], _meta: { [OUTCOME_META]: outcome } };
}

function outcomeOfRefusal(answer: RefusalOutcome): OutcomeMeta {
  const { code, operation, retryAfterMs, fields, steps, repeatToken, stub, issues } = answer;
  return {
    code,
    replayed: false,
    ...operationMeta(operation),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(fields ? { fields } : {}),
    ...(steps ? { steps } : {}),
    ...(repeatToken === undefined ? {} : { repeatToken }),
    ...(hasFirstResult(answer) ? { firstResult: answer.firstResult } : {}),
    ...(stub ? { stub } : {}),
    ...(issues ? { issues: issues.slice(0, issuesMax) } : {}),
  };
}

function hasFirstResult(answer: RefusalOutcome): boolean {
  return 'firstResult' in answer && answer.firstResult !== undefined;
}

/** The first operation's result, as its own caller saw it. */
function firstContent(result: unknown): CallToolResult['content'] {
  return isContentResult(result) ? (result.content as CallToolResult['content']) : [text(jsonOf(result))];
}

/** For the model. Programs have the same in `_meta`. */
function replayNote({ tool, result, operation, repeatToken, declined }: ResultOutcome): string {
  const when = operation ? ` at ${operation.firstExecutedAt}` : '';
  const note = `Replayed: ${tool.name} was first executed${when}, and the result above is that one. Nothing was executed now.`;
  if (declined)
    return `${note} A person was asked whether to execute it again, and did not say yes: do not try it another way.`;
  if (repeatToken === undefined) return note;
  if (isContentResult(result) && result.isError === true) {
    return `${note} It was an error: once its cause is gone, call again with the same arguments and repeat_token "${repeatToken}" to try anew; if it may have taken effect all the same, check first.`;
  }
  return `${note} Only if a second, separate operation is really wanted: call again with the same arguments and repeat_token "${repeatToken}".`;
}

function operationMeta(operation: OperationInfo | undefined): Partial<OutcomeMeta> {
  if (!operation) return {};
  const { key, firstExecutedAt, generation, attempt } = operation;
  return { operation: key, firstExecutedAt, generation, attempt };
}

function text(value: string): { type: 'text'; text: string } {
  return { type: 'text', text: value };
}

function jsonOf(result: unknown): string {
  return JSON.stringify(result) ?? 'null';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
