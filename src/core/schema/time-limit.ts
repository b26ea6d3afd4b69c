import { type Context, createContext, Script } from 'node:vm';

let sandbox: { readonly script: Script; readonly context: Context } | undefined;

/** The result of bounded work. */
export type Bounded<T> = { readonly isLate: false; readonly value: T } | { readonly isLate: true };

/**
 * Runs synchronous work with a time limit, which costs about 0.2 ms. The limit ends loops and the backtracking of a
 * pattern. The work must not be nested in other bounded work. Errors of the work pass through.
 */
export function withTimeLimit<T>(ms: number, work: () => T): Bounded<T> {
  sandbox ??= { script: new Script('work()'), context: createContext({}) };
  const { script, context } = sandbox;
  Object.assign(context, { work });
  try {
    return { isLate: false, value: script.runInContext(context, { timeout: ms }) as T };
  } catch (error) {
    if (codeOf(error) === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return { isLate: true };
    throw error;
  } finally {
    Object.assign(context, { work: undefined });
  }
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
