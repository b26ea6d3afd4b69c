import { AsyncLocalStorage } from 'node:async_hooks';
import type { Outcome } from '../../core/call/outcome.ts';
import type { ToolCall } from '../../core/call/types.ts';
import type { Clock } from '../../core/clock.ts';
import { describeError } from '../../core/errors.ts';
import { objectOf } from '../../core/json.ts';
import type { CallLog } from '../../core/observe/log.ts';
import { SessionMemory } from '../../core/recognition/session.ts';
import { Deliveries } from '../../server/deliveries.ts';
import type { ForwardedCall } from '../policy/types.ts';
import { judgeAnswer } from './guarded-calls.ts';
import type { KnownTools } from './known-tools.ts';
import { ServerFault } from './link.ts';
import type { RpcId, RpcRequest, RpcResponse } from './message.ts';
import type { ServerConnection } from './server-connection.ts';

/** A call that was passed on, and the promise of its answer. */
interface Observed {
  readonly answer: Promise<RpcResponse>;
  readonly connection: ServerConnection;
  readonly askedBefore: number;
  hasRun: boolean;
  resolve(answer: RpcResponse): void;
  reject(fault: ServerFault): void;
}

/** Carries the observed call through the engine. */
const observing = new AsyncLocalStorage<Observed>();

export interface ObservedCallsOptions {
  readonly handle: (call: ToolCall) => Promise<Outcome>;
  readonly scope: () => ToolCall['scope'];
  readonly log: CallLog;
  readonly clock: Clock;
}

/**
 * Lets the engine look at the calls of tools that would be guarded. Every message passes unchanged and at once. Where the
 * engine would execute a call, it takes the server's answer; where it would replay or refuse it, it notes that.
 */
export class ObservedCalls {
  readonly #options: ObservedCallsOptions;
  readonly #deliveries: Deliveries;
  readonly #open = new Map<RpcId, Observed>();

  constructor(options: ObservedCallsOptions) {
    this.#options = options;
    this.#deliveries = new Deliveries(new SessionMemory(options.clock));
  }

  /** Begins to observe a call, right before it is passed on. */
  begin(request: RpcRequest, tool: string, connection: ServerConnection): void {
    const observed = makeObserved(connection);
    this.#open.set(request.id, observed);
    void this.#observe(request, tool, observed);
  }

  /** Takes the server's answer to a call. */
  answered(answer: RpcResponse): void {
    this.#open.get(answer.id)?.resolve(answer);
    this.#open.delete(answer.id);
  }

  /** Takes the fault of a call without an answer. */
  lost(id: RpcId, fault: ServerFault): void {
    this.#open.get(id)?.reject(fault);
    this.#open.delete(id);
  }

  /** Notes that the client has cancelled a call: the server need not answer it. */
  cancelled(id: RpcId): void {
    this.lost(id, new ServerFault('unknown', 'the client cancelled the call, and the server did not answer it'));
    this.#deliveries.forget(id);
  }

  async #observe(request: RpcRequest, tool: string, observed: Observed): Promise<void> {
    const { handle, scope, log } = this.#options;
    const { arguments: given, ...params } = request.params ?? {};
    const meta = objectOf(params._meta);
    try {
      const { hostKeyOf } = await import('../../server/tool-requests.ts');
      const hostKey = hostKeyOf(meta, params);
      const outcome = await observing.run(observed, () =>
        handle({
          tool,
          arguments: given,
          scope: scope(),
          meta,
          signal: neverAborts,
          session: this.#deliveries.session,
          hasRun: () => observed.hasRun,
          ...(hostKey === undefined ? {} : { hostKey }),
        }),
      );
      await observed.answer;
      this.#deliveries.expect(request.id, outcome, meta);
      this.#deliveries.written(request.id);
    } catch (error) {
      log.debug(`${tool}: observing ended: ${describeError(error)}`);
    }
  }
}

const neverAborts = new AbortController().signal;

function makeObserved(connection: ServerConnection): Observed {
  const settle: Pick<Observed, 'resolve' | 'reject'> = { resolve: () => undefined, reject: () => undefined };
  const answer = new Promise<RpcResponse>((resolve, reject) => Object.assign(settle, { resolve, reject }));
  answer.catch(() => undefined);
  return { answer, connection, askedBefore: connection.requestsReceived, hasRun: false, ...settle };
}

/** Runs a call for the engine by waiting for the answer to the call that was passed on. */
export async function awaitObserved(tools: KnownTools, call: ForwardedCall): Promise<unknown> {
  const observed = observing.getStore();
  if (observed === undefined) throw new ServerFault('not_executed', 'the call is only observed');
  observed.hasRun = true;
  const { connection, askedBefore } = observed;
  return judgeAnswer({ connection, tools, askedBefore, context: undefined }, call, await observed.answer);
}
