import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';

const { now: wallMs } = Date;
const machineSeconds = os.uptime;
const monotonicMs = performance.now.bind(performance);
let aheadMs = 0;

/**
 * Lets the clocks of this process be set forward. Servers of every origin run in this process, and those of the library take
 * no clock.
 */
export function installTimeTravel(): void {
  Date.now = () => wallMs() + aheadMs;
  performance.now = () => monotonicMs() + aheadMs;
  os.uptime = () => machineSeconds() + aheadMs / 1_000;
  syncBuiltinESMExports();
}

/** Sets all clocks of this process forward. */
export function travel(ms: number): void {
  aheadMs += ms;
}

/** How far the clocks of this process are ahead, for those of other processes. */
export function travelledMs(): number {
  return aheadMs;
}
