import type { decideGuard } from '../src/wrap/policy/policy.ts';
import type { findPolicy, ServerPolicy } from '../src/wrap/policy/server-policy.ts';
import type { Decision, McpTool } from '../src/wrap/policy/types.ts';

interface JudgedList {
  readonly name: string;
  readonly server: string;
  readonly source: string;
  readonly tools: readonly { readonly right: string; readonly tool: McpTool }[];
}

interface JudgedServer {
  readonly name: string;
  readonly source: string;
  readonly policy: string | undefined;
  readonly tools: number;
  readonly plainRight: number;
  readonly wrong: readonly { readonly tool: string; readonly right: string; readonly decided: string }[];
  readonly unguarded: readonly { readonly tool: string }[];
}

interface Deciding {
  readonly decideGuard: typeof decideGuard;
  readonly findPolicy: typeof findPolicy;
  readonly serverPolicies: readonly ServerPolicy[];
}

export function readLists(): readonly JudgedList[];
export function kindOf(decision: Decision): string;
export function judgeServers(deciding: Deciding): readonly JudgedServer[];
