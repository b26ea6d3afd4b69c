import { defaults } from '../config/defaults.ts';
import { operatorOptions } from '../config/operator-options.ts';
import type { OperatorOptions, RefusalOutcome, ResultOutcome } from '../core/call/outcome.ts';
import type { EngineParts, ToolCall } from '../core/call/types.ts';
import { createEngine, type LedgerSource, openLedger } from '../core/engine.ts';
import { closeStoreToOthers } from '../core/ledger/stores/private-store.ts';
import { createLog, type Log } from '../core/observe/log.ts';
import { shared } from '../core/promises.ts';
import { createCatalog } from '../core/tool/catalog.ts';
import { ClientPool } from '../core/tool/client-pool.ts';
import type { RunContext, Tool } from '../core/tool/types.ts';
import type { GuardSettings } from './options.ts';
import type { UnboundTool } from './policy.ts';

/** The code that runs for a tool, in the context of one call. */
type RunTool = (name: string, input: unknown, context: RunContext) => Promise<unknown>;

/** A call with its own tools. A recovery in this call runs the tools in the call's context. */
interface GuardCall extends ToolCall {
  find(name: string): UnboundTool | undefined;
  readonly run: RunTool;
}

/** The outcome of a call whose caller cannot be asked anything. */
export type GuardOutcome = ResultOutcome | RefusalOutcome;

/** The engine of a guard. It has no configuration file, and each call brings its tools. */
export interface GuardEngine {
  /** True when other machines or people may use the same store. */
  readonly shared: boolean;
  readonly log: Log;
  /** Rejects for faults only. */
  handle(call: GuardCall): Promise<GuardOutcome>;
  /** Drains the engine and closes the store, within a bounded time. Never rejects. */
  close(): Promise<void>;
}

/**
 * Opens the store and builds an engine over it. A Redis store connects at the first call.
 *
 * @throws McpOnceError `configuration_invalid` for a store that cannot be used safely
 * @throws LedgerUnavailable for a store that cannot be opened
 */
export async function openGuardEngine(settings: GuardSettings): Promise<GuardEngine> {
  const log = createLog({ level: settings.logLevel });
  const { leaseMs, waitMs, maxRunMs, resultBytesMax, encryptionKeys, sealedOnly } = settings;
  const { unresolvedRetention: unresolvedRetentionMs, recordRetention: recordRetentionMs } = defaults;
  const { hostKeys, conversationScope, twinWindow: twinMs, rewordedWindow: rewordedMs } = defaults;
  if (typeof settings.store === 'string') {
    closeStoreToOthers(settings.store, settings.storeIsDefault, (message) => log.warn(message));
  }
  const ledger = await openLedger({
    store: storeOf(settings),
    createFolder: settings.storeIsDefault,
    leaseMs,
    unresolvedRetentionMs,
    encryptionKeys,
    sealedOnly,
  });
  const engine = createEngine({
    catalog: createCatalog([]),
    clients: clientsOfOneCall(),
    settings: {
      ...{ waitMs, maxRunMs, recordRetentionMs, resultBytesMax, hostKeys, conversationScope },
      ...{ twinMs, rewordedMs },
      operator: operatorOf(settings),
    },
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
      if (outcome.type === 'input_required') throw new Error('a guard cannot ask its caller anything');
      return outcome;
    },
    close: async () => void (await drained.get()),
  };
}

/** A pool keeps each client that it has seen, and each call may describe its tool with a new client. */
function clientsOfOneCall(): ClientPool {
  return new ClientPool({});
}

/** The tools of one call, with the code that runs them. */
function catalogOf(call: GuardCall): EngineParts['catalog'] {
  const find = (name: string): Tool | undefined => {
    const tool = call.find(name);
    return tool && { ...tool, run: (input, context) => call.run(name, input, context) };
  };
  return { tools: [], hidden: [], find };
}

/** A Keyv instance has no URL, so nobody can say how to reach its ledger. */
function operatorOf({ store, storeIsDefault }: GuardSettings): OperatorOptions | undefined {
  if (typeof store !== 'string') return undefined;
  return operatorOptions({ file: undefined, store, storeIsChosen: !storeIsDefault });
}

function storeOf({ store, singleProcess }: GuardSettings): LedgerSource['store'] {
  if (typeof store === 'string') return store;
  return async () => (await import('../core/ledger/stores/keyv.ts')).storeFromKeyv(store, { singleProcess });
}
