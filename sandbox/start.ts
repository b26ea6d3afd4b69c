import type { LazySandboxOptions, Sandbox, SandboxOptions } from './options.ts';

export type { FaultRule } from './faults.ts';
export type { LazySandboxOptions, Sandbox, SandboxOptions } from './options.ts';

/**
 * Starts the local invoicing API on 127.0.0.1, for the official `stripe` SDK. Nothing real is billed.
 * Loads its modules and the database driver only when called.
 *
 * @throws McpOnceError `configuration_invalid` for an option out of bounds, `upstream_unavailable`
 * when the data file cannot be used or the port is taken.
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { listenNow } = await import('./listen.ts');
  return listenNow(options);
}

/**
 * Listens at once, on a free port, and opens the API with the first request. While the API cannot be opened, each
 * request is refused without an effect, and the next one tries again.
 * @throws McpOnceError `upstream_unavailable` when no port is free.
 */
export async function startSandboxOnDemand(options: LazySandboxOptions): Promise<Sandbox> {
  const { listenOnDemand } = await import('./listen.ts');
  return listenOnDemand(options);
}
