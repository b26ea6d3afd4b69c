/** The library's public names. Tools see these and nothing else. */
export { z } from 'zod';
export { McpOnceError, NotExecuted } from './errors.ts';
export { guard } from './guard/guard.ts';
export type {
  ContentAnswer,
  Duration,
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
export type { ClientDefinition } from './tool/define-client.ts';
export { defineClient } from './tool/define-client.ts';
export { defineTool } from './tool/define-tool.ts';
export type {
  AskReply,
  AskRequest,
  Classification,
  Client,
  ClientHost,
  Effect,
  LookupAnswer,
  LookupContext,
  Match,
  Recovery,
  RunContext,
  Tool,
  ToolDefinition,
  Upstream,
} from './tool/types.ts';
