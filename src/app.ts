import { loadCatalog, upstreamsOf } from './app/catalog.ts';
import { instructionsFor } from './app/instructions.ts';
import { type InUse, replaceTools } from './app/replace-tools.ts';
import type { Config, Environment } from './config/config.ts';
import type { EngineSettings, Outcome, ToolCall } from './core/call/types.ts';
import { type Clock, systemClock } from './core/clock.ts';
import { createEngine, openLedger as openLedgerOf } from './core/engine.ts';
import { describeError, LedgerUnavailable } from './core/errors.ts';
import { defined } from './core/json.ts';
import type { Ledger } from './core/ledger/ledger.ts';
import type { QuotaLimits } from './core/ledger/record-quota.ts';
import { createLog, type Log } from './core/observe/log.ts';
import { type Catalog, ReplaceableCatalog } from './core/tool/catalog.ts';
import { ClientPool } from './core/tool/client-pool.ts';
import { ModuleVersions } from './core/tool/module-versions.ts';
import type { Upstream } from './core/tool/types.ts';

/** What an app is given besides its configuration. */
export interface AppOptions {
  /** The variables that clients are configured from. */
  readonly environment: Environment;
  readonly clock?: Clock;
  readonly log?: Log;
  /** What is served, where it does not come from the configuration's folders and documents. It may grow. */
  readonly catalog?: Catalog;
  /** How many records each subject and tenant may hold. Default: as many as come. */
  readonly recordLimits?: QuotaLimits;
  /** Returns a further line for the model, by where effects happen. Default: none. */
  readonly note?: (upstreams: readonly Upstream[]) => string | undefined;
  /** Told at the start what is probably not as it was meant. Default: the log. */
  readonly warn?: (message: string) => void;
}

/** Everything wired: tools, engine, ledger, clients. */
export interface App {
  readonly catalog: Catalog;
  /** Whose operations these are. */
  readonly scope: { readonly tenant: string; readonly subject: string };
  /** For the model of somebody who is served these tools: how repeats are handled, and whether anything real happens. */
  instructions(tools: Catalog['tools']): string;
  /** Where the effects of its tools happen, as far as their clients are configured. */
  readonly upstreams: readonly Upstream[];
  readonly log: Log;
  /**
   * Loads the tools of a configuration, of which nothing else is taken, and serves them instead: all, between two calls, or
   * none. What has begun goes on with the tool that it began with. One at a time.
   * @throws McpOnceError `tool_invalid`, `configuration_invalid`: then those that were served still are.
   */
  reload(config: Config): Promise<void>;
  /** Answers one tool call. Rejects for faults only. */
  handle(call: ToolCall): Promise<Outcome>;
  /** Whether the ledger can be reached, within a bounded time. Never rejects. */
  isReady(): Promise<boolean>;
  /**
   * Begins no further execution, waits up to `withinMs` (default `drainMs`) for what executes, cuts off
   * and settles the rest, and closes. Bounded; never rejects.
   * @returns how many executions had to be cut off.
   */
  drain(withinMs?: number): Promise<number>;
  /** Closes without waiting. */
  close(): Promise<void>;
}

/**
 * Wires a server's parts together. Opens no store and no client: each opens on first use.
 * @throws McpOnceError `tool_invalid`, `configuration_invalid`
 */
export async function createApp(config: Config, options: AppOptions): Promise<App> {
  const { environment, clock = systemClock, log = createLog({ level: config.logLevel }) } = options;
  const { warn = (message) => log.warn(message), note = () => undefined } = options;
  const modules = new ModuleVersions();
  const catalog = new ReplaceableCatalog(options.catalog ?? (await loadCatalog(config, warn, modules.load)));
  const variables = clientEnvironment(environment);
  let upstreams = upstreamsOf(catalog, variables, warn);
  const clients = new ClientPool(variables);
  const engine = createEngine({
    catalog,
    clients,
    settings: settingsOf(config),
    ledger: () => openLedger(config, clock),
    secret: config.secret,
    clock,
    log,
    recordLimits: options.recordLimits,
  });
  const inUse: InUse = { catalog, clients, leaving: new Map(), clock, settled: engine.settled };
  const reload = async (next: Config): Promise<void> => {
    await replaceTools(loadCatalog(next, warn, modules.load), inUse, (loaded) => {
      upstreams = upstreamsOf(loaded, variables, warn);
    });
  };
  return {
    catalog,
    scope: Object.freeze({ tenant: config.tenant, subject: config.subject }),
    instructions: (tools) => instructionsFor(tools, note(upstreams)),
    get upstreams() {
      return upstreams;
    },
    log,
    reload,
    handle: engine.handle,
    isReady: engine.isReady,
    drain: (withinMs = config.drainMs) => engine.drain(withinMs),
    close: engine.close,
  };
}

function settingsOf(config: Config): EngineSettings {
  const { waitMs, maxRunMs, recordRetentionMs, resultBytesMax, hostKeys, conversationScope } = config;
  return { waitMs, maxRunMs, recordRetentionMs, resultBytesMax, hostKeys, conversationScope };
}

/** Opens the ledger of a configuration. @throws LedgerUnavailable */
export async function openLedger(config: Config, clock?: Clock): Promise<Ledger> {
  const { store, storeIsDefault: createFolder, leaseMs, unresolvedRetentionMs, encryptionKeys } = config;
  const source = { store, createFolder, leaseMs, unresolvedRetentionMs, encryptionKeys, ...defined({ clock }) };
  try {
    return await openLedgerOf(source);
  } catch (error) {
    if (error instanceof LedgerUnavailable) throw error;
    throw new LedgerUnavailable(describeError(error), { cause: error });
  }
}

/** Returns the variables that clients may read: not those of the server itself, which hold its secret. */
export function clientEnvironment(environment: Environment): Environment {
  const theirs = Object.entries(environment).filter(([name]) => !name.startsWith('MCP_ONCE_'));
  return Object.freeze(Object.fromEntries(theirs));
}
