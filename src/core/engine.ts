import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { BoundedMap } from './bounded-map.ts';
import type { Outcome } from './call/outcome.ts';
import type { EngineParts, EngineSettings, ToolCall } from './call/types.ts';
import type { Unsettled } from './call/unsettled.ts';
import { aheadBy, type Clock, pause, systemClock } from './clock.ts';
import { describeError, LedgerUnavailable, McpOnceError } from './errors.ts';
import type { EncryptionKey } from './ledger/encryption.ts';
import type { Ledger, LedgerSettings } from './ledger/ledger.ts';
import type { QuotaLimits, RecordQuota } from './ledger/record-quota.ts';
import type { Store } from './ledger/stores/store.ts';
import { createLog, type Log, logEvents } from './observe/log.ts';
import { shared, tracked, untilEmpty } from './promises.ts';
import type { Catalog } from './tool/catalog.ts';
import type { ClientPool } from './tool/client-pool.ts';

/** The store's key for the secret of repeat tokens. No operation has a key of this form. */
export const secretKey = 'repeat-secret';
/** For how many tools an engine remembers the first step. */
const firstStepsMax = 10_000;
/** How long executions may take to be settled after a drain has cut them off, in ms. */
const settleMs = 5_000;
/** How long clients and store may take to close, in ms. */
const closeMs = 5_000;
/** How long a reachable ledger may take to answer, in ms. */
const readyMs = 2_000;
/** How long callers may take to receive their answers at the end of a drain, in ms. */
const answersMs = 1_000;

/** What an engine is built from. */
export interface EngineOptions {
  /** The tools. A `ReplaceableCatalog` may change while calls run. */
  readonly catalog: Catalog;
  /** The clients of the tools. The engine closes them. */
  readonly clients: ClientPool;
  readonly settings: EngineSettings;
  /**
   * The ledger, or a function that opens it. The engine calls the function for the first tool call, and again after a
   * failure. The engine closes the ledger's store.
   */
  readonly ledger: Ledger | (() => Promise<Ledger>);
  /**
   * Signs repeat tokens.
   *
   * @defaultValue a secret that all processes on one store share: the first one creates it and stores it there
   */
  readonly secret?: string | undefined;
  /** @defaultValue the system's clock */
  readonly clock?: Clock | undefined;
  /** @defaultValue a log that writes nothing */
  readonly log?: Log | undefined;
  /** How many records a subject and a tenant may hold. @defaultValue no limit */
  readonly recordLimits?: QuotaLimits | undefined;
  /** Closes what the clients depend on. The engine calls it after it has closed them. */
  readonly onClose?: (() => Promise<void>) | undefined;
}

/** Tools and clients of one call, in place of the engine's own. */
export type ToolsOfCall = Partial<Pick<EngineParts, 'catalog' | 'clients'>>;

/** An engine that takes calls. It opens ledger and clients when the first call needs them. */
export interface Engine {
  /**
   * Loads the modules that calls need; else the first call does. From then on `handle` reads a call's arguments before it
   * returns, so that the caller may change them afterwards.
   */
  load(): Promise<void>;
  /** Answers one tool call. Rejects for faults only. */
  handle(call: ToolCall, tools?: ToolsOfCall): Promise<Outcome>;
  /** Resolves when every call that has begun by now, and everything that such calls execute, has ended. */
  settled(): Promise<void>;
  /** Tells whether the ledger answers, within a bounded time. Never rejects. */
  isReady(): Promise<boolean>;
  /**
   * Opens the ledger and reads the entry that every ledger has.
   *
   * @returns warnings about settings of the store that may lose entries
   * @throws McpOnceError `record_unreadable`, `configuration_invalid`
   * @throws LedgerUnavailable
   */
  checkLedger(): Promise<readonly string[]>;
  /**
   * Begins no further execution and waits up to `withinMs` for the running ones. Then cuts off and settles the rest, and
   * closes. Bounded; never rejects.
   *
   * @returns the number of executions that were cut off.
   */
  drain(withinMs: number): Promise<number>;
  /** Closes without waiting for executions. */
  close(): Promise<void>;
}

/**
 * Builds an engine. This is the only place that does. It opens nothing and loads no module of a call, so that a server
 * starts fast.
 *
 * @example
 * const engine = createEngine({ catalog, clients, settings, ledger: () => openLedger({ store: 'memory:', ... }) });
 * const outcome = await engine.handle(call);
 * await engine.drain(30_000);
 */
export function createEngine(options: EngineOptions): Engine {
  const { catalog, clients, settings, clock = systemClock, log = createLog({ level: 'silent' }) } = options;
  const stopLogging = logEvents(log);
  const [closing, ending] = [new AbortController(), new AbortController()];
  // Every execution listens to this signal.
  setMaxListeners(0, ending.signal);
  const running = new Set<Promise<unknown>>();
  const answering = new Set<Promise<unknown>>();
  const kept = keptLedger(options, log);
  const { ledger, repeatSecret, keysSince } = kept;
  let answer: ((call: ToolCall, tools?: ToolsOfCall) => Promise<Outcome>) | undefined;
  let quota: RecordQuota | undefined;
  let unsettled: Unsettled | undefined;
  const loaded = shared(async () => {
    const [{ handleCall }, { Unsettled }] = await Promise.all([
      import('./call/handle-call.ts'),
      import('./call/unsettled.ts'),
    ]);
    unsettled = new Unsettled(clock);
    quota = await openQuota(options, ledger, clock);
    const firstSteps = new BoundedMap<string, string>(firstStepsMax);
    const state = {
      ledger,
      repeatSecret,
      keysSince,
      quota,
      running,
      unsettled,
      closing: closing.signal,
      ending: ending.signal,
      firstSteps,
    };
    // Times in records are those of the store's clock, if it has one.
    const storeClock = aheadBy(clock, kept.offsetMs);
    const engine: EngineParts = { catalog, clients, clock: storeClock, settings, log, randomId: randomUUID, ...state };
    answer = (call, tools) => handleCall(tools ? { ...engine, ...tools } : engine, call);
    return answer;
  });
  const close = async (): Promise<void> => {
    closing.abort();
    ending.abort();
    await quota?.close();
    await clients.close();
    await Promise.allSettled([kept.close(), options.onClose?.()]);
    stopLogging();
  };
  const drain = async (withinMs: number): Promise<number> => {
    closing.abort();
    await untilEmpty(running, clock, withinMs);
    const cutOff = running.size - (unsettled?.size ?? 0);
    if (cutOff > 0) {
      log.warn('executions were cut off: their outcome is unknown until they are recovered', { count: cutOff });
    }
    if (running.size > 0) {
      ending.abort();
      await untilEmpty(running, clock, settleMs);
    }
    await untilEmpty(answering, clock, answersMs);
    const closed = close().catch((error: unknown) => log.warn(`closing failed: ${describeError(error)}`));
    await Promise.race([closed, pause(clock, closeMs)]);
    return cutOff;
  };
  return {
    load: async () => void (await loaded.get()),
    handle: (call, tools) => {
      const answered = answer ? answer(call, tools) : loaded.get().then((loadedAnswer) => loadedAnswer(call, tools));
      return tracked(answering, answered);
    },
    settled: async () => {
      await Promise.all(answering);
      await Promise.all(running);
    },
    isReady: async () => {
      const canServe = Promise.all([kept.isReadable(), loaded.get()]).then(
        ([isReadable]) => isReadable,
        () => false,
      );
      return !closing.signal.aborted && Promise.race([canServe, pause(clock, readyMs).then(() => false)]);
    },
    checkLedger: async () => {
      // Node does not load a module again that it could not load once, as without a free file descriptor.
      const [opened] = await Promise.all([ledger(), loaded.get()]);
      return (await opened.store.warnings?.()) ?? [];
    },
    drain,
    close,
  };
}

async function openQuota(
  { recordLimits: limits, settings }: EngineOptions,
  ledger: () => Promise<Ledger>,
  clock: Clock,
): Promise<RecordQuota | undefined> {
  if (limits === undefined) return undefined;
  const { RecordQuota } = await import('./ledger/record-quota.ts');
  return new RecordQuota({ ledger, clock, limits, retentionMs: settings.recordRetentionMs });
}

/** Where a ledger is, and how it keeps its entries. Durations in ms. */
export interface LedgerSource extends LedgerSettings {
  /** The URL of the store, or a function that opens it. */
  readonly store: string | (() => Promise<Store>);
  /** Creates the folder of a SQLite file that is missing: for the default path only. */
  readonly createFolder?: boolean;
  /** The first key seals entries, all of them open entries. None: entries are stored as JSON. */
  readonly encryptionKeys: readonly EncryptionKey[];
  /** Refuses entries that are not sealed. @defaultValue false */
  readonly sealedOnly?: boolean;
  readonly clock?: Clock;
}

/**
 * Opens a ledger. Its modules are loaded here: a server starts without them.
 *
 * @throws McpOnceError `configuration_invalid` for a URL that names no store
 * @throws LedgerUnavailable
 */
export async function openLedger(source: LedgerSource): Promise<Ledger> {
  const { encryptionKeys, clock = systemClock, leaseMs, unresolvedRetentionMs } = source;
  try {
    const [{ openStore }, { Ledger }, { codecFor }] = await Promise.all([
      import('./ledger/stores/open.ts'),
      import('./ledger/ledger.ts'),
      import('./ledger/codec.ts'),
    ]);
    const { createFolder = false, sealedOnly = false } = source;
    const store = await (typeof source.store === 'string' ? openStore(source.store, { createFolder }) : source.store());
    const settings = { leaseMs, unresolvedRetentionMs };
    return new Ledger({
      store,
      codec: codecFor(encryptionKeys, { sealedOnly }),
      clock,
      randomId: randomUUID,
      settings,
    });
  } catch (error) {
    if (error instanceof McpOnceError) throw error;
    throw new LedgerUnavailable(describeError(error), { cause: error });
  }
}

/**
 * A ledger that can be read, and the secret of repeat tokens. With a wrong encryption key an operation could be
 * executed and its outcome never be read. So the engine reads the entry that every ledger has before it hands the
 * ledger out.
 */
function keptLedger({ ledger: source, secret, clock = systemClock }: EngineOptions, log: Log) {
  let isClosed = false;
  const opened = shared(async () => {
    if (isClosed) throw new LedgerUnavailable('the engine is closed');
    const ledger = typeof source === 'function' ? await source() : source;
    store = ledger.store;
    return ledger;
  });
  let store: Store | undefined;
  const kept = shared(async () => keptSecret(await opened.get(), clock));
  let isLogged = false;
  const keptOrUnavailable = async (): Promise<KeptSecret> => {
    try {
      return await kept.get();
    } catch (error) {
      // Each later call tries again and answers its caller with the error.
      if (!isLogged) log.warn('the ledger is not available: nothing is executed', { error: describeError(error) });
      isLogged = true;
      if (error instanceof LedgerUnavailable) throw error;
      throw new LedgerUnavailable(describeError(error), { cause: error });
    }
  };
  const ledger = async (): Promise<Ledger> => {
    await keptOrUnavailable();
    return opened.get();
  };
  return {
    ledger,
    offsetMs: (): number => store?.offsetMs?.() ?? 0,
    isReadable: (): Promise<boolean> => {
      return ledger()
        .then(({ store }) => store.get(secretKey))
        .then(
          () => true,
          () => false,
        );
    },
    repeatSecret: async () => secret ?? (await keptOrUnavailable()).secret,
    keysSince: async () => (await keptOrUnavailable()).keysSince,
    /** Closes the store. No ledger opens afterwards. */
    close: async (): Promise<void> => {
      isClosed = true;
      const open = typeof source === 'function' ? await opened.current() : source;
      const left = (await open?.close()) ?? 0;
      if (left > 0) log.warn('claims could not be given back: their outcome counts as unknown', { count: left });
    },
  };
}

interface KeptSecret {
  readonly secret: string;
  readonly keysSince: number;
}

/**
 * Reads the secret that all processes on a store share. The first process creates it. It never expires. An entry of a
 * version with other keys gets the present time, from which on earlier keys are read for one window.
 *
 * @throws McpOnceError `record_unreadable`
 * @throws LedgerUnavailable
 */
async function keptSecret({ store, codec }: Ledger, clock: Clock): Promise<KeptSecret> {
  const { recordFormat, keysForm } = await import('./ledger/record.ts');
  const secret = randomUUID() + randomUUID();
  const mine = codec.encode(secretKey, { v: recordFormat, kind: 'secret', secret, keysSince: 0, keysForm });
  const found = (await store.get(secretKey)) ?? (await store.putIfAbsent(secretKey, mine, Infinity)) ?? mine;
  const entry = codec.decode(secretKey, found);
  if (entry.kind !== 'secret') {
    throw new McpOnceError('record_unreadable', 'the key of the repeat secret holds something else');
  }
  const isOfForm = entry.keysSince !== undefined && (entry.keysForm ?? 1) >= keysForm;
  const keysSince = entry.keysSince === undefined || !isOfForm ? clock.wallMs() : entry.keysSince;
  // Nothing else writes this entry again. Without this, the old encryption key could never be removed.
  if (!codec.isCurrent(found) || !isOfForm) {
    await store.compareAndSet(secretKey, found, codec.encode(secretKey, { ...entry, keysSince, keysForm }), Infinity);
  }
  return { secret: entry.secret, keysSince };
}
