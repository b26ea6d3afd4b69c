import { type Cli, exitCodes, plain } from '../command/cli.ts';
import { tableOf } from '../command/table.ts';
import type { Config } from '../config/config.ts';
import { describeError } from '../core/errors.ts';
import { defined } from '../core/json.ts';
import { matchesGlob } from '../core/tool/glob.ts';
import { wrapRulesOf } from './config.ts';
import { listTools, type ServerListing } from './list-tools.ts';
import { serverPolicies } from './policies/index.ts';
import { toPointer } from './policy/path.ts';
import { decideGuard } from './policy/policy.ts';
import { findPolicy } from './policy/server-policy.ts';
import type { Decision, WrapRules } from './policy/types.ts';
import type { EnvironmentNotes, WrappedServer } from './relay/relay.ts';
import { mcpServersSection, wrapSection } from './sections.ts';

/** The options of `wrap --explain`. */
export interface ExplainOptions {
  readonly json?: boolean;
  /** The time limit for each response of a server, in ms. */
  readonly answerMs: number;
}

/** Lists each server's tools, and prints which of them are guarded and why. */
export function explainWrapped(
  cli: Cli,
  config: Config,
  servers: readonly WrappedServer[],
  { json = false, answerMs }: ExplainOptions,
): Promise<number> {
  const [all, own] = [wrapSection.of(config), mcpServersSection.of(config)];
  const explained = servers.map(({ name, open, environment }) => ({
    name,
    rules: wrapRulesOf(all, own[name]?.mcpOnce),
    list: () => listTools({ open, answerMs }),
    ...defined({ environment }),
  }));
  return runWrapExplain(cli, explained, { json });
}

/** A server whose tools are explained. */
export interface ExplainedServer {
  readonly name: string;
  readonly rules: WrapRules;
  /** Lists all its tools. */
  list(): Promise<ServerListing>;
  readonly environment?: EnvironmentNotes;
}

/**
 * Prints for each tool whether it is guarded, why, and a warning where that is a guess. Calls no tool.
 *
 * @returns 1 when a server could not list its tools.
 */
export async function runWrapExplain(
  cli: Cli,
  servers: readonly ExplainedServer[],
  { json }: { readonly json?: boolean },
): Promise<number> {
  const asked = await Promise.all(
    servers.map((server) =>
      server.list().then(
        (listing) => ({ server, listing }),
        (error: unknown) => ({ server, failed: describeError(error) }),
      ),
    ),
  );
  const explained = asked.flatMap((each) => ('listing' in each ? [explain(each.server, each.listing)] : []));
  if (json) cli.print(JSON.stringify(explained, null, 2));
  else for (const each of explained) cli.print(textOf(each, servers.length > 1));
  const failed = asked.flatMap((each) => ('failed' in each ? [each] : []));
  for (const { server, failed: why } of failed) {
    const hint = server.environment?.startHint;
    const perhaps = hint === undefined ? '' : ` (${hint})`;
    cli.tell(`mcp-once: ${plain(`${server.name}: cannot list its tools: ${withoutName(why, server.name)}${perhaps}`)}`);
  }
  return failed.length === 0 ? exitCodes.ok : exitCodes.failure;
}

/** The line begins with the name of the server already. */
function withoutName(why: string, name: string): string {
  if (why.startsWith(`${name}: `)) return why.slice(name.length + 2);
  return why.startsWith(`${name} `) ? `it ${why.slice(name.length + 1)}` : why;
}

type Explained = ReturnType<typeof explain>;

function explain({ name, rules, environment }: ExplainedServer, { serverName, tools: listed }: ServerListing) {
  const policy = findPolicy(serverPolicies, { name: serverName, tools: new Set(listed.map((each) => each.name)) });
  const unmatched = Object.keys(rules.tools).filter(
    (pattern) => !listed.some((tool) => matchesGlob(pattern, tool.name)),
  );
  return {
    server: name,
    trustAnnotations: rules.trustAnnotations,
    ...defined({ policy: policy?.name }),
    tools: listed.map((tool) => ({ tool: tool.name, ...shownDecision(decideGuard(tool, rules, policy)) })),
    warnings: unmatched.map((pattern) => `no tool matches the rule ${JSON.stringify(pattern)}`),
    ...defined({ variables: environment?.summary }),
  };
}

function shownDecision(decision: Decision) {
  const { because, why, warnings } = decision;
  if (decision.type === 'pass') return { guarded: false, because, why, warnings };
  const { class: toolClass, windowMs, recovery, identity, ignore, key, reads } = decision;
  return {
    guarded: true,
    class: toolClass,
    windowMs,
    recovery,
    ...defined({ identity: identity?.map(toPointer), ignore, key: key?.path.join('.'), readsPass: reads?.why }),
    because,
    why,
    warnings,
  };
}

function textOf({ server, policy, tools, warnings, variables }: Explained, isNamed: boolean): string {
  const rows = tools.map((each) => {
    const guard = each.guarded && 'class' in each ? each : undefined;
    return [
      each.tool,
      guard ? 'guarded' : 'passes',
      guard ? `${guard.class}, ${guard.windowMs / 1_000} s` : '',
      guard ? guard.recovery.join(', ') : '',
      [
        each.because === 'policy' ? each.why : `${each.because}: ${each.why}`,
        ...(guard?.readsPass === undefined ? [] : [`reads pass: ${guard.readsPass}`]),
      ].join('; '),
    ];
  });
  const toolWarnings = tools.flatMap((each) => each.warnings.map((warning) => `${each.tool}: ${warning}`));
  const guarded = tools.filter((each) => each.guarded).length;
  return [
    ...(isNamed ? [plain(server)] : []),
    tableOf(['TOOL', 'CALLS', 'CLASS', 'RECOVERY', 'WHY'], rows),
    `${guarded} of ${tools.length} tools are guarded.`,
    ...(policy === undefined ? [] : [`The policy ${policy} applies. Your own rules win over it.`]),
    ...(variables === undefined ? [] : [`Its variables: ${plain(variables)}.`]),
    ...[...warnings, ...toolWarnings].map((warning) => `warning: ${plain(warning)}`),
  ].join('\n');
}
