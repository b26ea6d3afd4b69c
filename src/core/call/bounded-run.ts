import { within } from '../clock.ts';
import { McpOnceError } from '../errors.ts';
import type { Tool } from '../tool/types.ts';
import type { EngineParts } from './types.ts';

/** How long a client may take to open, in ms. */
const openMs = 30_000;

/** Opens a tool's client in bounded time. @throws McpOnceError `upstream_unavailable`, or the client's own error */
export function openClient(engine: EngineParts, tool: Tool): Promise<unknown> {
  return within(engine.clock, engine.clients.open(tool.client), openMs, () => {
    throw new McpOnceError('upstream_unavailable', `the client of ${tool.name} did not open within ${openMs / 1000} s`);
  });
}

type BoundedRun<T> =
  | { readonly type: 'ended'; readonly value: T }
  /** The run took longer than `maxRunMs`, or the engine ended. It may still be running. */
  | { readonly type: 'cut_off'; readonly why: string };

/**
 * Waits for a run until it ends, `maxRunMs` has passed or the engine ends.
 * @param onCutOff called at the moment of the cut, before anything else can be sent
 */
export async function boundedRun<T>(
  engine: EngineParts,
  tool: Tool,
  run: Promise<T>,
  onCutOff: () => void,
): Promise<BoundedRun<T>> {
  const { clock, settings, ending } = engine;
  let cutOff: () => void = () => {};
  const bound = new Promise<BoundedRun<T>>((resolve) => {
    cutOff = () => {
      onCutOff();
      const why = ending.aborted
        ? 'the server was shut down while it ran'
        : `${tool.name} ran for longer than ${settings.maxRunMs / 1000} s and was cut off`;
      resolve({ type: 'cut_off', why });
    };
  });
  const cancelBound = clock.after(settings.maxRunMs, cutOff);
  ending.addEventListener('abort', cutOff, { once: true });
  if (ending.aborted) cutOff();
  try {
    return await Promise.race([run.then((value) => ({ type: 'ended', value }) as const), bound]);
  } finally {
    cancelBound();
    ending.removeEventListener('abort', cutOff);
  }
}
