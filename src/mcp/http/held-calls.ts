import type { Limits } from '../../access/limits.ts';
import type { ToolService } from '../tool-requests.ts';

const askAgainMs = 1_000;

/**
 * Counts a call until all that it executes has ended: who leaves before the answer does not get its place back
 * while the operation goes on.
 */
export function heldToTheEnd(service: ToolService, limits: Limits): ToolService {
  return {
    ...service,
    handle: async (call) => {
      const entry = limits.enter(call.scope);
      if (entry.type === 'refused') {
        const message = `${call.tool}: ${entry.message} Ask again in a second with the same arguments.`;
        return { type: 'refusal', code: 'too_many_calls', message, retryAfterMs: askAgainMs };
      }
      const running: Promise<unknown>[] = [];
      try {
        return await service.handle({ ...call, onExecution: (each) => void running.push(each) });
      } finally {
        void Promise.allSettled(running).then(entry.release);
      }
    },
  };
}
