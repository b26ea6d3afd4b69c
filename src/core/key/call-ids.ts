/** One host's name, in `_meta` of `tools/call`, for something that the engine may use. */
interface MetaName {
  readonly host: string;
  readonly name: string;
}

/**
 * The host's own id of one tool call: the same when the host itself sends the call again. To know a
 * further host, add a row. A host comes first that names the call in a key of its own; a key without
 * a name space may be anybody's, and comes last.
 */
export const CALL_ID_NAMES: readonly MetaName[] = Object.freeze([
  // Claude Code and its Agent SDK: the id of the model's tool_use block. Seen in their requests.
  { host: 'Claude Code', name: 'claudecode/toolUseId' },
  // Goose: crates/goose/src/session_context.rs, TOOL_CALL_REQUEST_ID_HEADER, sent in _meta as well.
  { host: 'Goose', name: 'agent-tool-call-request-id' },
  // Codex: codex-rs/core/src/mcp_tool_call.rs, build_mcp_tool_call_request_meta.
  { host: 'Codex', name: 'callId' },
]);

/** The host's own id of a conversation. It enters the scope only where the configuration asks for it. */
export const CONVERSATION_ID_NAMES: readonly MetaName[] = Object.freeze([
  // VS Code: src/vs/workbench/contrib/mcp/common/mcpServer.ts, from the chat session.
  { host: 'VS Code', name: 'vscode.conversationId' },
  // ChatGPT: the Apps SDK reference, "_meta fields the client provides".
  { host: 'ChatGPT', name: 'openai/session' },
  // OpenCode 2: its MCP client; several sessions share one Mcp-Session-Id there.
  { host: 'OpenCode', name: 'ai.opencode/sessionID' },
  // Antigravity: seen in its requests; one server process serves all its chats.
  { host: 'Antigravity', name: 'antigravity.google/conversation_id' },
  // Goose: crates/goose/src/session_context.rs, SESSION_ID_HEADER, sent in _meta as well.
  { host: 'Goose', name: 'agent-session-id' },
  // Codex: codex-rs/core/src/mcp_tool_call.rs, MCP_TOOL_THREAD_ID_META_KEY.
  { host: 'Codex', name: 'threadId' },
]);

/** Characters. What is longer is no id, and is left alone. */
const ID_CHARS_MAX = 512;

/** The host's id of this tool call, or undefined when the host sends none that is usable. */
export function callIdOf(meta: unknown): string | undefined {
  return firstId(meta, CALL_ID_NAMES);
}

/** The host's id of the conversation, or undefined when the host sends none that is usable. */
export function conversationIdOf(meta: unknown): string | undefined {
  return firstId(meta, CONVERSATION_ID_NAMES);
}

function firstId(meta: unknown, names: readonly MetaName[]): string | undefined {
  if (typeof meta !== 'object' || meta === null) return undefined;
  for (const { name } of names) {
    const id = Object.hasOwn(meta, name) ? (meta as Record<string, unknown>)[name] : undefined;
    if (typeof id === 'string' && id.length >= 1 && id.length <= ID_CHARS_MAX) return id;
  }
  return undefined;
}
