import type { Guard, GuardOptions } from './types.ts';

/**
 * Creates a guard. A guarded call takes effect at most once within its window, also when it is repeated concurrently or
 * through several processes. One guard serves a whole process. It opens the store at once.
 *
 * @throws McpOnceError `configuration_invalid` that names the option, or `ledger_unavailable` when the store cannot be opened
 * @example
 * import { guard } from 'mcp-once';
 *
 * const once = await guard({ store: 'sqlite:./ledger.sqlite' });
 * once.protect(server);
 */
export async function guard(options: GuardOptions = {}): Promise<Guard> {
  // The shipped tools import this package, too. A static import would slow down the start of a server.
  const [{ guardSettings }, { openGuardEngine }, { createGuard }] = await Promise.all([
    import('./options.ts'),
    import('./engine.ts'),
    import('./create-guard.ts'),
  ]);
  const settings = guardSettings(options, process.env);
  return createGuard(await openGuardEngine(settings), settings);
}
