import { within } from '../clock.ts';
import { McpOnceError } from '../errors.ts';
import type { Tool } from '../tool/types.ts';
import type { Engine } from './types.ts';

/** How long a client may take to open, in ms. */
const openMs = 30_000;

/** A tool's client, in bounded time. @throws McpOnceError `upstream_unavailable`, or what opening throws. */
export function openClient(engine: Engine, tool: Tool): Promise<unknown> {
  return within(engine.clock, engine.clients.open(tool.client), openMs, () => {
    throw new McpOnceError('upstream_unavailable', `the client of ${tool.name} did not open within ${openMs / 1000} s`);
  });
}
