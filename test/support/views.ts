import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';

/** What the model receives of a result, by the way in which its client shows results. */
export interface Views {
  /** Of a client that shows the content blocks, such as LangChain, the Vercel AI SDK or OpenAI Agents. */
  readonly text: string;
  /** Of a client that shows structured content where there is any, such as Claude Code, Codex or Mastra. */
  readonly structured: string;
}

/** Returns both views of a result. */
export function views({ content, structuredContent }: CallToolResult): Views {
  const text = content.map((item) => (item.type === 'text' ? item.text : '')).join('\n');
  return { text, structured: structuredContent === undefined ? text : JSON.stringify(structuredContent) };
}

/** Returns the repeat token in a view, as a model would copy it. */
export function tokenIn(view: string): string {
  return /\br1\.\d+\.\d+\.[\w-]{22}\.[\w-]{22}/.exec(view)?.[0] ?? 'none';
}
