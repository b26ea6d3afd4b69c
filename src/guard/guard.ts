import type { Guard, GuardOptions } from './types.ts';

/**
 * A guard for tools that somebody else calls: what it guards takes effect at most once within its window,
 * however often, however concurrently and through however many processes a call is repeated.
 *
 * Opens the store at once. One guard serves a whole process.
 *
 * @throws McpOnceError `configuration_invalid` naming the option; `ledger_unavailable` when the store cannot be opened.
 */
export async function guard(options: GuardOptions = {}): Promise<Guard> {
  // Loaded here: tools import this package, too, and a server's start would wait for the engine.
  const [{ guardSettings }, { openGuardEngine }, { createGuard }] = await Promise.all([
    import('./options.ts'),
    import('./engine.ts'),
    import('./create-guard.ts'),
  ]);
  const settings = guardSettings(options, process.env);
  return createGuard(await openGuardEngine(settings), settings);
}
