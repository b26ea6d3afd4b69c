import { resolve } from 'node:path';
import type { Keyv } from 'keyv';
import { z } from 'zod';
import type { Environment } from '../config/config.ts';
import { defaults, logLevels } from '../config/defaults.ts';
import { encryptionKeysOf, refuseSealedOnlyWithoutKeys, sealedOnlyOf } from '../config/encryption-keys.ts';
import { ignoredPointers } from '../config/parts.ts';
import { duration } from '../core/duration.ts';
import { McpOnceError } from '../core/errors.ts';
import { defined } from '../core/json.ts';
import type { EncryptionKey } from '../core/ledger/encryption.ts';
import { defaultStoreUrl, isSharedStore } from '../core/ledger/stores/open.ts';
import { issueText } from '../core/schema/issue-text.ts';
import { suggestion } from '../core/suggest.ts';
import { classOfMatch } from '../core/tool/check-definition.ts';
import { packageOf, realPath } from './program-package.ts';
import type { GuardOptions, GuardScope, ProtectOptions } from './types.ts';

const second = 1_000;
const minute = 60 * second;
const day = 24 * 60 * minute;
const secretCharsMin = 32;

const nameSchema = z.string().min(1).max(200);
const scopeSchema = z.strictObject({ tenant: nameSchema.optional(), subject: nameSchema });
// biome-ignore lint/complexity/noBannedTypes: all that a check can know of a function is that it can be called
const callable = z.custom<Function>((value) => typeof value === 'function', 'must be a function');
const window = duration({ minMs: 0, maxMs: 366 * day });
const recovery = z.enum(['resend', 'natural', 'reconcile', 'refuse']);

const policySchema = z.strictObject({
  effect: z.enum(['read', 'create', 'update', 'replace', 'delete']).optional(),
  class: z.enum(['create', 'state', 'repeatable', 'off']).optional(),
  movesMoney: z.boolean().optional(),
  window: window.optional(),
  identity: callable.optional(),
  ignore: ignoredPointers.optional(),
  resource: callable.optional(),
  recovery: z.union([recovery, z.array(recovery).max(4)]).optional(),
  lookup: callable.optional(),
  lookupLag: duration({ minMs: 0, maxMs: day }).optional(),
  gone: callable.optional(),
  keyMemory: duration({ minMs: 0, maxMs: 3_660 * day }).optional(),
  classify: callable.optional(),
});

const sharedOptions = {
  name: nameSchema.optional(),
  scope: z
    .union([callable, scopeSchema], { error: 'must be { tenant, subject } or a function that returns it' })
    .optional(),
  tools: z.record(nameSchema, policySchema).optional(),
};
const protectSchema = z.strictObject(sharedOptions);
const guardSchema = z.strictObject({
  ...sharedOptions,
  store: z
    .union([z.string().min(1).max(2_000), z.custom<Keyv>(isKeyv)], {
      error: "must be a store's URL or a Keyv instance",
    })
    .optional(),
  singleProcess: z.boolean().optional(),
  secret: z.string().min(secretCharsMin).optional(),
  wait: duration({ minMs: second, maxMs: 10 * minute }).prefault(defaults.wait),
  maxRun: duration({ minMs: second, maxMs: day }).prefault(defaults.maxRun),
  lease: duration({ minMs: 500, maxMs: 5 * minute }).prefault(defaults.lease),
  drain: duration({ minMs: 0, maxMs: 10 * minute }).prefault(defaults.drain),
  resultBytesMax: z
    .int()
    .min(1_024)
    .max(16 * 1_024 * 1_024)
    .prefault(defaults.resultBytesMax),
  logLevel: z.enum(logLevels).prefault('warn'),
});

/** The name of functions and wrapped handlers where the code sets the store. */
export const commonProgram = 'local';

/** The checked options of a guard, with the environment's values. Durations in ms. */
export interface GuardSettings {
  readonly store: string | Keyv;
  /** True when neither code nor environment names a store: then it is the user's own file. */
  readonly storeIsDefault: boolean;
  readonly singleProcess: boolean;
  readonly name: string | undefined;
  /** Names the program of tools that have no MCP server. Undefined when the author has to set `name`. */
  readonly programName: string | undefined;
  /** The package of the program. It distinguishes programs whose servers have the same name. */
  readonly packageName: string | undefined;
  /** The path of the program's script. */
  readonly script: string;
  /** Whether other machines may use the store. Paths do not identify a program there. */
  readonly storeIsShared: boolean;
  readonly scope: GuardOptions['scope'];
  /** The scope that the environment names, for calls without a token. */
  readonly fallbackScope: GuardScope | undefined;
  readonly tools: NonNullable<GuardOptions['tools']>;
  readonly secret: string | undefined;
  /** Come from the environment only: all programs on one store need the same keys. */
  readonly encryptionKeys: readonly EncryptionKey[];
  /** Comes from the environment only, too. */
  readonly sealedOnly: boolean;
  readonly waitMs: number;
  readonly maxRunMs: number;
  readonly leaseMs: number;
  readonly drainMs: number;
  readonly resultBytesMax: number;
  readonly logLevel: NonNullable<GuardOptions['logLevel']>;
}

/**
 * Checks the options of a guard and adds the environment's values.
 *
 * @throws McpOnceError `configuration_invalid` that names the option and contains no secret
 */
export function guardSettings(options: GuardOptions, environment: Environment): GuardSettings {
  const checked = parse('guard', guardSchema, options);
  if (checked.lease >= checked.wait) throw invalid('guard', 'lease must be shorter than wait');
  const named = options.store ?? (environment.MCP_ONCE_STORE || undefined);
  const secret = checked.secret ?? (environment.MCP_ONCE_SECRET || undefined);
  if (secret !== undefined && secret.length < secretCharsMin) {
    throw invalid('guard', `MCP_ONCE_SECRET is too short: use at least ${secretCharsMin} random characters`);
  }
  const { MCP_ONCE_ENCRYPTION_KEYS: keysText, MCP_ONCE_SEALED_ONLY: only } = environment;
  const encryptionKeys = keysText === undefined ? [] : encryptionKeysOf(keysText);
  const sealedOnly = only ? sealedOnlyOf(only) : false;
  refuseSealedOnlyWithoutKeys(sealedOnly, encryptionKeys);
  return Object.freeze({
    store: typeof named === 'string' ? absolute(named) : (named ?? defaultStoreUrl(environment)),
    storeIsDefault: named === undefined,
    singleProcess: checked.singleProcess ?? false,
    name: checked.name,
    programName: checked.name ?? programName(options.store, named),
    packageName: packageOf(process.argv[1], process.cwd()),
    script: scriptPath(),
    storeIsShared: typeof named === 'string' && isSharedStore(named),
    scope: options.scope,
    fallbackScope: scopeOfEnvironment(environment),
    tools: options.tools ?? {},
    secret,
    encryptionKeys,
    sealedOnly,
    waitMs: checked.wait,
    maxRunMs: checked.maxRun,
    leaseMs: checked.lease,
    drainMs: checked.drain,
    resultBytesMax: checked.resultBytesMax,
    logLevel: checked.logLevel,
  });
}

/** Checks the options of `protect`. @throws McpOnceError `configuration_invalid` */
export function checkProtectOptions(options: ProtectOptions): ProtectOptions {
  parse('protect', protectSchema, options);
  return options;
}

/** Checks a scope and adds the default tenant. @throws McpOnceError `configuration_invalid` */
export function checkScope(scope: unknown): { tenant: string; subject: string } {
  const { tenant = defaults.tenant, subject } = parse('scope', scopeSchema, scope);
  return { tenant, subject };
}

function parse<Schema extends z.ZodType>(what: string, schema: Schema, value: unknown): z.infer<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.slice(0, 5).map((issue) => {
    const place = issue.path.join('.');
    if (issue.code === 'unrecognized_keys') {
      const known = knownAt(what, issue.path);
      return issue.keys
        .map((key) =>
          key === 'match'
            ? `${place ? `${place}: ` : ''}${classOfMatch()}`
            : `${place ? `${place}: ` : ''}${JSON.stringify(key)} is not known${suggestion(key, known)}`,
        )
        .join('; ');
    }
    return place ? `${place}: ${issueText(issue)}` : issueText(issue);
  });
  throw invalid(what, problems.join('; '));
}

function knownAt(what: string, path: readonly PropertyKey[]): string[] {
  if (path[0] === 'tools' || what.startsWith('tool ')) return Object.keys(policySchema.shape);
  if (path[0] === 'scope' || what === 'scope') return Object.keys(scopeSchema.shape);
  return Object.keys((what === 'guard' ? guardSchema : protectSchema).shape);
}

/** Checks a policy and converts its durations to ms. @throws McpOnceError `configuration_invalid` */
export function checkPolicy(tool: string, policy: object): z.infer<typeof policySchema> {
  return parse(`tool ${JSON.stringify(tool)}`, policySchema, policy);
}

function scopeOfEnvironment({
  MCP_ONCE_TENANT: tenant,
  MCP_ONCE_SUBJECT: subject,
}: Environment): GuardScope | undefined {
  if (!subject) return undefined;
  return Object.freeze({ subject, ...defined({ tenant: tenant || undefined }) });
}

/**
 * Returns the name of a program whose tools have no MCP server. Programs of one package that set one store in their code
 * share their tools. A store that the environment names belongs to other programs, too: then the script's path is the name. A
 * shared store has no default, because a path names the script on one machine only.
 */
function programName(inCode: GuardOptions['store'], named: GuardOptions['store']): string | undefined {
  if (inCode !== undefined) return commonProgram;
  return typeof named === 'string' && isSharedStore(named) ? undefined : scriptPath();
}

function scriptPath(): string {
  const script = process.argv[1];
  if (script === undefined) return `folder:${process.cwd()}`.slice(0, 1_000);
  return `script:${realPath(script)}`;
}

function absolute(store: string): string {
  return store.startsWith('sqlite:') && store !== 'sqlite:' && store !== 'sqlite::memory:'
    ? `sqlite:${resolve(store.slice('sqlite:'.length))}`
    : store;
}

/** Recognises Keyv by its shape: the instance may come from another copy of the package. */
function isKeyv(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const keyv = value as Partial<Record<keyof Keyv, unknown>>;
  return typeof keyv.get === 'function' && typeof keyv.set === 'function' && 'store' in keyv && 'namespace' in keyv;
}

function invalid(what: string, problem: string): GuardFault {
  return new GuardFault(`${what}: ${problem}`, 'Fix the option and start again');
}

/** A fault of the guard's configuration, found before anything is executed. */
export class GuardFault extends McpOnceError {
  readonly detail: string;
  readonly nextStep: string;

  constructor(detail: string, nextStep: string) {
    super('configuration_invalid', `${detail}. Nothing was executed. ${nextStep}.`);
    this.name = 'McpOnceError';
    this.detail = detail;
    this.nextStep = nextStep;
  }
}
