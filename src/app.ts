import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { loadCatalog, toolsLine, upstreamsOf, withBanners } from './app/catalog.ts';
import { instructionsFor } from './app/instructions.ts';
import { type InUse, replaceTools } from './app/replace-tools.ts';
import type { App, AppOptions, Feature } from './command/program.ts';
import type { Config, Environment } from './config/config.ts';
import { operatorOptions } from './config/operator-options.ts';
import type { Section } from './config/section.ts';
import type { EngineSettings } from './core/call/types.ts';
import { type Clock, systemClock } from './core/clock.ts';
import { createEngine, openLedger, secretKey } from './core/engine.ts';
import { describeError, LedgerUnavailable } from './core/errors.ts';
import { defined } from './core/json.ts';
import type { Ledger } from './core/ledger/ledger.ts';
import { closeStoreToOthers } from './core/ledger/stores/private-store.ts';
import { createLog } from './core/observe/log.ts';
import { type Catalog, ReplaceableCatalog } from './core/tool/catalog.ts';
import { ClientPool } from './core/tool/client-pool.ts';
import { ModuleVersions } from './core/tool/module-versions.ts';
import type { Upstream } from './core/tool/types.ts';
import { http } from './http/feature.ts';
import { openapi } from './openapi/feature.ts';
import { wrap } from './wrap/feature.ts';

/** The features, in the order in which the help shows them. Each can be left out with its folder. */
export const features: readonly Feature[] = [http, openapi, wrap];

/** The features' parts of the configuration file. */
export const sections: readonly Section[] = features.flatMap((feature) => feature.sections ?? []);

/** The parts that an app needs in addition to its configuration. */
export interface AppWiring extends AppOptions {
  /** The environment variables of the process. Clients read those that are not the server's own. */
  readonly environment: Environment;
  /** @defaultValue the system's clock */
  readonly clock?: Clock;
  /** Returns a further line for the model, by where effects happen. @defaultValue no line */
  readonly note?: (upstreams: readonly Upstream[]) => string | undefined;
  /** Called when the app closes, after its clients. */
  readonly close?: () => Promise<void>;
}

/**
 * Wires the parts of a server together. Opens no store and no client: each opens on first use.
 *
 * @throws McpOnceError `tool_invalid`, `configuration_invalid`
 */
export async function createApp(config: Config, options: AppWiring): Promise<App> {
  const {
    environment,
    clock = systemClock,
    log = createLog({ level: config.logLevel, format: config.logFormat }),
  } = options;
  const { warn = (message) => log.warn(message), note = () => undefined } = options;
  const modules = new ModuleVersions();
  let disabled: readonly string[] = [];
  const variables = clientEnvironment(environment);
  const load = async (from: Config): Promise<Catalog> => {
    const loaded = await loadCatalog(from, features, warn, modules.load, (names) => {
      disabled = names;
    });
    return withBanners(loaded, variables);
  };
  const catalog = new ReplaceableCatalog(options.catalog ?? (await load(config)));
  let upstreams = upstreamsOf(catalog, variables, warn, log.info);
  if (!options.catalog) log.info(toolsLine(catalog, disabled, variables));
  closeStoreToOthers(config.store, config.storeIsDefault, warn);
  const clients = new ClientPool(variables);
  const engine = createEngine({
    catalog,
    clients,
    settings: settingsOf(config),
    ledger: () => openConfiguredLedger(config, clock),
    secret: config.secret,
    clock,
    log,
    recordLimits: options.recordLimits,
    onClose: options.close,
  });
  const inUse: InUse = { catalog, clients, leaving: new Map(), clock, settled: engine.settled };
  const reload = async (next: Config): Promise<void> => {
    await replaceTools(load(next), inUse, (loaded) => {
      upstreams = upstreamsOf(loaded, variables, warn, log.info);
      log.info(toolsLine(loaded, disabled, variables));
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
    checkLedger: engine.checkLedger,
    drain: (withinMs = config.drainMs) => engine.drain(withinMs),
    close: engine.close,
  };
}

function settingsOf(config: Config): EngineSettings {
  const operator = operatorOptions(config);
  const { waitMs, maxRunMs, recordRetentionMs, resultBytesMax, hostKeys, conversationScope } = config;
  const { twinWindowMs: twinMs, rewordedWindowMs: rewordedMs } = config;
  const more = { hostKeys, conversationScope, twinMs, rewordedMs, operator };
  return { waitMs, maxRunMs, recordRetentionMs, resultBytesMax, ...more };
}

/** Opens the ledger of a configuration. @throws LedgerUnavailable */
export async function openConfiguredLedger(config: Config, clock?: Clock): Promise<Ledger> {
  const { store, storeIsDefault: createFolder, leaseMs, unresolvedRetentionMs, encryptionKeys, sealedOnly } = config;
  const retention = { leaseMs, unresolvedRetentionMs };
  const source = { store, createFolder, ...retention, encryptionKeys, sealedOnly, ...defined({ clock }) };
  try {
    return await openLedger(source);
  } catch (error) {
    if (error instanceof LedgerUnavailable) throw error;
    throw new LedgerUnavailable(describeError(error), { cause: error });
  }
}

/**
 * Opens the ledger of a configuration, reads a record and closes it again. Creates no file.
 * @returns warnings about settings of the store that may lose entries
 * @throws McpOnceError, LedgerUnavailable where a server could not use it
 */
export async function checkConfiguredLedger(config: Config): Promise<readonly string[]> {
  const { store: url, storeIsDefault } = config;
  const path = url.startsWith('sqlite:') ? url.slice('sqlite:'.length) : undefined;
  if (path !== undefined && !existsSync(path) && (storeIsDefault || existsSync(dirname(path)))) return [];
  const { store, codec } = await openConfiguredLedger(config);
  try {
    const bytes = await store.get(secretKey);
    if (bytes !== undefined) codec.decode(secretKey, bytes);
    return (await store.warnings?.()) ?? [];
  } finally {
    await store.close();
  }
}

/** Returns the variables that clients may read: not those of the server itself, which hold its secret. */
export function clientEnvironment(environment: Environment): Environment {
  const theirs = Object.entries(environment).filter(([name]) => !name.startsWith('MCP_ONCE_'));
  return Object.freeze(Object.fromEntries(theirs));
}
