import type { App } from '../app.ts';
import type { ToolService } from '../server/tool-requests.ts';
import { packageVersion } from './cli.ts';

/** What a server of our own tools says of itself, and answers from. */
export function serviceOf(app: App): ToolService {
  const { catalog, handle, instructions, log } = app;
  return { name: 'mcp-once', title: 'mcp-once', version: packageVersion(), catalog, handle, instructions, log };
}
