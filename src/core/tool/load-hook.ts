import type { ResolveFnOutput, ResolveHook, ResolveHookContext } from 'node:module';

/** The data of the hook: the URL of the index module of the mcp-once that loads the tools. */
export interface HookData {
  readonly indexUrl: string;
}

type ResolveSync = (
  specifier: string,
  context: ResolveHookContext,
  nextResolve: (specifier: string, context?: ResolveHookContext) => ResolveFnOutput,
) => ResolveFnOutput;

/** The type of `module.registerHooks` (Node 22.15), which works in this thread for `import` and `require`. */
export type RegisterHooks = (hooks: { resolve: ResolveSync }) => void;

let indexUrl = '';

/** Node calls this once, in the thread of the hooks (node:module, "Customization Hooks"). */
export function initialize(data: HookData): void {
  indexUrl = data.indexUrl;
}

/**
 * Resolves 'mcp-once' in any tool file to the running instance, so that tools and errors have its classes. Resolves
 * 'zod' to the tool's own copy if there is one, otherwise to the copy of mcp-once.
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

/** Does the same as `resolve`, for `registerHooks`. */
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
