import { dirname, resolve } from 'node:path';
import { durationOf } from '../core/duration.ts';
import { McpOnceError } from '../core/errors.ts';
import { isObject } from '../core/json.ts';
import type { EncryptionKey } from '../core/ledger/encryption.ts';
import { defaultStoreUrl, isSharedStore } from '../core/ledger/stores/open.ts';
import type { Choice, Choices } from './choices.ts';
import { defaults, type LogFormat, type LogLevel } from './defaults.ts';
import type { FileSettings, ToolRuleSettings } from './schema.ts';
import type { Section } from './section.ts';

/** Variables by name, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The effective configuration, checked and frozen. Durations in ms, paths absolute. It also holds the settings of each
 * feature, which the feature's `Section` reads.
 */
export interface Config {
  /** The configuration file; undefined without one. */
  readonly file: string | undefined;
  readonly store: string;
  /** Whether the store is the default one, whose folder is created on demand. */
  readonly storeIsDefault: boolean;
  /** Whether the command line or the environment names the store, and not the file. */
  readonly storeIsChosen: boolean;
  readonly tenant: string;
  readonly subject: string;
  /** The secret that signs repeat tokens. Undefined: the store keeps one. */
  readonly secret: string | undefined;
  /** The keys that encrypt ledger entries: the first one encrypts, all decrypt. Empty: entries are stored unencrypted. */
  readonly encryptionKeys: readonly EncryptionKey[];
  /** Whether entries that are not encrypted are refused. */
  readonly sealedOnly: boolean;
  readonly leaseMs: number;
  readonly waitMs: number;
  readonly maxRunMs: number;
  readonly recordRetentionMs: number;
  readonly unresolvedRetentionMs: number;
  readonly resultBytesMax: number;
  readonly hostKeys: boolean;
  readonly conversationScope: boolean;
  /** How long two equal calls of one session are twins after the answer to the first one has arrived. */
  readonly twinWindowMs: number;
  /** How long a reworded call counts as a possible repeat. */
  readonly rewordedWindowMs: number;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  readonly toolsDirs: readonly string[];
  readonly bundledTools: boolean;
  readonly drainMs: number;
  /** Whether the local invoicing API is started while no Stripe key is set. */
  readonly sandbox: boolean;
  readonly tools: Readonly<Record<string, ToolRuleSettings>>;
}

/** The choices of the command line. They take precedence over the environment, which takes precedence over the file. */
export interface Overrides {
  readonly config?: string | undefined;
  readonly store?: string | undefined;
  readonly logLevel?: string | undefined;
  readonly logFormat?: string | undefined;
  /** Tool folders in addition to those of the file. */
  readonly toolsDirs?: readonly string[] | undefined;
  /** Sections that replace those of the file, by key. The feature that sets a section checks it. */
  readonly sections?: Readonly<Record<string, unknown>> | undefined;
  /** Whether the shipped tools are served, instead of what the file says. */
  readonly bundledTools?: boolean | undefined;
}

/** The sources of a configuration. */
export interface ConfigSources {
  readonly environment: Environment;
  readonly overrides?: Overrides;
  /** The base of relative paths in the environment and on the command line. Default: the working directory. */
  readonly folder?: string;
  /** The sections that features add to the file. Default: none. */
  readonly sections?: readonly Section[];
  /**
   * Whether a shared store needs a configured subject. It needs none where each call names its subject, and none for the
   * commands that operate a ledger. Default: it does.
   */
  readonly needsSubject?: (config: Config) => boolean;
}

const variables = [
  'MCP_ONCE_CONFIG',
  'MCP_ONCE_STORE',
  'MCP_ONCE_TENANT',
  'MCP_ONCE_SUBJECT',
  'MCP_ONCE_SECRET',
  'MCP_ONCE_ENCRYPTION_KEYS',
  'MCP_ONCE_SEALED_ONLY',
  'MCP_ONCE_LOG_LEVEL',
  'MCP_ONCE_LOG_FORMAT',
] as const;
type Variable = (typeof variables)[number];

const secretCharsMin = 32;

const withoutFile: FileSettings = {
  ...defaults,
  subject: undefined,
  toolsDirs: [...defaults.toolsDirs],
};

/**
 * Loads the configuration from defaults, file, environment and command line.
 * @throws McpOnceError `configuration_invalid` that names file or variable, key and reason, and never a secret.
 */
export async function loadConfig(sources: ConfigSources): Promise<Config> {
  const { environment, overrides = {}, sections = [], needsSubject = () => true } = sources;
  const folder = sources.folder ?? process.cwd();
  await refuseMisspelt(environment);
  refuseEmpty(overrides);
  const named = overrides.config ?? variable(environment, 'MCP_ONCE_CONFIG');
  const file = named === undefined ? undefined : resolve(folder, named);
  const settings = file === undefined ? withoutFile : await (await import('./file.ts')).readSettings(file, sections);
  const fileFolder = file === undefined ? folder : dirname(file);
  const chosen = await choicesOf(environment, overrides);
  const configuredStore =
    chosen.store === undefined ? absoluteStore(settings.store, fileFolder) : absoluteStore(chosen.store, folder);
  const store = configuredStore ?? defaultStoreUrl(environment);
  const { lease, wait, maxRun, drain, recordRetention, unresolvedRetention, $schema: _, ...rest } = settings;
  const { twinWindow, rewordedWindow, ...same } = rest;
  const config: Config = {
    ...same,
    ...sectionSettings(sections, settings, overrides, fileFolder),
    file,
    store,
    storeIsDefault: configuredStore === undefined,
    storeIsChosen: chosen.store !== undefined,
    tenant: chosen.tenant ?? settings.tenant,
    subject: chosen.subject ?? settings.subject ?? defaults.subject,
    secret: secretOf(environment),
    ...(await encryptionOf(environment, settings)),
    leaseMs: lease,
    waitMs: wait,
    maxRunMs: maxRun,
    drainMs: drain,
    recordRetentionMs: recordRetention,
    twinWindowMs: twinWindow,
    rewordedWindowMs: rewordedWindow,
    unresolvedRetentionMs: unresolvedRetention,
    logLevel: chosen.logLevel ?? settings.logLevel,
    logFormat: chosen.logFormat ?? settings.logFormat,
    toolsDirs: [
      ...settings.toolsDirs.map((each) => resolve(fileFolder, each)),
      ...(overrides.toolsDirs ?? []).map((each) => resolve(folder, each)),
    ],
    bundledTools: overrides.bundledTools ?? settings.bundledTools,
  };
  if ((chosen.subject ?? settings.subject) === undefined) refuseSharedStore(config, needsSubject);
  return freeze(config);
}

/** Returns the settings of the sections by key: from the command line, else from the file, else the defaults. */
function sectionSettings(
  sections: readonly Section[],
  settings: FileSettings,
  overrides: Overrides,
  folder: string,
): Record<string, unknown> {
  const entries = sections.map(({ key, defaults: initial, resolve: absolute }) => {
    const override = overrides.sections?.[key];
    if (override !== undefined) return [key, override];
    const own = (settings as Record<string, unknown>)[key] ?? structuredClone(initial);
    return [key, absolute ? absolute(own, folder) : own];
  });
  return Object.fromEntries(entries);
}

/** Returns the configuration as it may be printed: no secret, no password. */
export function shownConfig(config: Config, sections: readonly Section[] = []): Record<string, unknown> {
  const { secret, encryptionKeys, store, file, storeIsChosen: _, ...rest } = config;
  const shownSections = sections.map((section) => [
    section.key,
    section.shown?.(section.of(config)) ?? section.of(config),
  ]);
  return {
    file: file ?? null,
    store: withoutPassword(store),
    ...(shownDurations({ ...rest, ...Object.fromEntries(shownSections) }) as Record<string, unknown>),
    secret: secret === undefined ? 'kept in the store' : 'set by MCP_ONCE_SECRET',
    encryptionKeys: encryptionKeys.map(({ id }) => id),
  };
}

/** Options of sections and rules that hold a duration. In code their values are ms. */
const durationOptions: ReadonlySet<string> = new Set([
  'cache',
  'clockTolerance',
  'headersTimeout',
  'keysMaxAge',
  'lookupLag',
  'reloadMin',
  'requestTimeout',
  'sessionIdle',
  'timeout',
  'window',
]);

/** Spells the durations of a configuration as the file does: `leaseMs: 10000` becomes `lease: "10s"`. */
function shownDurations(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shownDurations);
  if (!isObject(value)) return value;
  const members = Object.entries(value).map(([name, member]) => {
    if (typeof member !== 'number') return [name, shownDurations(member)];
    if (name.endsWith('Ms')) return [name.slice(0, -'Ms'.length), durationOf(member)];
    return [name, durationOptions.has(name) ? durationOf(member) : member];
  });
  return Object.fromEntries(members);
}

/** Returns a store's URL without the user, password and parameters of a Redis URL. */
export function withoutPassword(store: string): string {
  return isSharedStore(store) ? store.replace(/^(rediss?:\/\/)(?:[^/]*@)?/, '$1').replace(/\?.*$/, '') : store;
}

/** Returns the choices of environment and command line, checked by the rules of the file. */
async function choicesOf(environment: Environment, overrides: Overrides): Promise<Choices> {
  const chosen = {
    store: choice('--store', overrides.store) ?? choice('MCP_ONCE_STORE', variable(environment, 'MCP_ONCE_STORE')),
    tenant: choice('MCP_ONCE_TENANT', variable(environment, 'MCP_ONCE_TENANT')),
    subject: choice('MCP_ONCE_SUBJECT', variable(environment, 'MCP_ONCE_SUBJECT')),
    logLevel:
      choice('--log-level', overrides.logLevel) ??
      choice('MCP_ONCE_LOG_LEVEL', variable(environment, 'MCP_ONCE_LOG_LEVEL')),
    logFormat:
      choice('--log-format', overrides.logFormat) ??
      choice('MCP_ONCE_LOG_FORMAT', variable(environment, 'MCP_ONCE_LOG_FORMAT')),
  };
  const given = Object.entries(chosen).filter(([, each]) => each !== undefined);
  if (given.length === 0) return {};
  const { checkChoices } = await import('./choices.ts');
  return checkChoices(Object.fromEntries(given) as Parameters<typeof checkChoices>[0]);
}

function choice(from: string, value: string | undefined): Choice | undefined {
  return value === undefined ? undefined : { from, value };
}

/** Treats an empty variable as not set: an empty field in a client's settings form gives one. */
function variable(environment: Environment, name: Variable): string | undefined {
  return environment[name] || undefined;
}

/** Refuses an empty option, as in `--tools "$UNSET"`: it would run the code in the working directory. */
function refuseEmpty({ config, toolsDirs }: Overrides): void {
  if (config === '') throw invalid('--config is empty: name a file');
  if (toolsDirs?.includes('')) throw invalid('--tools is empty: name a folder');
}

/** Refuses a variable whose name is nearly one of ours. Others with our prefix may belong to another version. */
async function refuseMisspelt(environment: Environment): Promise<void> {
  for (const name of Object.keys(environment)) {
    if (!name.startsWith('MCP_ONCE_') || variables.some((known) => known === name)) continue;
    const { nearest } = await import('../core/suggest.ts');
    const meant = nearest(
      name.slice('MCP_ONCE_'.length),
      variables.map((known) => known.slice('MCP_ONCE_'.length)),
    );
    if (meant !== undefined) throw invalid(`unknown variable ${name} (did you mean MCP_ONCE_${meant}?)`);
  }
}

function secretOf(environment: Environment): string | undefined {
  const secret = variable(environment, 'MCP_ONCE_SECRET');
  if (secret !== undefined && secret.length < secretCharsMin) {
    throw invalid(`MCP_ONCE_SECRET is too short: use at least ${secretCharsMin} random characters`);
  }
  return secret;
}

async function encryptionOf(environment: Environment, settings: FileSettings) {
  // An empty value is an error here: a missing secret must not leave records unencrypted.
  const { MCP_ONCE_ENCRYPTION_KEYS: text } = environment;
  const only = variable(environment, 'MCP_ONCE_SEALED_ONLY');
  // A server without encryption does not load the module.
  if (text === undefined && only === undefined && !settings.sealedOnly)
    return { encryptionKeys: [], sealedOnly: false };
  const { encryptionKeysOf, refuseSealedOnlyWithoutKeys, sealedOnlyOf } = await import('./encryption-keys.ts');
  const encryptionKeys = text === undefined ? [] : encryptionKeysOf(text);
  const sealedOnly = only === undefined ? settings.sealedOnly : sealedOnlyOf(only);
  refuseSealedOnlyWithoutKeys(sealedOnly, encryptionKeys);
  return { encryptionKeys, sealedOnly };
}

/** Refuses a shared store without a subject: calls of different people must not count as repeats of each other. */
function refuseSharedStore(config: Config, needsSubject: (config: Config) => boolean): void {
  if (!isSharedStore(config.store) || !needsSubject(config)) return;
  throw invalid(
    'a Redis store is shared and needs a subject: set MCP_ONCE_SUBJECT (or "subject" in the file) to a stable name of the user',
  );
}

function absoluteStore(store: string | undefined, folder: string): string | undefined {
  if (store === undefined || !store.startsWith('sqlite:')) return store;
  return `sqlite:${resolve(folder, store.slice('sqlite:'.length))}`;
}

function invalid(problem: string): McpOnceError {
  return new McpOnceError('configuration_invalid', `Configuration: ${problem}.`);
}

function freeze<T extends object>(value: T): T {
  for (const each of Object.values(value)) if (typeof each === 'object' && each !== null) freeze(each);
  return Object.freeze(value);
}
