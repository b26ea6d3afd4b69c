/** The public names of `mcp-once/testing`, with which an author tests a tool. */
export type { UpstreamAnswer, UpstreamFault, UpstreamRequest } from './testing/scripted-upstream.ts';
export type { TestOutcome, TestToolOptions, ToolTest } from './testing/test-tool.ts';
export { testTool } from './testing/test-tool.ts';
