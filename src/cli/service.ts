import type { App } from '../app.ts';
import type { ToolService } from '../server/tool-requests.ts';
import { type Cli, packageVersion } from './cli.ts';

/** What a server of our own tools says of itself, and answers from. */
export function serviceOf(app: App): ToolService {
  const { catalog, handle, instructions, log } = app;
  return { name: 'mcp-once', title: 'mcp-once', version: packageVersion(), catalog, handle, instructions, log };
}

/** Where nothing real is billed, whoever starts the server has to know it. */
export function tellOfSandbox(cli: Cli, { usesSandbox }: App): void {
  if (!usesSandbox) return;
  cli.tell('mcp-once: no STRIPE_SECRET_KEY is set: the built-in sandbox is used, and nothing real is billed.');
}
