import { pause } from '../clock.ts';
import { McpOnceError } from '../errors.ts';
import type { Tool } from '../tool/types.ts';
import type { Engine } from './types.ts';

/** How long a client may take to open, in ms. */
const openMs = 30_000;

/** A tool's client, in bounded time. @throws McpOnceError `upstream_unavailable`, or what opening throws. */
export async function openClient(engine: Engine, tool: Tool): Promise<unknown> {
  const opening = engine.clients.open(tool.client);
  const opened = new AbortController();
  const bound = pause(engine.clock, openMs, opened.signal).then(() => {
    if (opened.signal.aborted) return undefined;
    throw new McpOnceError('upstream_unavailable', `the client of ${tool.name} did not open within ${openMs / 1000} s`);
  });
  try {
    return await Promise.race([opening, bound]);
  } finally {
    opened.abort();
  }
}
