import { emit } from '../observe/events.ts';
import type { Outcome } from './outcome.ts';
import type { ToolCall } from './types.ts';

/** W3C Trace Context, `traceparent` (3.2): version, trace id, parent id, flags. */
const traceparent = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/;
const traceparentCharsMax = 512;

/** Emits the event that says how a call ended. */
export function reportOutcome(call: ToolCall, outcome: Outcome): void {
  const traceId = traceIdOf(call.meta);
  const operation = outcome.operation?.key;
  emit({
    type: 'answered',
    tenant: call.scope.tenant,
    subject: call.scope.subject,
    tool: call.tool,
    code: codeOf(outcome),
    replayed: outcome.type === 'result' && outcome.replayed,
    ...(operation === undefined ? {} : { operation }),
    ...(traceId === undefined ? {} : { traceId }),
  });
}

function codeOf(outcome: Outcome): string {
  switch (outcome.type) {
    case 'result':
      return 'succeeded';
    case 'input_required':
      return 'input_required';
    case 'refusal':
      return outcome.code;
  }
}

/**
 * Reads the trace id of a call from `_meta.traceparent` (MCP 2026-07-28, trace context; SEP-414), for the log. It is not
 * part of any key, because each repeat has another one.
 */
export function traceIdOf(meta: Readonly<Record<string, unknown>>): string | undefined {
  const { traceparent: text } = meta;
  return typeof text === 'string' && text.length <= traceparentCharsMax ? traceparent.exec(text)?.[1] : undefined;
}
