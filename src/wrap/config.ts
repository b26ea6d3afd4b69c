import { z } from 'zod';
import { ignoredPointers, lookupParts, recoveries, text, toolClass, undeclaredRule } from '../config/parts.ts';
import { duration } from '../core/duration.ts';
import { defined, isObject } from '../core/json.ts';
import { parsePath } from './policy/path.ts';
import type { WrapRule, WrapRules } from './policy/types.ts';

const second = 1_000;
const day = 24 * 3_600 * second;

const argument = z.string().max(32_768);
const place = z
  .string()
  .max(1_000)
  .refine((value) => parsePath(value) !== undefined, 'must be a JSON pointer (/a/b) or a simple JSON path ($.a.b)');

const lookupSchema = z.strictObject({
  tool: text.describe('The read-only tool of the same server that finds the effect.'),
  arguments: lookupParts.arguments,
  items: place.prefault('').describe('JSON pointer to the list in its result. Default: the result itself.'),
  marker: lookupParts.marker,
});

/** A rule for the tools of a wrapped server that a pattern matches. */
const wrapRuleSchema = z.strictObject({
  class: toolClass
    .optional()
    .describe(
      'The class of the tool, which decides which calls are repeats: create, state, repeatable or off (not guarded). Default: by annotations, schema and name.',
    ),
  movesMoney: z
    .boolean()
    .optional()
    .describe(
      'Whether the tool pays, charges, refunds or bills. Then only an operator ends an unknown outcome. Default: by its name.',
    ),
  window: duration({ minMs: 0, maxMs: 366 * day })
    .optional()
    .describe(
      'How long a repeat means the same operation, counted from its settling. Default 24h for create with an idempotency key, else 10m. 0 to 366d.',
    ),
  identity: z
    .array(place)
    .max(100)
    .optional()
    .describe('The arguments that make two calls the same operation: JSON pointers (/a/b) or $.a.b. Default: all.'),
  ignore: ignoredPointers.optional(),
  undeclared: undeclaredRule.optional(),
  reads: z
    .record(
      place,
      z
        .array(z.union([z.string(), z.number(), z.boolean()]))
        .min(1)
        .max(100),
    )
    .refine((given) => Object.keys(given).length > 0, 'must have a place')
    .optional()
    .describe(
      'The arguments with which a call only reads, so that it passes: values by JSON pointer, all of which must fit. Default: by an SQL or GraphQL text, an HTTP method or an act in the arguments.',
    ),
  recovery: recoveries.optional().describe('What is done about an unknown outcome; a list is tried in order.'),
  lookup: lookupSchema.optional().describe('How the effect is found, for the recovery reconcile.'),
  lookupLag: duration({ minMs: 0, maxMs: day })
    .optional()
    .describe('How long it may take until the lookup finds an effect. Default 1m. 0 to 24h.'),
  errorsFail: z
    .boolean()
    .optional()
    .describe('Whether an error result proves that nothing took effect. Default: decided by what the result says.'),
});

const rules = {
  trustAnnotations: z
    .enum(['none', 'readOnly', 'all'])
    .optional()
    .describe(
      'Which annotations of the server are trusted: none, readOnlyHint (readOnly), or idempotentHint too (all). Default readOnly.',
    ),
  inheritEnv: z
    .boolean()
    .optional()
    .describe(
      'Whether the program gets the whole environment, except variables of mcp-once. Default false: it gets its env and a short safe list.',
    ),
  tools: z
    .record(z.string().min(1).max(256), wrapRuleSchema)
    .prefault({})
    .describe('Rules by the name that the server gives the tool; * matches any characters. A later rule wins.'),
};

/** The rules for all wrapped servers. */
export const wrapSchema = z.strictObject(rules);

/** The rules for one wrapped server, which take precedence over the rules for all. */
const serverRulesSchema = z.strictObject({
  ...rules,
  account: text
    .optional()
    .describe('Tells two accounts of one server apart: no credential is part of a key. Default "default".'),
});

/** Accepts a URL with variables: it is checked again after they are filled in. */
function isHttpUrl(value: string): boolean {
  if (value.includes('${')) return true;
  return URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
}

/** One server, as in the files of MCP clients. Members of other programs are ignored. */
const serverSchema = z
  .looseObject({
    command: text.optional().describe('The program to start, for a server that speaks over stdin and stdout.'),
    args: z.array(argument).max(1_000).optional().describe('Its arguments.'),
    env: z
      .record(z.string().min(1), argument)
      .optional()
      .describe('Variables for the program, in addition to a short safe list of the present environment.'),
    cwd: text
      .optional()
      .describe('The working directory of the program, relative to this file. Default: the present working directory.'),
    url: text
      .refine(isHttpUrl, 'must be a URL that begins with http:// or https://')
      .optional()
      .describe(
        'The URL of a server that speaks HTTP. Variables of the environment are filled in here and in command, args, env and headers.',
      ),
    headers: z.record(z.string().min(1), argument).optional().describe('Headers of every request to the server.'),
    type: z
      .enum(['stdio', 'http', 'streamable-http', 'sse'])
      .optional()
      .describe(
        'The transport. Default: stdio for a command; for a URL, Streamable HTTP, then the older HTTP with SSE.',
      ),
    disabled: z.boolean().optional().describe('Whether the server is left out, as in client files. Default false.'),
    mcpOnce: serverRulesSchema.optional().describe('How its tools are guarded.'),
  })
  .superRefine((server, context) => {
    const { command, url, type } = server;
    // Other programs have a member of this name, such as a list of tools.
    if (holdsRules(server.tools)) {
      const message = 'are rules of mcp-once that do not count here: put them into "mcpOnce" of this entry';
      context.addIssue({ code: 'custom', path: ['tools'], message });
    }
    if ((command === undefined) === (url === undefined)) {
      context.addIssue({ code: 'custom', message: 'must have either command or url' });
    } else if (type !== undefined && (type === 'stdio') !== (command !== undefined)) {
      context.addIssue({
        code: 'custom',
        path: ['type'],
        message: 'does not match: stdio is for a command, the other types are for a url',
      });
    }
  });

/** Whether a value contains a rule for a tool: at least one option of rules. */
function holdsRules(tools: unknown): boolean {
  const known = Object.keys(wrapRuleSchema.shape);
  return isObject(tools) && Object.values(tools).some((rule) => isObject(rule) && known.some((name) => name in rule));
}

/** The servers to wrap, by name. */
export const mcpServersSchema = z.record(
  z.string().regex(/^[^\p{Cc}]{1,100}$/u, 'must be 1 to 100 characters'),
  serverSchema,
);

export type McpServerConfig = z.infer<typeof serverSchema>;
export type WrapConfig = z.infer<typeof wrapSchema>;
type RuleSettings = z.infer<typeof wrapRuleSchema>;

/** Merges the rules for all servers with those of one server, whose rules win. Durations in ms. */
export function wrapRulesOf(all: Partial<WrapConfig>, own: Partial<WrapConfig> = {}): WrapRules {
  const tools = [...Object.entries(all.tools ?? {}), ...Object.entries(own.tools ?? {})];
  const merged = new Map<string, RuleSettings>();
  for (const [pattern, rule] of tools) {
    const before = merged.get(pattern);
    // Moves the pattern to the end, so that it applies after the earlier ones.
    merged.delete(pattern);
    merged.set(pattern, { ...before, ...rule });
  }
  return Object.freeze({
    trustAnnotations: own.trustAnnotations ?? all.trustAnnotations ?? 'readOnly',
    tools: Object.fromEntries([...merged].map(([pattern, rule]) => [pattern, ruleOf(rule)])),
  });
}

function ruleOf({ window, lookupLag, recovery, ...rest }: RuleSettings): WrapRule {
  return {
    ...rest,
    ...defined({
      windowMs: window,
      lookupLagMs: lookupLag,
      recovery: typeof recovery === 'string' ? [recovery] : recovery,
    }),
  };
}

/** Returns the option names that are known at a place within the rules for a server's tools, for suggestions. */
export function wrapKeysAt(place: readonly PropertyKey[]): readonly string[] {
  return Object.keys((place[0] === 'tools' && place.length > 1 ? wrapRuleSchema : serverRulesSchema).shape);
}
