import { readFileSync } from 'node:fs';
import type { CallToolResult, Tool } from '@modelcontextprotocol/sdk/types.js';

/** Reads the tools of a bare server and the result of every call from the file on its command line. */
export interface BareTools {
  readonly tools: Tool[];
  readonly answer: () => CallToolResult;
}

export const bareInfo = { name: 'bare', version: '1.0.0' };

/** @param file a JSON file with `tools` and the `result` of each call. */
export function servedIn(file: string): BareTools {
  const { tools, result } = JSON.parse(readFileSync(file, 'utf8')) as { tools: Tool[]; result: unknown };
  const answer = (): CallToolResult => ({
    content: [{ type: 'text', text: JSON.stringify(result) }],
    structuredContent: result as Record<string, unknown>,
  });
  return { tools, answer };
}
