import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { loadCatalog, upstreamsOf } from './app/catalog.ts';
import { instructionsFor } from './app/instructions.ts';
import { type InUse, replaceTools } from './app/replace-tools.ts';
import type { Config, Environment } from './config/config.ts';
import type { Engine, Outcome, ToolCall } from './core/call/types.ts';
import { type Clock, pause, systemClock } from './core/clock.ts';
import { describeError, LedgerUnavailable, McpOnceError } from './core/errors.ts';
import type { Ledger } from './core/ledger/ledger.ts';
import type { QuotaLimits, RecordQuota } from './core/ledger/record-quota.ts';
import { createLog, type Log, logEvents } from './core/observe/log.ts';
import { shared, tracked, untilEmpty } from './core/promises.ts';
import { type Catalog, ReplaceableCatalog } from './core/tool/catalog.ts';
import { ClientPool } from './core/tool/client-pool.ts';
import { ModuleVersions } from './core/tool/module-versions.ts';
import type { Upstream } from './core/tool/types.ts';

/** Where the ledger's store keeps the secret of repeat tokens; no operation's key looks like it. */
const secretKey = 'repeat-secret';
/** How long what was cut off at the end of a drain may take to be settled, in ms. */
const settleMs = 5_000;
/** How long clients and store may take to close, in ms. */
const closeMs = 5_000;
/** How long a ledger that is reachable may take to answer, in ms. */
const readyMs = 2_000;
/** How long the answers of what was drained may take to leave, in ms. */
const answersMs = 1_000;

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
  const parts = openedOnUse(config, variables, clock, log);
  const stopLogging = logEvents(log);
  const closing = new AbortController();
  const ending = new AbortController();
  // Every execution listens to it.
  setMaxListeners(0, ending.signal);
  const { clients, ledger, repeatSecret } = parts;
  const quota = await openQuota(config, options.recordLimits, ledger, clock);
  const engine: Engine = {
    catalog,
    clients,
    clock,
    settings: settingsOf(config),
    ledger,
    repeatSecret,
    quota,
    randomId: randomUUID,
    log,
    running: new Set(),
    closing: closing.signal,
    ending: ending.signal,
  };
  const close = async (): Promise<void> => {
    closing.abort();
    ending.abort();
    await quota?.close();
    await parts.close();
    stopLogging();
  };
  // The engine is loaded by the first call, since a server's start is waited for, too.
  const loaded = shared(() => import('./core/call/handle-call.ts'));
  const handle = async (call: ToolCall): Promise<Outcome> => (await loaded.get()).handleCall(engine, call);
  const answering = new Set<Promise<unknown>>();
  const inUse: InUse = { catalog, clients, answering, running: engine.running, leaving: new Map(), clock };
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
    handle: (call) => tracked(answering, handle(call)),
    isReady: async () => {
      if (closing.signal.aborted) return false;
      const read = ledger().then(({ store }) => store.get(secretKey));
      const isRead = read.then(
        () => true,
        () => false,
      );
      return Promise.race([isRead, pause(clock, readyMs).then(() => false)]);
    },
    drain: (withinMs = config.drainMs) => drain({ engine, answering, closing, ending, close, log }, withinMs),
    close,
  };
}

/** Its module is loaded where it is needed. */
async function openQuota(
  { recordRetentionMs: retentionMs }: Config,
  limits: QuotaLimits | undefined,
  ledger: () => Promise<Ledger>,
  clock: Clock,
): Promise<RecordQuota | undefined> {
  if (limits === undefined) return undefined;
  const quotas = await import('./core/ledger/record-quota.ts');
  return new quotas.RecordQuota({ ledger, clock, limits, retentionMs });
}

interface Drained {
  readonly engine: Engine;
  /** The calls that have no answer yet. */
  readonly answering: ReadonlySet<Promise<unknown>>;
  readonly closing: AbortController;
  readonly ending: AbortController;
  readonly close: () => Promise<void>;
  readonly log: Log;
}

/** See `App.drain`. */
export async function drain(drained: Drained, withinMs: number): Promise<number> {
  const { engine, answering, closing, ending, close, log } = drained;
  const { clock, running } = engine;
  closing.abort();
  await untilEmpty(running, clock, withinMs);
  const cutOff = running.size;
  if (cutOff > 0) {
    log.warn('executions were cut off: their outcome is unknown until they are recovered', { count: cutOff });
    ending.abort();
    await untilEmpty(running, clock, settleMs);
  }
  await untilEmpty(answering, clock, answersMs);
  const closed = close().catch((error: unknown) => log.warn(`closing failed: ${describeError(error)}`));
  await Promise.race([closed, pause(clock, closeMs)]);
  return cutOff;
}

/** What is opened by the first call that needs it. After `close` no ledger opens any more. */
function openedOnUse(config: Config, variables: Environment, clock: Clock, log: Log) {
  const clients = new ClientPool(variables);
  let ended = false;
  const opened = shared(async () => {
    if (ended) throw new LedgerUnavailable('the server has ended');
    return openLedger(config, clock);
  });
  const { ledger, repeatSecret } = readableOnUse(opened.get, config.secret, log);
  const close = async (): Promise<void> => {
    ended = true;
    await clients.close();
    await Promise.allSettled([opened.current()?.then(({ store }) => store.close())]);
  };
  return { clients, ledger, repeatSecret, close };
}

function settingsOf(config: Config): Engine['settings'] {
  const { waitMs, maxRunMs, recordRetentionMs, resultBytesMax, hostKeys, conversationScope } = config;
  return { waitMs, maxRunMs, recordRetentionMs, resultBytesMax, hostKeys, conversationScope };
}

/** Opens the ledger of a configuration. Its modules are loaded here: a server starts without them. @throws LedgerUnavailable */
export async function openLedger(config: Config, clock: Clock = systemClock): Promise<Ledger> {
  try {
    const [{ openStore }, { Ledger }, { codecFor }] = await Promise.all([
      import('./core/ledger/stores/open.ts'),
      import('./core/ledger/ledger.ts'),
      import('./core/ledger/codec.ts'),
    ]);
    const store = await openStore(config.store, { createFolder: config.storeIsDefault });
    const { leaseMs, unresolvedRetentionMs, encryptionKeys } = config;
    const settings = { leaseMs, unresolvedRetentionMs };
    return new Ledger({ store, codec: codecFor(encryptionKeys), clock, randomId: randomUUID, settings });
  } catch (error) {
    if (error instanceof LedgerUnavailable) throw error;
    throw new LedgerUnavailable(describeError(error), { cause: error });
  }
}

/**
 * A ledger that can be read, and the secret of repeat tokens. Without the right encryption keys a new operation could
 * be executed, and its outcome told to nobody afterwards: the entry that every ledger has is read before anything is.
 * @param secret that of the configuration, where it has one
 */
export function readableOnUse(open: () => Promise<Ledger>, secret: string | undefined, log: Log) {
  const kept = shared(async () => keptSecret(await open()));
  let isTold = false;
  const checked = async (): Promise<string> => {
    try {
      return await kept.get();
    } catch (error) {
      // Each call asks again, and says so to its caller.
      if (!isTold) log.warn('the ledger is not available: nothing is executed', { error: describeError(error) });
      isTold = true;
      if (error instanceof LedgerUnavailable) throw error;
      throw new LedgerUnavailable(describeError(error), { cause: error });
    }
  };
  const ledger = async (): Promise<Ledger> => {
    await checked();
    return open();
  };
  return { ledger, repeatSecret: async () => secret ?? checked() };
}

/**
 * The secret that all processes of a store share: made by whoever is first, and kept without expiry.
 * @throws McpOnceError `record_unreadable`
 * @throws LedgerUnavailable
 */
async function keptSecret({ store, codec }: Ledger): Promise<string> {
  const { recordFormat } = await import('./core/ledger/record.ts');
  const secret = randomUUID() + randomUUID();
  const mine = codec.encode(secretKey, { v: recordFormat, kind: 'secret', secret });
  const found = (await store.get(secretKey)) ?? (await store.putIfAbsent(secretKey, mine, Infinity)) ?? mine;
  const entry = codec.decode(secretKey, found);
  if (entry.kind !== 'secret') {
    throw new McpOnceError('record_unreadable', 'the key of the repeat secret holds something else');
  }
  // Nothing else would ever write it again: the encryption key that it was sealed with could not be taken out of use.
  if (!codec.isCurrent(found)) {
    await store.compareAndSet(secretKey, found, codec.encode(secretKey, entry), Infinity);
  }
  return entry.secret;
}

/** Returns the variables that clients may read: not those of the server itself, which hold its secret. */
export function clientEnvironment(environment: Environment): Environment {
  const theirs = Object.entries(environment).filter(([name]) => !name.startsWith('MCP_ONCE_'));
  return Object.freeze(Object.fromEntries(theirs));
}
