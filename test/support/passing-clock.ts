import { type Clock, systemClock } from '../../src/core/clock.ts';

/** The system's clock after more time has passed: for everybody on the machine, not for one wall clock only. */
export function afterMore(passedMs: () => number): Clock {
  return {
    ...systemClock,
    wallMs: () => systemClock.wallMs() + passedMs(),
    machine: () => {
      const { boot = '', ms = 0 } = systemClock.machine?.() ?? {};
      return { boot, ms: ms + passedMs() };
    },
  };
}
