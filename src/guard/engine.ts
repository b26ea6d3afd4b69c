import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { Keyv } from 'keyv';
import { drain, readableOnUse } from '../app.ts';
import { defaults } from '../config/defaults.ts';
import { handleCall } from '../core/call/handle-call.ts';
import type { Engine, RefusalOutcome, ResultOutcome, ToolCall } from '../core/call/types.ts';
import { systemClock } from '../core/clock.ts';
import { describeError, LedgerUnavailable, McpOnceError } from '../core/errors.ts';
import { codecFor } from '../core/ledger/codec.ts';
import { Ledger } from '../core/ledger/ledger.ts';
import { storeFromKeyv } from '../core/ledger/stores/keyv.ts';
import { openStore } from '../core/ledger/stores/open.ts';
import type { Store } from '../core/ledger/stores/store.ts';
import { createLog, type Log, logEvents } from '../core/observe/log.ts';
import { shared, tracked } from '../core/promises.ts';
import { ClientPool } from '../core/tool/client-pool.ts';
import type { RunContext, Tool } from '../core/tool/types.ts';
import type { GuardSettings } from './options.ts';
import type { GuardTool } from './policy.ts';

/** The code that runs for a tool, in the context of one call. */
type RunTool = (name: string, input: unknown, context: RunContext) => Promise<unknown>;

/** A call with its own tools: what a recovery runs, it runs in this call's context. */
interface GuardCall extends ToolCall {
  find(name: string): GuardTool | undefined;
  readonly run: RunTool;
}

/** What becomes of a call whose caller is asked nothing. */
export type GuardOutcome = ResultOutcome | RefusalOutcome;

/** The engine of a guard: without a configuration, and with tools that come with each call. */
export interface GuardEngine {
  /** True when processes of other machines or people may use the same store. */
  readonly shared: boolean;
  readonly log: Log;
  /** Rejects for faults only. */
  handle(call: GuardCall): Promise<GuardOutcome>;
  /** Bounded; never rejects. */
  close(): Promise<void>;
}

/**
 * Opens the store and wires the engine around it.
 * @throws McpOnceError `configuration_invalid` for a store that cannot be used safely.
 * @throws LedgerUnavailable when it cannot be opened. Redis is connected to on first use.
 */
export async function openGuardEngine(settings: GuardSettings): Promise<GuardEngine> {
  const store = await opened(settings);
  const clock = systemClock;
  const log = createLog({ level: settings.logLevel });
  const { leaseMs, waitMs, maxRunMs, resultBytesMax, drainMs } = settings;
  const { unresolvedRetention: unresolvedRetentionMs, recordRetention: recordRetentionMs } = defaults;
  const { hostKeys, conversationScope } = defaults;
  const kept = new Ledger({
    store,
    codec: codecFor(settings.encryptionKeys),
    clock,
    randomId: randomUUID,
    settings: { leaseMs, unresolvedRetentionMs },
  });
  const closing = new AbortController();
  const ending = new AbortController();
  // Every execution listens to it.
  setMaxListeners(0, ending.signal);
  const stopLogging = logEvents(log);
  const open = async (): Promise<Ledger> => {
    if (ending.signal.aborted) throw new LedgerUnavailable('the guard is closed');
    return kept;
  };
  const { ledger, repeatSecret } = readableOnUse(open, settings.secret, log);
  const engine: Engine = {
    catalog: { tools: [], hidden: [], find: () => undefined },
    clients: clientsOfOneCall(),
    clock,
    settings: { waitMs, maxRunMs, recordRetentionMs, resultBytesMax, hostKeys, conversationScope },
    ledger,
    repeatSecret,
    randomId: randomUUID,
    log,
    running: new Set(),
    closing: closing.signal,
    ending: ending.signal,
  };
  const answering = new Set<Promise<unknown>>();
  const closeParts = async (): Promise<void> => {
    closing.abort();
    ending.abort();
    await store.close();
    stopLogging();
  };
  const closed = shared(() => drain({ engine, answering, closing, ending, close: closeParts, log }, drainMs));
  return {
    shared: store.shared,
    log,
    handle: async (call) => {
      const handling = handleCall({ ...engine, clients: clientsOfOneCall(), catalog: catalogOf(call) }, call);
      const answer = await tracked(answering, handling);
      if (answer.type === 'input_required') throw new Error('a guard asks nothing');
      return answer;
    },
    close: async () => void (await closed.get()),
  };
}

/** A tool may be described anew with each call, and a pool remembers every client that it has seen. */
function clientsOfOneCall(): ClientPool {
  return new ClientPool({});
}

/** The tools as this call runs them. */
function catalogOf(call: GuardCall): Engine['catalog'] {
  const find = (name: string): Tool | undefined => {
    const tool = call.find(name);
    return tool && { ...tool, run: (input, context) => call.run(name, input, context) };
  };
  return { tools: [], hidden: [], find };
}

async function opened({ store, storeIsDefault, singleProcess }: GuardSettings): Promise<Store> {
  try {
    if (typeof store === 'string') return await openStore(store, { createFolder: storeIsDefault });
    return await storeFromKeyv(store satisfies Keyv, { singleProcess });
  } catch (error) {
    if (error instanceof McpOnceError) throw error;
    throw new LedgerUnavailable(describeError(error), { cause: error });
  }
}
