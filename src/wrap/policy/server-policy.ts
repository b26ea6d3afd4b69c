import { objectOf } from '../../core/json.ts';
import type { McpTool, WrapRule } from './types.ts';

/**
 * What is known about a public server beyond its names, annotations and schemas. It holds only what the default decision
 * gets wrong or cannot know. The rules of a user win over it.
 */
export interface ServerPolicy {
  readonly name: string;
  /** Where its list of tools was published. */
  readonly source: string;
  /** What the server calls itself (`serverInfo.name`). */
  readonly servers: readonly string[];
  /** The tools by which it is recognised: more than half of them must be listed. */
  readonly tools: readonly string[];
  readonly rules: Readonly<Record<string, PolicyRule>>;
}

/** A rule for one tool. */
export interface PolicyRule extends WrapRule {
  /** Whether it removes something. Default: by the tool's name. */
  readonly deletes?: boolean;
  /**
   * All arguments of a tool that only reads. A tool with others has changed since it was judged, and the rule does not
   * apply.
   */
  readonly arguments?: readonly string[];
  /** JSON pointers of the arguments that make it act. A call reads if it has none of them and only known `arguments`. */
  readonly readsWithout?: readonly string[];
}

/** What a connected server says about itself. */
export interface ListedServer {
  readonly name: string | undefined;
  readonly tools: ReadonlySet<string>;
}

/** Finds the policy of a server by its name and by its tools, so that another server of that name is not misjudged. */
export function findPolicy(policies: readonly ServerPolicy[], { name, tools }: ListedServer): ServerPolicy | undefined {
  if (name === undefined) return undefined;
  const own = name.trim().toLowerCase();
  const [best] = policies
    .filter(({ servers }) => servers.some((each) => each.toLowerCase() === own))
    .map((policy) => ({ policy, share: policy.tools.filter((each) => tools.has(each)).length / policy.tools.length }))
    .filter(({ share }) => share > 0.5)
    .sort((a, b) => b.share - a.share);
  return best?.policy;
}

/** Keywords with which a schema has arguments that its `properties` do not list. */
const hiddenArguments = ['$ref', 'allOf', 'anyOf', 'oneOf', 'patternProperties'];

/** Returns the rule of a policy for a tool, unless the tool has changed so that it may write. */
export function policyRuleFor(policy: ServerPolicy | undefined, tool: McpTool): PolicyRule | undefined {
  const rule = policy && Object.hasOwn(policy.rules, tool.name) ? policy.rules[tool.name] : undefined;
  if (rule?.class !== 'off') return rule;
  const known = new Set(rule.arguments ?? []);
  const hasKnown = Object.keys(objectOf(tool.inputSchema.properties)).every((each) => known.has(each));
  return hasKnown && !hiddenArguments.some((each) => each in tool.inputSchema) ? rule : undefined;
}
