import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import type { Outcome } from '../core/call/outcome.ts';
import type { ToolCall } from '../core/call/types.ts';
import { isDeeperThan, resultDepthMax } from '../core/depth.ts';
import { describeError, faultFields } from '../core/errors.ts';
import type { CallLog } from '../core/observe/log.ts';
import type { Catalog } from '../core/tool/catalog.ts';
import { internalError, invalidParams } from './jsonrpc-codes.ts';
import { render, renderFault } from './render.ts';
import type { ToolList, ToolPage } from './tool-list.ts';

/** What the MCP servers of both protocol revisions serve. */
export interface ToolService {
  readonly name: string;
  readonly version: string;
  readonly title?: string;
  /** Returns the instructions that a client's model gets about these tools. */
  readonly instructions?: (tools: Catalog['tools']) => string;
  readonly catalog: Catalog;
  /**
   * Rejects only for faults. Expected outcomes are values.
   * @param tools the tools of this call, in place of the service's own
   */
  readonly handle: (call: ToolCall, tools?: { readonly catalog: Catalog }) => Promise<Outcome>;
  readonly log: CallLog;
}

/** The part of a service that certain callers may see. */
export interface ServedTools extends ToolService {
  readonly list: ToolList;
}

/** A `tools/call` of either protocol revision. */
export interface ToolRequest {
  /** Unchecked. */
  readonly params: unknown;
  readonly meta: Readonly<Record<string, unknown>>;
  readonly scope: ToolCall['scope'];
  readonly signal: AbortSignal;
  /** The memory of the caller's session; undefined for a caller without a session. */
  readonly session?: ToolCall['session'];
  /** Receives the outcome just before the answer is sent. */
  readonly onOutcome?: ((outcome: Outcome) => void) | undefined;
  /** The value of the HTTP header `Idempotency-Key`. */
  readonly headerKey?: unknown;
  readonly notify: (notification: ProgressNotification) => Promise<void>;
  /** How to ask the client a question; undefined when it has declared no way. */
  readonly questionChannel?: ToolCall['questionChannel'] | undefined;
  /** The client's replies to an earlier question. */
  readonly input?: ToolCall['input'] | undefined;
  /** How an invalid request is reported: by a result up to MCP 2025-11-25, by an error since then. */
  readonly faults: 'results' | 'errors';
}

/** Declares whether the tool list may change while the server runs. */
export function toolsCapability({ onChange }: Catalog): { readonly listChanged?: boolean } {
  return onChange === undefined ? {} : { listChanged: true };
}

/** Names the host program's own idempotency key in `_meta` of `tools/call`. */
const IDEMPOTENCY_KEY_META = 'mcp-once/idempotency-key';

/** Returns the page of `tools/list` at a cursor. @throws RequestError for an invalid cursor */
export function pageAt(list: ToolList, cursor: string | undefined): ToolPage {
  const page = list.page(cursor);
  if (page) return { ...page };
  throw new RequestError(invalidParams, 'Invalid cursor. Request the list again without a cursor.');
}

/** Serves a `tools/call`. @throws RequestError for invalid requests and for faults */
export async function answerCall(service: ToolService, request: ToolRequest): Promise<CallToolResult> {
  const { params, meta, scope, signal, session, headerKey, questionChannel, input } = request;
  if (!isCallParams(params)) {
    const message = 'tools/call needs params with a string as name. Nothing was executed.';
    throw new RequestError(invalidParams, message);
  }
  const sentKey = hostKeyOf(meta, params);
  // The header counts only when the message has no key at all. A null key goes to the engine, which refuses it.
  const hostKey = sentKey === undefined ? headerKey : sentKey;
  const onWait = progressOf(service.log, request);
  try {
    const outcome = await service.handle({
      tool: params.name,
      arguments: params.arguments,
      scope,
      meta,
      signal,
      ...(session ? { session } : {}),
      ...(hostKey === undefined ? {} : { hostKey }),
      ...(onWait ? { onWait } : {}),
      ...(questionChannel ? { questionChannel } : {}),
      ...(input ? { input } : {}),
    });
    const fault = request.faults === 'errors' ? renderFault(outcome) : undefined;
    if (fault) throw new RequestError(fault.code, fault.message, fault.data);
    const result = passable(service, params.name, render(outcome));
    request.onOutcome?.(outcome);
    return result;
  } catch (error) {
    if (error instanceof RequestError) throw error;
    const fault = `${JSON.stringify(params.name.slice(0, 64))}: internal fault: ${describeError(error)}`;
    service.log.warn(fault, faultFields(error));
    throw new RequestError(internalError, faultMessage(service.catalog, params.name));
  }
}

/** Results are bounded where they are kept. An older record may hold a deeper one, which no transport could write. */
function passable({ catalog }: ToolService, name: string, result: CallToolResult): CallToolResult {
  if (!isDeeperThan(resultDepthMax + 12, result)) return result;
  throw new RequestError(internalError, faultMessage(catalog, name));
}

type CallParams = Readonly<Record<string, unknown>> & { readonly name: string; readonly arguments?: unknown };

function isCallParams(params: unknown): params is CallParams {
  return typeof params === 'object' && params !== null && 'name' in params && typeof params.name === 'string';
}

/**
 * Returns the host program's idempotency key, unchecked; undefined when it sent none. The first source that has a key
 * decides, even when its value is refused later.
 */
export function hostKeyOf(meta: Readonly<Record<string, unknown>>, params: Readonly<Record<string, unknown>>): unknown {
  const own = (from: Readonly<Record<string, unknown>>, name: string): unknown =>
    Object.hasOwn(from, name) ? from[name] : undefined;
  const fromMeta = own(meta, IDEMPOTENCY_KEY_META);
  return fromMeta === undefined ? own(params, 'idempotencyKey') : fromMeta;
}

/**
 * Returns whether a client has declared that it can show a form to a person. `{}` means forms, as before modes existed
 * (MCP 2025-11-25 and 2026-07-28, elicitation, capabilities).
 */
export function acceptsForms(capabilities: unknown): boolean {
  const { elicitation } = (capabilities ?? {}) as { elicitation?: unknown };
  if (typeof elicitation !== 'object' || elicitation === null) return false;
  return 'form' in elicitation || !('url' in elicitation);
}

/** Returns undefined when the caller did not request progress. */
function progressOf(log: CallLog, { meta, notify }: ToolRequest): ((waitedMs: number) => void) | undefined {
  const { progressToken } = meta;
  if (typeof progressToken !== 'string' && typeof progressToken !== 'number') return undefined;
  return progressNotifier(progressToken, (notification) => {
    notify(notification).catch((error: unknown) => log.debug(`progress: ${describeError(error)}`));
  });
}

/** Says what a caller can rely on after an unexpected fault. */
function faultMessage(catalog: Catalog, name: string): string {
  const tool = catalog.find(name);
  const opening = `${tool?.name ?? 'the tool'}: an internal fault of mcp-once.`;
  if (!tool) return `${opening} Nothing was executed.`;
  if (tool.effect === 'read') return `${opening} The tool only reads, so it is safe to call again.`;
  if (tool.class !== 'off') {
    return `${opening} The ledger knows whether the operation took effect. Call again with the same arguments to get its outcome.`;
  }
  return `${opening} The operation may have taken effect. Check the upstream before you call again.`;
}

/** An error response. Both SDKs send its code, message and data unchanged. */
class RequestError extends Error {
  readonly code: number;
  readonly data: unknown;

  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.name = 'RequestError';
    this.code = code;
    this.data = data;
  }
}

/** `notifications/progress` of MCP, without its envelope. */
export interface ProgressNotification {
  readonly method: 'notifications/progress';
  readonly params: { progressToken: string | number; progress: number; message: string };
}

/**
 * Creates a function that notifies a caller while its call waits for another one.
 * @param send sends the notification; must not throw
 */
export function progressNotifier(
  progressToken: string | number,
  send: (notification: ProgressNotification) => void,
): (waitedMs: number) => void {
  let last = 0;
  return (waitedMs) => {
    // In seconds. It must increase with each notification (MCP 2025-11-25, progress).
    const progress = Math.round(waitedMs / 100) / 10;
    if (progress <= last) return;
    last = progress;
    const message = `The same operation is in flight: waiting for its outcome, ${Math.floor(progress)} s so far.`;
    send({ method: 'notifications/progress', params: { progressToken, progress, message } });
  };
}
