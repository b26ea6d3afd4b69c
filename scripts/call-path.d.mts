/** Measures a first call and its replay in a real server. Returns the source files that each crosses, sorted. */
export function callPaths(): Promise<{ readonly first: readonly string[]; readonly replay: readonly string[] }>;
