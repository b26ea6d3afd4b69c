import { objectOf } from '../json.ts';

/** The member of `_meta` in `tools/call` under which a host sends an id. */
interface MetaName {
  readonly host: string;
  readonly name: string;
}

/**
 * The members with a host's id of one tool call. A host that sends a call again uses the same id. To support another host,
 * add a row. Members with a name space come first, since any host may use a member without one.
 */
export const CALL_ID_NAMES: readonly MetaName[] = Object.freeze([
  // Claude Code and its Agent SDK: the id of the model's tool_use block. Seen in their requests.
  { host: 'Claude Code', name: 'claudecode/toolUseId' },
  // Goose: crates/goose/src/session_context.rs, TOOL_CALL_REQUEST_ID_HEADER, sent in _meta as well.
  { host: 'Goose', name: 'agent-tool-call-request-id' },
  // Codex: codex-rs/core/src/mcp_tool_call.rs, build_mcp_tool_call_request_meta.
  { host: 'Codex', name: 'callId' },
]);

/** The members with a host's id of a conversation. The id is part of the scope only if the configuration says so. */
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

/** The members with a host's id of one turn of the model: everything that it does upon one message of the user. */
const TURN_ID_NAMES: readonly MetaName[] = Object.freeze([
  // Codex: codex-rs/core/src/mcp_tool_call.rs, the member turn_id of its turn metadata.
  { host: 'Codex', name: 'x-codex-turn-metadata' },
  { host: 'Codex', name: 'turn_id' },
]);
/** The longest turn metadata that is read, in characters. */
const TURN_CHARS_MAX = 16_384;

/** The longest accepted id, in characters. Longer ids are ignored. */
const ID_CHARS_MAX = 512;

/** Returns the host's id of a tool call; undefined if the host sends no usable id. */
export function callIdOf(meta: unknown): string | undefined {
  return firstId(meta, CALL_ID_NAMES);
}

/** Returns the host's id of the conversation; undefined if the host sends no usable id. */
export function conversationIdOf(meta: unknown): string | undefined {
  return firstId(meta, CONVERSATION_ID_NAMES);
}

/** Returns the host's id of the model's turn; undefined if the host sends no usable id. Codex sends it within JSON. */
export function turnIdOf(meta: unknown): string | undefined {
  if (typeof meta !== 'object' || meta === null) return undefined;
  for (const { name } of TURN_ID_NAMES) {
    const given = Object.hasOwn(meta, name) ? (meta as Record<string, unknown>)[name] : undefined;
    const id = name === 'turn_id' ? given : turnIdIn(given);
    if (isId(id)) return id;
  }
  return undefined;
}

function turnIdIn(metadata: unknown): unknown {
  if (typeof metadata !== 'string') return objectOf(metadata).turn_id;
  if (metadata.length > TURN_CHARS_MAX) return undefined;
  try {
    return objectOf(JSON.parse(metadata)).turn_id;
  } catch {
    return undefined;
  }
}

function isId(id: unknown): id is string {
  return typeof id === 'string' && id.length >= 1 && id.length <= ID_CHARS_MAX;
}

function firstId(meta: unknown, names: readonly MetaName[]): string | undefined {
  if (typeof meta !== 'object' || meta === null) return undefined;
  for (const { name } of names) {
    const id = Object.hasOwn(meta, name) ? (meta as Record<string, unknown>)[name] : undefined;
    if (isId(id)) return id;
  }
  return undefined;
}
