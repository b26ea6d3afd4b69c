/** The public names of the library. The shipped tools import these and nothing else. */
export { z } from 'zod';
export type { Duration } from './core/duration.ts';
export { McpOnceError, NotExecuted } from './core/errors.ts';
export type { ClientDefinition } from './core/tool/define-client.ts';
export { defineClient } from './core/tool/define-client.ts';
export { defineTool } from './core/tool/define-tool.ts';
export type {
  AskReply,
  AskRequest,
  CanonicalContext,
  Classification,
  Client,
  Effect,
  FirstCall,
  LookupAnswer,
  LookupContext,
  Recovery,
  RunContext,
  Tool,
  ToolClass,
  ToolDefinition,
  Upstream,
} from './core/tool/types.ts';
export { guard } from './guard/guard.ts';
export type {
  ContentAnswer,
  Guard,
  GuardedTool,
  GuardOptions,
  GuardPolicies,
  GuardPolicy,
  GuardScope,
  Operation,
  ProtectOptions,
  RunCall,
  RunOutcome,
  RunRefusal,
  RunSuccess,
  ScopeOf,
  ServerLike,
  ToolHints,
} from './guard/types.ts';
