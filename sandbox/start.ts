import type { Sandbox, SandboxOptions } from './options.ts';

export type { FaultRule } from './faults.ts';
export type { Sandbox, SandboxOptions } from './options.ts';

/**
 * Starts the sandbox: a local HTTP API on 127.0.0.1 that the official `stripe` SDK talks to.
 *
 * Nothing real is billed. Loads its parts and the database driver only when called.
 * @throws McpOnceError `configuration_invalid` for an option out of bounds, `upstream_unavailable`
 * when the data file cannot be used or the port is taken.
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { openSandbox } = await import('./server.ts');
  return openSandbox(options);
}
