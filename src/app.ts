import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Answer, Engine, ToolCall } from './call/types.ts';
import { type Clock, pause, systemClock } from './clock.ts';
import type { OpenApiSettings } from './config/openapi.ts';
import type { Config, Environment } from './config.ts';
import { describeError, LedgerUnavailable, McpOnceError } from './errors.ts';
import type { Ledger } from './ledger/ledger.ts';
import { createLog, type Log, logEvents } from './observe/log.ts';
import type { Sandbox } from './sandbox/start.ts';
import type { OpenApiSource } from './source/openapi/types.ts';
import { type Catalog, createCatalog } from './tool/catalog.ts';
import { ClientPool } from './tool/client-pool.ts';
import { clientStates, clientWarnings } from './tool/client-state.ts';
import { applyRules, bundledToolsDir, loadTools } from './tool/load.ts';
import type { Tool, Upstream } from './tool/types.ts';

/** Where the ledger's store keeps the secret of repeat tokens; no operation's key looks like it. */
const secretKey = 'repeat-secret';
/** How many tools the instructions may speak of one by one. */
const namedToolsMax = 100;
/** How the stripe client names the built-in sandbox. */
const sandboxOrigin = 'mcp-once-sandbox';
/** How long what was cut off at the end of a drain may take to be settled, in ms. */
const settleMs = 5_000;
/** How long clients, store and sandbox may take to close, in ms. */
const closeMs = 5_000;
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
  /** Told at the start what is probably not as it was meant. Default: the log. */
  readonly warn?: (message: string) => void;
}

/** Everything wired: tools, engine, ledger, clients, sandbox. */
export interface App {
  readonly catalog: Catalog;
  /** Whose operations these are. */
  readonly scope: { readonly tenant: string; readonly subject: string };
  /** For the model: how repeats are handled, and whether anything real happens. */
  readonly instructions: string;
  /** True when some tool's effects happen in the built-in sandbox, where nothing real is billed. */
  readonly usesSandbox: boolean;
  readonly log: Log;
  /** Answers one tool call. Rejects for faults only. */
  handle(call: ToolCall): Promise<Answer>;
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
 * Wires a server's parts together. Opens no store, client or sandbox: each opens on first use.
 * @throws McpOnceError `tool_invalid`, `configuration_invalid`
 */
export async function createApp(config: Config, options: AppOptions): Promise<App> {
  const { environment, clock = systemClock, log = createLog({ level: config.logLevel }) } = options;
  const { warn = (message) => log.warn(message) } = options;
  const catalog = options.catalog ?? (await loadCatalog(config, warn));
  const variables = clientEnvironment(environment, config);
  const states = clientStates([...catalog.tools, ...catalog.hidden], variables);
  for (const message of clientWarnings(states)) warn(message);
  const parts = openedOnUse(config, variables, clock, log);
  const stopLogging = logEvents(log);
  const closing = new AbortController();
  const ending = new AbortController();
  // Every execution listens to it.
  setMaxListeners(0, ending.signal);
  const { clients, ledger, repeatSecret } = parts;
  const engine: Engine = {
    catalog,
    clients,
    clock,
    settings: settingsOf(config),
    ledger,
    repeatSecret,
    randomId: randomUUID,
    log,
    running: new Set(),
    closing: closing.signal,
    ending: ending.signal,
  };
  const close = async (): Promise<void> => {
    closing.abort();
    ending.abort();
    await parts.close();
    stopLogging();
  };
  // The engine is loaded by the first call, since a server's start is waited for, too.
  const loaded = shared(() => import('./call/handle-call.ts'));
  const handle = async (call: ToolCall): Promise<Answer> => (await loaded.get()).handleCall(engine, call);
  const answering = new Set<Promise<unknown>>();
  const usesSandbox = states.some(({ state }) => state.type === 'configured' && isBuiltInSandbox(state.upstream));
  return {
    catalog,
    scope: Object.freeze({ tenant: config.tenant, subject: config.subject }),
    instructions: instructionsFor(catalog.tools, usesSandbox),
    usesSandbox,
    log,
    handle: (call) => tracked(answering, handle(call)),
    drain: (withinMs = config.drainMs) => drain({ engine, answering, closing, ending, close, log }, withinMs),
    close,
  };
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
  const sandbox = shared(() => openSandbox(config, log));
  const clients = new ClientPool(variables, { sandbox: async () => (await sandbox.get()).url });
  let ended = false;
  const ledger = shared(async () => {
    if (ended) throw new LedgerUnavailable('the server has ended');
    return openLedger(config, clock);
  });
  const secret = shared(async () => config.secret ?? keptSecret(await ledger.get()));
  const close = async (): Promise<void> => {
    ended = true;
    await clients.close();
    await Promise.allSettled([
      ledger.current()?.then((opened) => opened.store.close()),
      sandbox.current()?.then((opened) => opened.close()),
    ]);
  };
  return { clients, ledger: ledger.get, repeatSecret: secret.get, close };
}

/**
 * The tools of a configuration.
 * @param warn told of a folder that holds no tool, of a pattern that no tool's name matches, and if none is left.
 * @throws McpOnceError `tool_invalid`, `configuration_invalid`
 */
export async function loadCatalog(config: Config, warn: (message: string) => void = () => {}): Promise<Catalog> {
  const folders = [...(config.bundledTools ? [bundledToolsDir] : []), ...config.toolsDirs];
  const [own, apis] = await Promise.all([loadTools(folders, warn), loadApis(config, warn)]);
  const loaded = [...own, ...apis.listed];
  const { tools, unmatched } = applyRules(loaded, config.tools);
  const misspelt = unmatched.find((pattern) => !pattern.includes('*'));
  if (misspelt !== undefined) {
    const { sentence, suggestion } = await import('./suggest.ts');
    const names = loaded.map((tool) => tool.name);
    throw new McpOnceError(
      'configuration_invalid',
      sentence(`Configuration: tools: there is no tool ${JSON.stringify(misspelt)}${suggestion(misspelt, names)}`),
    );
  }
  for (const pattern of unmatched) warn(`configuration: tools: no tool matches ${JSON.stringify(pattern)}`);
  if (tools.length === 0) warn('no tool is served: the configuration takes all of them away, or names no folder');
  return createCatalog(tools, apis.hidden);
}

/** The tools of OpenAPI documents. Their modules are loaded where there is one. */
async function loadApis({ openapi }: Config, warn: (message: string) => void): Promise<ApiTools> {
  if (openapi.length === 0) return { listed: [], hidden: [] };
  const { loadOpenApi } = await import('./source/openapi/load.ts');
  const loaded = await Promise.all(openapi.map((source) => loadOpenApi(sourceOf(source), { warn })));
  return { listed: loaded.flatMap(({ listed }) => listed), hidden: loaded.flatMap(({ hidden }) => hidden) };
}

interface ApiTools {
  readonly listed: readonly Tool[];
  /** Reached through a listed one. */
  readonly hidden: readonly Tool[];
}

function sourceOf({ operations, ...source }: OpenApiSettings): OpenApiSource {
  const overrides = Object.entries(operations).map(([pattern, { window, recovery, ...rest }]) => {
    const list = recovery === undefined ? {} : { recovery: typeof recovery === 'string' ? [recovery] : recovery };
    return [pattern, { ...rest, ...(window === undefined ? {} : { windowMs: window }), ...list }];
  });
  return { ...source, operations: Object.fromEntries(overrides) } as OpenApiSource;
}

function settingsOf(config: Config): Engine['settings'] {
  const { waitMs, maxRunMs, recordRetentionMs, resultBytesMax, hostKeys, conversationScope } = config;
  return { waitMs, maxRunMs, recordRetentionMs, resultBytesMax, hostKeys, conversationScope };
}

/** Opens the ledger of a configuration. Its modules are loaded here: a server starts without them. @throws LedgerUnavailable */
export async function openLedger(config: Config, clock: Clock = systemClock): Promise<Ledger> {
  try {
    const [{ openStore }, { Ledger }] = await Promise.all([
      import('./ledger/stores/open.ts'),
      import('./ledger/ledger.ts'),
    ]);
    const store = await openStore(config.store, { createFolder: config.storeIsDefault });
    const { leaseMs, unresolvedRetentionMs } = config;
    return new Ledger({ store, clock, randomId: randomUUID, settings: { leaseMs, unresolvedRetentionMs } });
  } catch (error) {
    if (error instanceof LedgerUnavailable) throw error;
    throw new LedgerUnavailable(describeError(error), { cause: error });
  }
}

/** The secret that all processes of a store share: made by whoever is first, and kept without expiry. */
export async function keptSecret({ store }: Ledger): Promise<string> {
  const { decodeEntry, encodeEntry, recordFormat } = await import('./ledger/record.ts');
  const secret = randomUUID() + randomUUID();
  const mine = encodeEntry({ v: recordFormat, kind: 'secret', secret });
  const found = (await store.get(secretKey)) ?? (await store.putIfAbsent(secretKey, mine, Infinity)) ?? mine;
  const entry = decodeEntry(found);
  if (entry.kind === 'secret') return entry.secret;
  throw new McpOnceError('record_unreadable', 'the key of the repeat secret holds something else');
}

async function openSandbox(config: Config, log: Log): Promise<Sandbox> {
  const { dataFile, isDefault } = config.sandbox;
  const { startSandbox } = await import('./sandbox/start.ts');
  if (isDefault) await mkdir(dirname(dataFile), { recursive: true, mode: 0o700 });
  const sandbox = await startSandbox({ dataFile, log: (line) => log.debug(line) });
  log.info('the sandbox runs: nothing real is billed', { url: sandbox.url });
  return sandbox;
}

/**
 * What clients may read. Our own variables hold our secret, and are no client's business; but which
 * sandbox it is they have to know: two data files are two upstreams.
 */
export function clientEnvironment(environment: Environment, { sandbox }: Config): Environment {
  const theirs = Object.entries(environment).filter(([name]) => !name.startsWith('MCP_ONCE_'));
  return Object.freeze({ ...Object.fromEntries(theirs), MCP_ONCE_SANDBOX_DATA: sandbox.dataFile });
}

/** By its origin: another provider's sandbox says nothing about what Stripe bills. */
function isBuiltInSandbox({ origin, mode }: Upstream): boolean {
  return origin === sandboxOrigin && mode === 'sandbox';
}

function instructionsFor(tools: readonly Tool[], usesSandbox: boolean): string {
  const lines = [
    'The tools of this server that create or change something take effect once: an identical call within the window of its tool executes nothing and answers with the first result, marked as a replay. After a time-out or a lost answer, send the identical call again: that is safe.',
    'If a second, identical operation is really wanted, call again with the repeat_token of the replay.',
    'outcome_unknown means that the operation may have taken effect: do not try it again in another way; check, or tell the user. Every refusal says whether anything was executed and what to do next.',
  ];
  // Of very many tools a model reads the descriptions, and making all of them now would be waited for.
  const few = tools.length > namedToolsMax ? [] : tools;
  const anew = few.filter(
    ({ effect, match, route }) => effect !== 'read' && !route && (match === 'off' || match === 'same-call'),
  );
  if (anew.length > 0) {
    const names = anew.map(({ name }) => name).join(', ');
    lines.push(`Not recognised by their arguments, so that another call executes again: ${names}.`);
  }
  if (usesSandbox) {
    lines.push(
      'SANDBOX: no STRIPE_SECRET_KEY is set, so invoices and payments go to a local sandbox. Nothing real is billed and nobody is charged; tell the user so.',
    );
  }
  return lines.join('\n');
}

interface Shared<T> {
  get(): Promise<T>;
  /** What was opened or is being opened; opens nothing. */
  current(): Promise<T> | undefined;
}

/** Opens once, for all who ask; what failed to open is tried again by the next who asks. */
export function shared<T>(open: () => Promise<T>): Shared<T> {
  let opening: Promise<T> | undefined;
  const get = (): Promise<T> => {
    if (opening) return opening;
    const mine = open();
    opening = mine;
    mine.catch(() => {
      opening = undefined;
    });
    return mine;
  };
  return { get, current: () => opening };
}

export function tracked<T>(set: Set<Promise<unknown>>, work: Promise<T>): Promise<T> {
  const done = work.then(
    () => undefined,
    () => undefined,
  );
  set.add(done);
  void done.then(() => set.delete(done));
  return work;
}

/** Waits until nothing is left in a set that may still grow, for a bounded time. */
async function untilEmpty(set: ReadonlySet<Promise<unknown>>, clock: Clock, boundMs: number): Promise<void> {
  const deadlineMs = clock.monotonicMs() + boundMs;
  while (set.size > 0) {
    const leftMs = deadlineMs - clock.monotonicMs();
    if (leftMs <= 0) return;
    const bound = new AbortController();
    await Promise.race([Promise.allSettled([...set]), pause(clock, leftMs, bound.signal)]);
    bound.abort();
  }
}
