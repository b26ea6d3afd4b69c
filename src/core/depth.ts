/** The deepest nesting of a result that is kept and passed on. Parsers of clients fail at about 1,000 levels. */
export const resultDepthMax = 500;

/** Returns whether a value has more levels of objects and lists than a limit. Does not recurse, so any depth is safe. */
export function isDeeperThan(depthMax: number, value: unknown): boolean {
  let level: object[] = isContainer(value) ? [value] : [];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth === depthMax) return true;
    const next: object[] = [];
    for (const each of level) {
      for (const inner of Array.isArray(each) ? each : Object.values(each)) if (isContainer(inner)) next.push(inner);
    }
    level = next;
  }
  return false;
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
