import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import type { Outcome } from '../core/call/outcome.ts';
import type { ToolCall } from '../core/call/types.ts';
import { describeError } from '../core/errors.ts';
import type { Catalog } from '../core/tool/catalog.ts';
import type { ToolLog } from '../core/tool/types.ts';
import { render, renderFault } from './render.ts';
import type { ToolList, ToolPage } from './tool-list.ts';

/** What a server of either protocol era answers from. */
export interface ToolService {
  readonly name: string;
  readonly version: string;
  readonly title?: string;
  /** For the model of whoever is served these tools: what the server is, and what it has to know about all of them. */
  readonly instructions?: (tools: Catalog['tools']) => string;
  readonly catalog: Catalog;
  /** Rejects only for faults: every expected outcome is an answer. */
  readonly handle: (call: ToolCall) => Promise<Outcome>;
  readonly log: ToolLog;
}

/** What some callers are served: the tools that they may see, and their list. */
export interface ServedTools extends ToolService {
  readonly list: ToolList;
}

/** A `tools/call`, of either era. */
export interface ToolRequest {
  /** As they came. */
  readonly params: unknown;
  readonly meta: Readonly<Record<string, unknown>>;
  readonly scope: ToolCall['scope'];
  readonly signal: AbortSignal;
  /** Of the HTTP header `Idempotency-Key`, where there is one. */
  readonly headerKey?: unknown;
  readonly notify: (notification: ProgressNotification) => Promise<void>;
  /** How the client can be asked something; undefined when it has declared nothing of the kind. */
  readonly questionChannel?: ToolCall['questionChannel'] | undefined;
  /** What it was asked, and answers with this call. */
  readonly input?: ToolCall['input'] | undefined;
  /** How a request that is itself at fault is answered: by a result up to MCP 2025-11-25, by an error since. */
  readonly faults: 'results' | 'errors';
}

/** What a server declares about its tools: whether their list may change while it runs. */
export function toolsCapability({ onChange }: Catalog): { readonly listChanged?: boolean } {
  return onChange === undefined ? {} : { listChanged: true };
}

/** JSON-RPC 2.0, section 5.1. */
const invalidParams = -32_602;
const internalError = -32_603;

/** Names the host program's own idempotency key in `_meta` of `tools/call`. */
const IDEMPOTENCY_KEY_META = 'mcp-once/idempotency-key';

/** The page of `tools/list` at a cursor. @throws RequestError for a cursor that is none */
export function pageAt(list: ToolList, cursor: string | undefined): ToolPage {
  const page = list.page(cursor);
  if (page) return { ...page };
  throw new RequestError(invalidParams, 'The cursor is not one of this list: begin again without one.');
}

/** Answers a `tools/call`. @throws RequestError for a request that is not as it has to be, and for faults */
export async function answerCall(service: ToolService, request: ToolRequest): Promise<CallToolResult> {
  const { params, meta, scope, signal, headerKey, questionChannel, input } = request;
  if (!isCallParams(params)) {
    const message = 'tools/call needs params with a name that is a string. Nothing was executed.';
    throw new RequestError(invalidParams, message);
  }
  const sentKey = hostKeyOf(meta, params);
  // A key that is null is one that the engine refuses: only where there is none the header counts.
  const hostKey = sentKey === undefined ? headerKey : sentKey;
  const onWait = progressOf(service.log, request);
  try {
    const answer = await service.handle({
      tool: params.name,
      arguments: params.arguments,
      scope,
      meta,
      signal,
      ...(hostKey === undefined ? {} : { hostKey }),
      ...(onWait ? { onWait } : {}),
      ...(questionChannel ? { questionChannel } : {}),
      ...(input ? { input } : {}),
    });
    const fault = request.faults === 'errors' ? renderFault(answer) : undefined;
    if (fault) throw new RequestError(fault.code, fault.message, fault.data);
    return render(answer);
  } catch (error) {
    if (error instanceof RequestError) throw error;
    service.log.warn(`${JSON.stringify(params.name.slice(0, 64))}: internal fault: ${describeError(error)}`);
    throw new RequestError(internalError, faultMessage(service.catalog, params.name));
  }
}

type CallParams = Readonly<Record<string, unknown>> & { readonly name: string; readonly arguments?: unknown };

function isCallParams(params: unknown): params is CallParams {
  return typeof params === 'object' && params !== null && 'name' in params && typeof params.name === 'string';
}

/**
 * The idempotency key of the host program, unchecked, or undefined when it sent none. The first
 * source that is there decides, even by a value that is then refused.
 */
export function hostKeyOf(meta: Readonly<Record<string, unknown>>, params: Readonly<Record<string, unknown>>): unknown {
  const own = (from: Readonly<Record<string, unknown>>, name: string): unknown =>
    Object.hasOwn(from, name) ? from[name] : undefined;
  const fromMeta = own(meta, IDEMPOTENCY_KEY_META);
  return fromMeta === undefined ? own(params, 'idempotencyKey') : fromMeta;
}

/** Undefined when the caller did not ask for progress. */
function progressOf(log: ToolLog, { meta, notify }: ToolRequest): ((waitedMs: number) => void) | undefined {
  const { progressToken } = meta;
  if (typeof progressToken !== 'string' && typeof progressToken !== 'number') return undefined;
  return progressNotifier(progressToken, (notification) => {
    notify(notification).catch((error: unknown) => log.debug(`progress: ${describeError(error)}`));
  });
}

/** What a caller may rely on after a fault that the engine did not expect. */
function faultMessage(catalog: Catalog, name: string): string {
  const tool = catalog.find(name);
  const opening = `${tool?.name ?? 'the tool'}: an internal fault of mcp-once.`;
  if (!tool) return `${opening} Nothing was executed.`;
  if (tool.effect === 'read') return `${opening} It only reads: it is safe to call again.`;
  if (tool.match === 'identical' || tool.match === 'latest') {
    return `${opening} Whether the operation took effect is in the ledger: call again with the same arguments to learn it.`;
  }
  return `${opening} Whether it took effect is not known: check the upstream before you call again.`;
}

/** An error response: the SDKs of both eras send its code, message and data as they are. */
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
 * Tells a caller that its call waits for another one.
 * @param send hands the notification over; a fault is its own to deal with.
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
