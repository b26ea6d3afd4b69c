import type { ResolveFnOutput, ResolveHook, ResolveHookContext } from 'node:module';

/** What the hook is given: the URL of the index of the mcp-once that loads the tools. */
export interface HookData {
  readonly indexUrl: string;
}

type ResolveSync = (
  specifier: string,
  context: ResolveHookContext,
  nextResolve: (specifier: string, context?: ResolveHookContext) => ResolveFnOutput,
) => ResolveFnOutput;

/** `module.registerHooks` (Node 22.15): in this thread, for `import` and `require`. */
export type RegisterHooks = (hooks: { resolve: ResolveSync }) => void;

let indexUrl = '';

/** Called once by Node, in the hooks' own thread (node:module, "Customization Hooks"). */
export function initialize(data: HookData): void {
  indexUrl = data.indexUrl;
}

/**
 * Lets a tool import 'mcp-once' from wherever it lies: always this very instance, so that its tools
 * and errors are ours. 'zod' is the tool's own where there is one, else ours.
 */
export const resolve: ResolveHook = async (specifier, context, nextResolve) => {
  if (specifier === 'mcp-once') return { url: indexUrl, shortCircuit: true };
  if (!isZod(specifier)) return nextResolve(specifier, context);
  try {
    return await nextResolve(specifier, context);
  } catch {
    return nextResolve(specifier, { ...context, parentURL: indexUrl });
  }
};

/** The same, for `registerHooks`. */
export function resolveSync(ourIndexUrl: string): ResolveSync {
  return (specifier, context, nextResolve) => {
    if (specifier === 'mcp-once') return { url: ourIndexUrl, shortCircuit: true };
    if (!isZod(specifier)) return nextResolve(specifier, context);
    try {
      return nextResolve(specifier, context);
    } catch {
      return nextResolve(specifier, { ...context, parentURL: ourIndexUrl });
    }
  };
}

function isZod(specifier: string): boolean {
  return specifier === 'zod' || specifier.startsWith('zod/');
}
