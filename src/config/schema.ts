import { z } from 'zod';
import { duration } from '../core/duration.ts';
import { isObject } from '../core/json.ts';
import { defaults, logFormats, logLevels } from './defaults.ts';
import { identityPointers, ignoredPointers, recoveries, toolClass, undeclaredRule } from './parts.ts';
import type { Section, SectionSchema } from './section.ts';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

const name = z.string().min(1).max(200);
const path = z.string().min(1).max(4_096);

const storePattern = /^(sqlite:(?!:memory:).+|rediss?:\/\/.+|memory:)$/;

/** A rule for the tools that a pattern matches. */
const toolRuleSchema = z.strictObject({
  enabled: z.boolean().optional().describe('Whether the tools are served. Default true.'),
  class: toolClass
    .optional()
    .describe(
      'The class of the tools, which decides which calls are repeats: create, state, repeatable or off (not guarded). Default: as the tool declares.',
    ),
  movesMoney: z
    .boolean()
    .optional()
    .describe(
      'Whether the tools pay, charge, refund or bill. Then only an operator ends an unknown outcome. Default: as the tool declares, or as its name suggests.',
    ),
  window: duration({ minMs: 0, maxMs: 366 * day })
    .optional()
    .describe(
      'How long a repeat means the same operation, counted from its settling. Default: as the tool declares. 0 to 366d.',
    ),
  onDuplicate: z
    .enum(['replay', 'ask'])
    .optional()
    .describe(
      'How to answer a call that repeats a successful one within the window: with the first result (replay), or by asking the user whether another operation is meant (ask), if the client can ask. For the class create. Default: as the tool declares.',
    ),
  identity: identityPointers.optional(),
  ignore: ignoredPointers.optional(),
  undeclared: undeclaredRule.optional(),
  recovery: recoveries
    .optional()
    .describe('How an unknown outcome is recovered; a list is tried in order. Default: as the tool declares.'),
  lookupLag: duration({ minMs: 0, maxMs: day })
    .optional()
    .describe('How long it may take until a lookup finds an effect. Default: as the tool declares. 0 to 24h.'),
});

/** Up to version 0.1 it was an object with the name of the data file. */
const sandboxProblem =
  'must be true or false. To choose the data file of the local invoicing API, run "mcp-once sandbox --port PORT --data FILE", set STRIPE_API_BASE to the URL that it prints, and set STRIPE_SECRET_KEY to sk_test_sandbox';

/** The options of the configuration file, each with its type, unit, default and bounds. */
export const fileSchema = z.strictObject({
  $schema: z.string().max(2_000).optional().describe('The location of the JSON Schema of this file, for editors.'),
  store: z
    .string()
    .max(2_000)
    .regex(storePattern, 'must be sqlite:PATH, redis://HOST:PORT, rediss://HOST:PORT or memory:')
    .optional()
    .describe(
      "The store of the ledger: sqlite:PATH (relative to this file), redis://..., rediss://... or memory:. Default: a SQLite file in the user's data directory. Variable: MCP_ONCE_STORE.",
    ),
  tenant: name
    .prefault(defaults.tenant)
    .describe('The tenant that operations belong to. 1 to 200 characters. Variable: MCP_ONCE_TENANT.'),
  subject: name
    .optional()
    .describe(
      'The subject that operations belong to. Required for a shared store (Redis); else "local". 1 to 200 characters. Variable: MCP_ONCE_SUBJECT.',
    ),
  lease: duration({ minMs: 500, maxMs: 5 * minute })
    .prefault(defaults.lease)
    .describe('How long a claim holds without renewal. Default 10s. Shorter than wait. 500ms to 5m.'),
  wait: duration({ minMs: second, maxMs: 10 * minute })
    .prefault(defaults.wait)
    .describe(
      "How long an identical call waits for the one in flight. Keep it under the clients' time-out. Default 45s. 1s to 10m.",
    ),
  maxRun: duration({ minMs: second, maxMs: day })
    .prefault(defaults.maxRun)
    .describe('How long one run of a tool may take before it is cut off. Default 10m. 1s to 24h.'),
  recordRetention: duration({ minMs: hour, maxMs: 366 * day })
    .prefault(defaults.recordRetention)
    .describe('The shortest time that a settled record is kept. Default 7d. 1h to 366d.'),
  unresolvedRetention: duration({ minMs: day, maxMs: 3_660 * day })
    .prefault(defaults.unresolvedRetention)
    .describe('How long a record that is in flight, incomplete or unknown is kept. Default 30d. 1d to 3660d.'),
  sealedOnly: z
    .boolean()
    .prefault(defaults.sealedOnly)
    .describe(
      'Whether records that are not encrypted are refused. Needs MCP_ONCE_ENCRYPTION_KEYS. Set it when the records from before encryption have expired. Default false. Variable: MCP_ONCE_SEALED_ONLY.',
    ),
  resultBytesMax: z
    .int()
    .min(1_024)
    .max(16 * 1_024 * 1_024)
    .prefault(defaults.resultBytesMax)
    .describe('The largest result that is kept for replays, in bytes of JSON. Default 262144. 1024 to 16777216.'),
  hostKeys: z
    .boolean()
    .prefault(defaults.hostKeys)
    .describe('Whether idempotency keys from the host program are honoured.'),
  conversationScope: z
    .boolean()
    .prefault(defaults.conversationScope)
    .describe("Whether the host's conversation id is part of the scope."),
  twinWindow: duration({ minMs: 0, maxMs: 10 * minute })
    .prefault(defaults.twinWindow)
    .describe(
      'How long two equal calls of one session count as one after the answer to the first has arrived, because some hosts send a call twice. For the classes state and repeatable. Default 10s. 0 to 10m.',
    ),
  rewordedWindow: duration({ minMs: 0, maxMs: day })
    .prefault(defaults.rewordedWindow)
    .describe(
      'How long a call that says the same in other words is answered with the first result and a question, counted from the settling of the first. Default 15m. 0 to 24h; 0 switches it off.',
    ),
  logLevel: z
    .enum(logLevels)
    .prefault(defaults.logLevel)
    .describe('The lowest level that is logged to stderr. Variable: MCP_ONCE_LOG_LEVEL.'),
  logFormat: z
    .enum(logFormats)
    .prefault(defaults.logFormat)
    .describe(
      'How log lines are written: JSON (json), lines for people (pretty), or pretty in a terminal and else json (auto). Variable: MCP_ONCE_LOG_FORMAT.',
    ),
  toolsDirs: z
    .array(path)
    .max(100)
    .prefault([...defaults.toolsDirs])
    .describe(
      'Folders with tools of your own (.js, .mjs, from Node 22.18 on .ts), relative to this file; --tools adds more. Reloaded on SIGHUP: a changed file is imported again, the modules that it imports are not.',
    ),
  bundledTools: z.boolean().prefault(defaults.bundledTools).describe('Whether the shipped tools are served.'),
  drain: duration({ minMs: 0, maxMs: 10 * minute })
    .prefault(defaults.drain)
    .describe('How long a server that is stopping waits for running executions. Default 30s. 0 to 10m.'),
  sandbox: z
    .boolean({ error: ({ input }) => (isObject(input) ? sandboxProblem : undefined) })
    .prefault(defaults.sandbox)
    .describe(
      'Whether the local invoicing API is started while neither STRIPE_SECRET_KEY nor STRIPE_API_BASE is set. Nothing real is billed there. Default true.',
    ),
  tools: z
    .record(z.string().min(1).max(100), toolRuleSchema)
    .prefault({ ...defaults.tools })
    .describe('Rules by tool name; * matches any characters. They apply in order, so a later rule wins.'),
});

export type FileSettings = z.infer<typeof fileSchema>;
export type ToolRuleSettings = z.infer<typeof toolRuleSchema>;

/** The whole file: these options and the sections of the features. */
export interface FileSchema {
  readonly schema: z.ZodType<FileSettings>;
  /** Returns the option names that are known at a place in the file, for suggestions. */
  keysAt(place: readonly PropertyKey[]): readonly string[];
}

/** Loads the schema of the file, with the sections of the features. */
export async function fileSchemaOf(sections: readonly Section[]): Promise<FileSchema> {
  const loaded = new Map<PropertyKey, SectionSchema<unknown>>();
  await Promise.all(sections.map(async (section) => loaded.set(section.key, await section.loadSchema())));
  const shape: Record<string, z.ZodType> = {};
  for (const { key, defaults: initial, description } of sections) {
    const schema = loaded.get(key)?.schema;
    if (schema) shape[key] = schema.prefault(structuredClone(initial) as never).describe(description);
  }
  const schema = fileSchema.extend(shape);
  const keysAt: FileSchema['keysAt'] = ([first, ...rest]) => {
    const section = first === undefined ? undefined : loaded.get(first);
    if (section) return section.keysAt(rest);
    if (first === 'tools' && rest.length > 0) return Object.keys(toolRuleSchema.shape);
    return Object.keys(schema.shape);
  };
  return { schema: schema as unknown as z.ZodType<FileSettings>, keysAt };
}

/** Returns the JSON Schema of the configuration file, as it is shipped. */
export async function configJsonSchema(sections: readonly Section[]): Promise<Record<string, unknown>> {
  const { $schema, ...schema } = z.toJSONSchema((await fileSchemaOf(sections)).schema, { io: 'input' });
  return { $schema, title: 'Configuration of mcp-once', ...schema };
}
