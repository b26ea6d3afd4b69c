import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { droppedNote, refusalMessage, resultNote } from '../core/call/messages.ts';
import type {
  FailedKind,
  InputRequest,
  InputRequiredOutcome,
  OperationInfo,
  Outcome,
  OutcomeCode,
  RefusalOutcome,
  ResultOutcome,
} from '../core/call/outcome.ts';
import { defined, isObject, type JsonObject } from '../core/json.ts';
import type { Stub } from '../core/ledger/record.ts';
import { contentOfValue, isContentResult } from '../core/tool/content.ts';
import type { ContentItem, ContentResult, Tool } from '../core/tool/types.ts';
import { invalidParams, missingCapability } from './jsonrpc-codes.ts';
import { type Notice, takesNotice, withNotice, withoutForgedNotice } from './notice.ts';

/** The key in `_meta` of a tool result under which a program finds the outcome of its call. */
export const OUTCOME_META = 'mcp-once/outcome';

const issuesMax = 50;
/** The capability that a client must declare to get forms. */
const formCapability = { elicitation: { form: {} } } as const;

/** The outcome of a call, for programs. A field that does not apply is absent. */
export interface OutcomeMeta {
  readonly code: 'succeeded' | 'input_required' | OutcomeCode;
  /** True when nothing was executed for this call and the result is the stored one. */
  readonly replayed: boolean;
  /** The idempotency key, which names the operation in the ledger. */
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
  /** Why an operation failed, where the upstream said so. After `limited` and `unavailable` the same call may succeed later. */
  readonly failure?: FailedKind;
  /** Why the result of a success is missing. */
  readonly stub?: Stub;
  readonly issues?: RefusalOutcome['issues'];
}

/** Where a note for the model stands: in a text item, or in the structured content, too. */
type NotePlaces = 'text' | 'everywhere';

/**
 * Renders an outcome as an MCP tool result. Pure: the same outcome gives the same bytes.
 * @param notes `text` where the listed output schema of the tool has not been widened by `withNoticeSchema`
 */
export function render(outcome: Outcome, notes: NotePlaces = 'everywhere'): CallToolResult {
  switch (outcome.type) {
    case 'result':
      return renderResult(outcome, notes);
    case 'refusal':
      return renderRefusal(outcome, notes);
    case 'input_required':
      return renderInputRequired(outcome);
  }
}

/** A JSON-RPC error response. */
export interface FaultError {
  readonly code: number;
  readonly message: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/**
 * Renders the error that MCP 2026-07-28 requires when the client has not declared a capability that the call needs
 * (`_meta`), or when its responses or its state are not valid (multi round-trip requests, error handling). Returns
 * undefined for an outcome that is a tool result.
 */
export function renderFault(outcome: Outcome): FaultError | undefined {
  if (outcome.type !== 'refusal' || outcome.fault === undefined) return undefined;
  const message = refusalMessage(outcome);
  const data = { [OUTCOME_META]: metaOfRefusal(outcome) };
  switch (outcome.fault) {
    case 'asking':
      return { code: missingCapability, message, data: { requiredCapabilities: formCapability, ...data } };
    case 'input':
      return { code: invalidParams, message, data };
  }
}

/** Renders an `InputRequiredResult` (MCP 2026-07-28). Only a call with the channel `rounds` gets one. */
function renderInputRequired({ requests, requestState, operation }: InputRequiredOutcome): CallToolResult {
  const meta: OutcomeMeta = { code: 'input_required', replayed: false, ...operationMeta(operation) };
  const inputRequests = Object.entries(requests).map(([name, request]) => [name, elicitRequest(request)]);
  const asked = {
    resultType: 'input_required',
    inputRequests: Object.fromEntries(inputRequests),
    requestState,
    _meta: { [OUTCOME_META]: meta },
  };
  return asked as unknown as CallToolResult;
}

/**
 * Renders a result. A replay differs from the first result only by one more text item, by the notice in its structured
 * content, and by its `_meta`.
 */
function renderResult(outcome: ResultOutcome, places: NotePlaces): CallToolResult {
  const { tool, result, replayed, recovered, repeatToken, dropped } = outcome;
  const meta: OutcomeMeta = {
    code: 'succeeded',
    replayed,
    ...operationMeta(outcome.operation),
    ...(recovered === undefined ? {} : { recovered }),
    ...(repeatToken === undefined ? {} : { repeatToken }),
  };
  const said = [
    ...(tool.banner === undefined ? [] : [tool.banner]),
    ...(replayed || repeatToken !== undefined ? [resultNote(outcome)] : []),
    ...(dropped === undefined ? [] : [droppedNote(dropped)]),
  ];
  const notes = said.map(text);
  const notice = said.length === 0 ? undefined : { replayed, note: said.join(' '), ...tokenMember(repeatToken) };
  const structured = structuredOf(tool, result, places === 'everywhere' ? notice : undefined);
  if (tool.results === 'content') return renderContent(contentIn(result), structured, notes, meta);
  return {
    content: [text(jsonOf(result)), ...notes],
    ...(structured === undefined ? {} : { structuredContent: structured }),
    _meta: { [OUTCOME_META]: meta },
  };
}

function tokenMember(repeatToken: string | undefined): Pick<Notice, 'repeat_token'> {
  return repeatToken === undefined ? {} : { repeat_token: repeatToken };
}

/**
 * Returns the structured content of a tool's result, with the notice; undefined for a result without any. A tool that has a
 * property with the name of the notice keeps its own, and its notes stand in the text only.
 */
function structuredOf(tool: Tool, result: unknown, notice: Notice | undefined): JsonObject | undefined {
  const { outputSchema } = tool;
  const structured = tool.results === 'content' ? contentIn(result).structuredContent : outputSchema && result;
  if (!isObject(structured)) return undefined;
  const honest = withoutForgedNotice(structured, outputSchema);
  return notice !== undefined && takesNotice(outputSchema) ? withNotice(honest, notice) : honest;
}

/** An operator may have resolved an operation with the API's own response, which is shown as JSON. */
function contentIn(result: unknown): ContentResult {
  return isContentResult(result) ? result : contentOfValue(result);
}

/** Passes content through, with the notes after it and the outcome beside its own `_meta`. */
function renderContent(
  result: ContentResult,
  structured: JsonObject | undefined,
  notes: readonly ContentItem[],
  meta: OutcomeMeta,
): CallToolResult {
  const shown = {
    ...result,
    content: [...result.content, ...notes],
    ...(structured === undefined ? {} : { structuredContent: structured }),
    _meta: { ...result._meta, [OUTCOME_META]: meta },
  };
  return shown as unknown as CallToolResult;
}

/**
 * Renders a refusal. Only one that encloses a first result has structured content: clients do not require it of a result
 * with `isError`, but those that show nothing else would hide the message.
 */
function renderRefusal(refusal: RefusalOutcome, places: NotePlaces): CallToolResult {
  const { firstResult, firstTool, repeatToken } = refusal;
  const message = refusalMessage(refusal);
  const note = firstTool?.banner === undefined ? message : `${message} ${firstTool.banner}`;
  const first = firstResult === undefined ? [] : firstContent(firstResult);
  const isShown = places === 'everywhere' && firstTool !== undefined && takesNotice(firstTool.outputSchema);
  const notice: Notice = { replayed: false, conflict: true, note, ...tokenMember(repeatToken) };
  const structured = isShown ? structuredOf(firstTool, firstResult, notice) : undefined;
  return {
    isError: true,
    content: [text(note), ...first],
    ...(structured === undefined ? {} : { structuredContent: structured }),
    _meta: { [OUTCOME_META]: metaOfRefusal(refusal) },
  };
}

function metaOfRefusal(refusal: RefusalOutcome): OutcomeMeta {
  const { code, reason, operation, retryAfterMs, fields, steps, repeatToken, firstResult, stub, issues } = refusal;
  return {
    code,
    replayed: false,
    ...operationMeta(operation),
    ...defined({
      failure: 'kind' in reason ? reason.kind : undefined,
      retryAfterMs,
      fields,
      steps,
      repeatToken,
      firstResult,
      stub,
      issues: issues?.slice(0, issuesMax),
    }),
  };
}

/** Returns the first operation's result as its own caller saw it. */
function firstContent(result: unknown): CallToolResult['content'] {
  return isContentResult(result) ? (result.content as CallToolResult['content']) : [text(jsonOf(result))];
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

/** MCP's `ElicitRequest` in form mode, which is the default mode. */
interface ElicitRequest {
  readonly method: 'elicitation/create';
  readonly params: { readonly message: string; readonly requestedSchema: InputRequest['schema'] };
}

/** Turns a question of the engine into an MCP request. */
export function elicitRequest({ message, schema }: InputRequest): ElicitRequest {
  return { method: 'elicitation/create', params: { message, requestedSchema: schema } };
}
