import { defaults } from '../config/defaults.ts';
import type { RefusalOutcome, ResultOutcome } from '../core/call/outcome.ts';
import type { Engine, ToolCall } from '../core/call/types.ts';
import { createEngine, type LedgerSource, openLedger } from '../core/engine.ts';
import { createLog, type Log } from '../core/observe/log.ts';
import { shared } from '../core/promises.ts';
import { createCatalog } from '../core/tool/catalog.ts';
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
  const log = createLog({ level: settings.logLevel });
  const { leaseMs, waitMs, maxRunMs, resultBytesMax, encryptionKeys } = settings;
  const { unresolvedRetention: unresolvedRetentionMs, recordRetention: recordRetentionMs } = defaults;
  const { hostKeys, conversationScope } = defaults;
  const ledger = await openLedger({
    store: storeOf(settings),
    createFolder: settings.storeIsDefault,
    leaseMs,
    unresolvedRetentionMs,
    encryptionKeys,
  });
  const engine = createEngine({
    catalog: createCatalog([]),
    clients: clientsOfOneCall(),
    settings: { waitMs, maxRunMs, recordRetentionMs, resultBytesMax, hostKeys, conversationScope },
    ledger,
    secret: settings.secret,
    log,
  });
  await engine.load();
  const drained = shared(() => engine.drain(settings.drainMs));
  return {
    shared: ledger.store.shared,
    log,
    handle: async (call) => {
      const outcome = await engine.handle(call, { catalog: catalogOf(call), clients: clientsOfOneCall() });
      if (outcome.type === 'input_required') throw new Error('a guard asks nothing');
      return outcome;
    },
    close: async () => void (await drained.get()),
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

function storeOf({ store, singleProcess }: GuardSettings): LedgerSource['store'] {
  if (typeof store === 'string') return store;
  return async () => (await import('../core/ledger/stores/keyv.ts')).storeFromKeyv(store, { singleProcess });
}
