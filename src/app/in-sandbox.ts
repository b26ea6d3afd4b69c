import type { Environment } from '../config/config.ts';
import type { Catalog } from '../core/tool/catalog.ts';
import { clientStates, clientWarnings } from '../core/tool/client-state.ts';
import type { Upstream } from '../core/tool/types.ts';

/** How the stripe client names the built-in sandbox. */
const sandboxOrigin = 'mcp-once-sandbox';

/** Whether some tool's effects happen in the built-in sandbox. @param warn told of clients that are set up wrong */
export function inSandbox(
  { tools, hidden }: Catalog,
  variables: Environment,
  warn: (message: string) => void,
): boolean {
  const states = clientStates([...tools, ...hidden], variables);
  for (const message of clientWarnings(states)) warn(message);
  return states.some(({ state }) => state.type === 'configured' && isBuiltInSandbox(state.upstream));
}

/** By its origin: another provider's sandbox says nothing about what Stripe bills. */
function isBuiltInSandbox({ origin, mode }: Upstream): boolean {
  return origin === sandboxOrigin && mode === 'sandbox';
}
