import { McpOnceError } from '../core/errors.ts';
import type { RunContext } from '../core/tool/types.ts';
import type { Operation } from './types.ts';

/** One run of a handler. */
export interface HandlerRun {
  readonly operation: Operation;
  /** True once the author's code was called. A framework may refuse the call before. */
  invoked: boolean;
  /** The error of the author's code. A framework may return it as a result. */
  threw?: { readonly error: unknown };
}

/** The operations of running handlers, by the handler's last argument. */
export class Operations {
  readonly #runs = new WeakMap<object, HandlerRun>();

  /** @param extra the handler's last argument. A framework may pass a copy of it, which is found by its signal. */
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
      "operation(extra): this is not the last argument of a handler in a guarded call, so it has no operation. Nothing was executed for it. Call operation() in the handler of a tool that protect() or wrap() guards and that is not a read, and pass the handler's last argument unchanged.",
    );
  }
}

/**
 * Returns the operation of a run. It reads the upstream key only when the handler does: reading it tells the engine that a
 * request goes out beside the steps.
 */
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

/** A signal for calls that nobody can cancel. */
export const neverAborts: AbortSignal = new AbortController().signal;

/** Reads the signal of a request. SDK v1 has it in `extra`, v2 in `ctx.mcpReq`. */
export function signalOf(extra: object): AbortSignal | undefined {
  const { signal, mcpReq } = extra as { signal?: unknown; mcpReq?: { signal?: unknown } };
  const found = signal ?? mcpReq?.signal;
  return found instanceof AbortSignal ? found : undefined;
}
