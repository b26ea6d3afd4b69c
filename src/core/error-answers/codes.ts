import type { FailureKind } from './phrases.ts';

/** What a code says: why nothing took effect, or that it leaves doubt. */
export type CodeMeaning = FailureKind | 'doubt';

/**
 * Returns what an HTTP status of 400 or more says about a request (RFC 9110, 15.5 and 15.6; RFC 6585; RFC 8470). Above
 * 428 only statuses from RFCs mean a refusal: proxies send 440, 460, 499 and others in unclear cases.
 */
export function meaningOfStatus(status: number): CodeMeaning {
  switch (status) {
    case 401:
    case 403:
    case 407:
    case 451:
      return 'unauthorised';
    case 402:
      return 'declined';
    case 404:
    case 410:
      return 'not_found';
    case 408:
      return 'doubt';
    case 409:
    case 412:
    case 423:
    case 428:
      return 'conflict';
    case 425:
    case 429:
      return 'limited';
    case 431:
    case 501:
      return 'invalid';
    default:
      return status >= 400 && status <= 428 ? 'invalid' : 'doubt';
  }
}

/**
 * Returns what a code of JSON-RPC 2.0 (5.1) or MCP says; undefined for a code that each server uses as it likes. A server
 * finds the faults of -32700 to -32600 before it runs anything, but some answer -32602 and -32601 for a fault of their own
 * tool: `classifyErrorAnswer` reads the text, too.
 */
export function meaningOfRpcCode(code: number): FailureKind | undefined {
  switch (code) {
    case -32700:
    case -32600:
    case -32601:
    case -32602:
      return 'invalid';
    // MCP: resource not found.
    case -32002:
      return 'not_found';
    default:
      return undefined;
  }
}

/** Codes of gRPC (https://grpc.io/docs/guides/status-codes/) and of GraphQL servers that leave doubt. */
const doubtCodes: ReadonlySet<string> = new Set([
  'cancelled',
  'unknown',
  'deadline exceeded',
  'internal',
  'unavailable',
  'data loss',
  'internal server error',
  'internal error',
  'fatal error',
  'server error',
  'timeout',
]);

/** Whether a textual code, in lower case with spaces, leaves doubt. */
export function isDoubtCode(code: string): boolean {
  return doubtCodes.has(code);
}
