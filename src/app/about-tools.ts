import type { Environment } from '../config.ts';
import type { Catalog } from '../tool/catalog.ts';
import { clientStates, clientWarnings } from '../tool/client-state.ts';
import type { Upstream } from '../tool/types.ts';
import { instructionsFor } from './instructions.ts';

/** How the stripe client names the built-in sandbox. */
const sandboxOrigin = 'mcp-once-sandbox';

/** What is to be said about the tools of a catalog. */
export interface AboutTools {
  /** For the model. */
  readonly instructions: string;
  /** True when some tool's effects happen in the built-in sandbox. */
  readonly usesSandbox: boolean;
}

/** @param warn told of clients that are set up wrong. */
export function aboutTools(
  { tools, hidden }: Catalog,
  variables: Environment,
  warn: (message: string) => void,
): AboutTools {
  const states = clientStates([...tools, ...hidden], variables);
  for (const message of clientWarnings(states)) warn(message);
  const usesSandbox = states.some(({ state }) => state.type === 'configured' && isBuiltInSandbox(state.upstream));
  return { instructions: instructionsFor(tools, usesSandbox), usesSandbox };
}

/** By its origin: another provider's sandbox says nothing about what Stripe bills. */
function isBuiltInSandbox({ origin, mode }: Upstream): boolean {
  return origin === sandboxOrigin && mode === 'sandbox';
}
