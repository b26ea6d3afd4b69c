import { z } from 'zod';
import { lookupParts, recoveries, text } from '../config/parts.ts';
import { duration } from '../core/duration.ts';
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
  tool: text.describe('The tool of the same server that finds the effect; one that only reads.'),
  arguments: lookupParts.arguments,
  items: place.prefault('').describe('Where the list is in its answer: a JSON pointer. Default: the answer itself.'),
  marker: lookupParts.marker,
});

/** What may be set for the tools of a wrapped server that a pattern matches. */
export const wrapRuleSchema = z.strictObject({
  match: z
    .enum(['identical', 'latest', 'same-call', 'off'])
    .optional()
    .describe('How a repeat is recognised; off: not guarded. Default: by annotations, schema and name.'),
  window: duration({ minMs: 0, maxMs: 366 * day })
    .optional()
    .describe('How long a repeat means the same operation, counted from its settling. Default 2m. 0 to 366d.'),
  identity: z
    .array(place)
    .max(100)
    .optional()
    .describe('The arguments that make two calls the same operation: JSON pointers (/a/b) or $.a.b. Default: all.'),
  recovery: recoveries.optional().describe('What is done about an unknown outcome; a list is tried in order.'),
  lookup: lookupSchema.optional().describe('How the effect is found, for the recovery reconcile.'),
  lookupLag: duration({ minMs: 0, maxMs: day })
    .optional()
    .describe('How long an effect may take to be found by the lookup. Default 1m. 0 to 24h.'),
  errorsFail: z
    .boolean()
    .optional()
    .describe('Whether an answer that is an error says for certain that nothing took effect. Default false.'),
});

const rules = {
  trustAnnotations: z
    .enum(['none', 'readOnly', 'all'])
    .optional()
    .describe(
      'How far a server is believed: not at all, that a tool only reads, or also that a repeat has no further effect. Default readOnly.',
    ),
  tools: z
    .record(z.string().min(1).max(256), wrapRuleSchema)
    .prefault({})
    .describe('Rules by tool name as the server has it; * stands for any characters; a later one wins.'),
};

/** What holds for all wrapped servers. */
export const wrapSchema = z.strictObject(rules);

/** What holds for one of them, before what holds for all. */
export const serverRulesSchema = z.strictObject({
  ...rules,
  account: text
    .optional()
    .describe('Tells two accounts of one server apart: no credential is part of a key. Default "default".'),
});

/** With variables it is known only later what it is: then it is checked again. */
function isHttpUrl(value: string): boolean {
  if (value.includes('${')) return true;
  return URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
}

/** One server, as the files of MCP clients have it; what other programs keep in such an entry is passed over. */
const serverSchema = z
  .looseObject({
    command: text.optional().describe('The program to start, for a server that speaks over stdin and stdout.'),
    args: z.array(argument).max(1_000).optional().describe('Its arguments.'),
    env: z.record(z.string().min(1), argument).optional().describe('Variables for it, besides those that are set.'),
    cwd: text
      .optional()
      .describe('The folder it is started in, relative to this file. Default: the working directory.'),
    url: text
      .refine(isHttpUrl, 'must be a URL that begins with http:// or https://')
      .optional()
      .describe(
        'Where a server is that speaks HTTP. Here, in command, args, env and headers variables of the environment are filled in.',
      ),
    headers: z.record(z.string().min(1), argument).optional().describe('Sent with every request to it.'),
    type: z
      .enum(['stdio', 'http', 'streamable-http', 'sse'])
      .optional()
      .describe(
        'How it is spoken to. Default: stdio with a command; with a URL, Streamable HTTP and then the older SSE.',
      ),
    disabled: z.boolean().optional().describe('True: it is not started, as clients have it. Default false.'),
    mcpOnce: serverRulesSchema.optional().describe('How its tools are guarded.'),
  })
  .superRefine((server, context) => {
    const { command, url, type } = server;
    if ((command === undefined) === (url === undefined)) {
      context.addIssue({ code: 'custom', message: 'must have either command or url' });
    } else if (type !== undefined && (type === 'stdio') !== (command !== undefined)) {
      context.addIssue({
        code: 'custom',
        path: ['type'],
        message: 'does not fit: stdio is for a command, the others for a url',
      });
    }
  });

/** The servers to wrap, by name. */
export const mcpServersSchema = z.record(
  z.string().regex(/^[^\p{Cc}]{1,100}$/u, 'must be 1 to 100 characters'),
  serverSchema,
);

export type McpServerConfig = z.infer<typeof serverSchema>;
export type WrapConfig = z.infer<typeof wrapSchema>;
type RuleSettings = z.infer<typeof wrapRuleSchema>;

/** The rules for one server: those for all, then its own, so that its own win. Durations in ms. */
export function wrapRulesOf(all: Partial<WrapConfig>, own: Partial<WrapConfig> = {}): WrapRules {
  const tools = [...Object.entries(all.tools ?? {}), ...Object.entries(own.tools ?? {})];
  const merged = new Map<string, RuleSettings>();
  for (const [pattern, rule] of tools) {
    const before = merged.get(pattern);
    // Written anew at the end, so that it comes after the patterns before it.
    merged.delete(pattern);
    merged.set(pattern, { ...before, ...rule });
  }
  return Object.freeze({
    trustAnnotations: own.trustAnnotations ?? all.trustAnnotations ?? 'readOnly',
    tools: Object.fromEntries([...merged].map(([pattern, rule]) => [pattern, ruleOf(rule)])),
  });
}

function ruleOf({ window, lookupLag, recovery: said, ...rest }: RuleSettings): WrapRule {
  return {
    ...rest,
    ...(window === undefined ? {} : { windowMs: window }),
    ...(lookupLag === undefined ? {} : { lookupLagMs: lookupLag }),
    ...(said === undefined ? {} : { recovery: typeof said === 'string' ? [said] : said }),
  };
}

/** Returns the option names that are known at a place within the rules for a server's tools, for suggestions. */
export function wrapKeysAt(place: readonly PropertyKey[]): readonly string[] {
  return Object.keys((place[0] === 'tools' && place.length > 1 ? wrapRuleSchema : serverRulesSchema).shape);
}
