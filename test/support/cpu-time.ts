/**
 * The limit for work that an attack makes endless, in ms of CPU time. Each attack takes minutes to years without the
 * product's bound, and less than a tenth of this with it.
 */
export const boundedCpuMs = 30_000;

/** Returns a function that tells how much CPU time this process has used since. Busy neighbours do not add to it. */
export function cpuTimer(): () => number {
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  };
}
