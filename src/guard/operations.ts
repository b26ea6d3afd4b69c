import { McpOnceError } from '../core/errors.ts';
import type { RunContext } from '../core/tool/types.ts';
import type { Operation } from './types.ts';

/** One run of a handler, as it is seen from within. */
export interface HandlerRun {
  readonly operation: Operation;
  /** True once the author's own code was called; a framework may refuse before. */
  invoked: boolean;
  /** What the author's code threw; a framework may make a result of it. */
  threw?: { readonly error: unknown };
}

/** Which operation a handler's last argument belongs to. */
export class Operations {
  readonly #runs = new WeakMap<object, HandlerRun>();

  /** @param extra as the handler gets it. A copy that a framework makes of it is known by its signal. */
  begin(extra: object, context: RunContext): HandlerRun {
    const run: HandlerRun = { operation: operationOf(context), invoked: false };
    this.#runs.set(extra, run);
    const signal = signalOf(extra);
    if (signal) this.#runs.set(signal, run);
    return run;
  }

  run(extra: unknown): HandlerRun | undefined {
    if (typeof extra !== 'object' || extra === null) return undefined;
    const signal = signalOf(extra);
    return this.#runs.get(extra) ?? (signal && this.#runs.get(signal));
  }

  /** @throws McpOnceError `tool_invalid` */
  find(extra: unknown): Operation {
    const run = this.run(extra);
    if (run) return run.operation;
    throw new McpOnceError(
      'tool_invalid',
      'operation(extra): this is not the last argument of a handler in a guarded call, so there is no operation, and nothing was executed for it. Call it within the handler of a tool that protect() or wrap() guards and that is no read, with the argument as it came.',
    );
  }
}

/** The operation of a run. Its key is taken only when it is used: that says that a request goes out beside the steps. */
export function operationOf(context: RunContext): Operation {
  return {
    get idempotencyKey() {
      return context.upstreamKey;
    },
    get marker() {
      return context.marker;
    },
    attempt: context.attempt,
    step: (name, send) => context.step(name, send),
    read: (name, ask) => context.read(name, ask),
    get signal() {
      return context.signal;
    },
  };
}

/** SDK v1 has it in `extra`, v2 in `ctx.mcpReq`. */
export function signalOf(extra: object): AbortSignal | undefined {
  const { signal, mcpReq } = extra as { signal?: unknown; mcpReq?: { signal?: unknown } };
  const found = signal ?? mcpReq?.signal;
  return found instanceof AbortSignal ? found : undefined;
}
