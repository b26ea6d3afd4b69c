import type { ErrorFacts } from '../../core/error-answers/classify.ts';
import { echoOf } from '../../core/error-answers/effect-members.ts';
import { factsOfDetails } from '../../core/error-answers/error-body.ts';
import { excerptOf } from '../../core/error-answers/error-result.ts';
import { NotExecuted } from '../../core/errors.ts';
import { objectOf } from '../../core/json.ts';
import type { McpResult } from './types.ts';

/** Whether a value is a tool result of MCP: an object with a list of content. */
export function isMcpResult(value: unknown): value is McpResult {
  return typeof value === 'object' && value !== null && Array.isArray((value as { content?: unknown }).content);
}

/**
 * Returns a server's result with all its fields. A result may omit `content` (MCP 2025-11-25: empty by default), and a
 * call whose result is not an object may have taken effect as well.
 */
export function toMcpResult(value: unknown): McpResult {
  if (isMcpResult(value)) return value;
  return { ...objectOf(value), content: [] };
}

/** Reads the facts of a JSON-RPC error. Its `data` may say more than its message. */
export function factsOfRpcError(
  { code, message, data }: { code?: unknown; message?: unknown; data?: unknown },
  args: unknown = undefined,
): ErrorFacts {
  const { texts, codes, status, retryAfterMs, hasMore = false } = factsOfDetails(data, echoOf(args));
  return {
    texts: [String(message ?? ''), ...texts],
    codes: codes ?? [],
    hasMore,
    ...(typeof code === 'number' ? { rpcCode: code } : {}),
    ...(status === undefined ? {} : { status }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

/** Makes the failure of a result with `isError`, where the configuration says that it had no effect. */
export function failureOfResult(result: McpResult): NotExecuted {
  return new NotExecuted(excerptOf(result));
}
