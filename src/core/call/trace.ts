/** W3C Trace Context, `traceparent` (3.2): version, trace id, parent id, flags. */
const traceparent = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/;
const charsMax = 512;

/**
 * The trace that a call belongs to, from `_meta.traceparent` (MCP 2026-07-28, trace context; SEP-414), for whoever
 * follows it through logs. It is no part of any key: each repeat has another one. Undefined where there is none.
 */
export function traceIdOf(meta: Readonly<Record<string, unknown>>): string | undefined {
  const { traceparent: text } = meta;
  return typeof text === 'string' && text.length <= charsMax ? traceparent.exec(text)?.[1] : undefined;
}
